//! keepalived.conf as its users meet it: the language, what becomes of each setting, what is said of the rest.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod broken;
mod contradictions;
mod conversion;
mod dump;
mod groups;
mod ignored;
mod language;
mod lookalikes;
mod macvlans;
mod mail;
mod memory;
mod passwords;
mod places;
mod properties;
mod ranges;
mod roles;
mod routes;
mod samples;
mod scripts;
mod shared;
mod tables;
mod twice;
mod unicast;
mod weights;
