//! Deterministic simulation: several routers of the real election, each with a model of daemon and data plane, on a
//! LAN where things go wrong.
//!
//! A seed is a [`Scenario`], a scenario is a run, and a run that breaks an invariant is a [`Failure`] with the least
//! scenario that still breaks it. Nothing here reads a clock or the environment: `cargo xtask sim` and the tests choose
//! the seeds.

#![forbid(unsafe_code)]
#![expect(clippy::wildcard_enum_match_arm, reason = "a checker names what it looks at")]

mod checkers;
pub mod cluster;
mod daemon;
mod describe;
mod failure;
mod faults;
mod host;
mod kernel;
mod mutation;
mod network;
mod port;
mod random;
mod scenario;
mod shrink;
mod sweep;
mod trace;
mod world;

pub use checkers::Violation;
pub use failure::Failure;
pub use mutation::Mutation;
pub use scenario::Scenario;
pub use sweep::{Sweep, sweep};
pub use world::{Outcome, run};
