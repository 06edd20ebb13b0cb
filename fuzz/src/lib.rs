//! What must hold for every input from outside. A target takes any bytes and panics when something does not hold.
//!
//! The bodies are here once: `cargo xtask fuzz TARGET` drives them with libFuzzer, and the test `corpus` replays the
//! committed inputs, every one that ever failed among them, without it.

#![forbid(unsafe_code)]
#![expect(clippy::panic, reason = "a target fails as a test does")]

pub mod receive;

mod config;
mod control;
mod keepalived_conf;
mod wire;

/// Something that takes bytes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As it is called on the command line; also the directory of its corpus.
    pub name: &'static str,
    /// What it holds.
    pub what: &'static str,
    /// Panics when an input breaks it.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 5] = [
    Target {
        name: "receive",
        what: "frames through the receive ladder into the election",
        run: receive::run,
    },
    Target {
        name: "wire",
        what: "adverts and ARP: what is emitted parses, what parses is emitted",
        run: wire::run,
    },
    Target {
        name: "config",
        what: "configuration: no text panics, a valid one reads back as it is written",
        run: config::run,
    },
    Target {
        name: "keepalived_conf",
        what: "keepalived.conf: no text panics, what comes out is TOML",
        run: keepalived_conf::run,
    },
    Target {
        name: "control",
        what: "control socket: questions to the daemon, answers to the client",
        run: control::run,
    },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
