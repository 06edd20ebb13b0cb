//! A laboratory for virtual routers: real interfaces in network namespaces, and a wire that can be read.
//!
//! [`Lab`] is a bridge with one host per namespace. Its [`Capture`] reads every port of the bridge with kernel
//! timestamps, so it knows which host sent a frame even when two of them use the same virtual MAC. [`Asker`] asks
//! for a virtual address, and [`Answers`] says who replied, how long nobody did and how long two did. [`daemons`]
//! runs `vrrpd`, keepalived and FRR in the hosts.
//!
//! Nothing here trusts a daemon's own word: frames are decoded by [`wire`], which shares no code with `vrrpd`.
//! Everything needs root, and everything is bounded and removed on drop, also when a test panics.

pub mod answers;
pub mod asker;
pub mod capture;
pub mod chaos;
pub mod container;
pub mod daemons;
pub mod demo;
pub mod gateway;
pub mod inject;
pub mod lab;
pub mod mac;
pub mod netns;
pub mod packet;
pub mod realtime;
pub mod scenario;
pub mod scratch;
pub mod stamp;
pub mod timeline;
pub mod wait;
pub mod web;
pub mod wire;

pub use answers::Answers;
pub use asker::{Ask, Asker, Form};
pub use capture::Capture;
pub use lab::Lab;
pub use mac::Mac;
pub use netns::Namespace;
pub use stamp::Stamp;
pub use timeline::{Direction, Frame, Timeline};
