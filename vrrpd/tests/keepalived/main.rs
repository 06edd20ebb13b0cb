//! keepalived.conf as its users meet it: the language, what becomes of each setting, what is said of the rest.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod broken;
mod contradictions;
mod conversion;
mod groups;
mod language;
mod lookalikes;
mod macvlans;
mod memory;
mod properties;
mod ranges;
mod roles;
mod samples;
mod twice;
mod unicast;
mod weights;
