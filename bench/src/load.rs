//! What a machine is busy with while something is measured.

use anyhow::Result;
use tests::Lab;

use crate::{flood::Flood, hogs::Hogs};

/// What else goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Nothing.
    Idle,
    /// Eight threads that spin.
    Hogs,
    /// As many packets to the virtual address as one thread can send.
    Flood,
}

/// It goes on until this is dropped.
#[derive(Debug)]
pub(crate) enum Loaded {
    Idle,
    Hogs(#[expect(dead_code, reason = "held: they stop on drop")] Hogs),
    Flood(Flood),
}

impl Load {
    pub(crate) const ALL: [Self; 3] = [Self::Idle, Self::Hogs, Self::Flood];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Hogs => "8 CPU hogs",
            Self::Flood => "packet flood",
        }
    }

    /// Begins; the flood comes from the client.
    pub(crate) fn start(self, lab: &Lab) -> Result<Loaded> {
        Ok(match self {
            Self::Idle => Loaded::Idle,
            Self::Hogs => Loaded::Hogs(Hogs::start()),
            Self::Flood => Loaded::Flood(Flood::start(lab)?),
        })
    }
}

impl Loaded {
    /// Packets a second so far, of a flood.
    pub(crate) fn rate(&self) -> Option<f64> {
        match self {
            Self::Flood(flood) => Some(flood.rate()),
            Self::Idle | Self::Hogs(_) => None,
        }
    }
}
