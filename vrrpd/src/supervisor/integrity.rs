//! Sees to it that what was attached and pinned still is, whatever other tools do.
//!
//! The kernel tells nobody that a program was detached or a pin removed, so this looks: now and then, and before an
//! address is added, since a router that hears nothing any more becomes master for that reason alone.

use std::time::Duration;

use super::{Supervisor, planes::detach};
use vrrp_config::Config;
use vrrp_dataplane::Detached;

use crate::{
    failure::Failure,
    protocol::{Command, Message},
};

/// Bounds of the time from one look to the next.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_millis(500);

/// From one look to the next: as long as a master may be silent, within bounds.
pub(super) fn period(config: &Config) -> Duration {
    let intervals = config.routers.iter().map(|router| router.advert_int.span());
    (3 * intervals.min().unwrap_or(LONGEST)).clamp(SHORTEST, LONGEST)
}

impl Supervisor {
    /// Looks at every data plane and puts right what somebody has undone.
    pub(super) async fn inspect(&mut self) -> Result<(), Failure> {
        if self.planes.values().any(|plane| plane.plane.detached().is_some()) {
            // The interface itself may be gone, which is another matter.
            self.refresh(false).await?;
        }
        for name in self.planes.keys().cloned().collect::<Vec<_>>() {
            match self.planes.get(&name).and_then(|plane| plane.plane.detached()) {
                None => self.pin_again(&name),
                Some(Detached::Egress) => self.attach_egress_again(&name).await?,
                Some(Detached::Xdp) if self.detached.contains(&name) => self.attach_again(&name).await?,
                Some(Detached::Xdp) => self.give_up(&name).await,
            }
        }
        self.inspect_guard().await;
        Ok(())
    }

    /// Gives up the roles on interfaces whose program is detached. Nothing is judged there any more, and nothing gated.
    pub(super) async fn give_up_where_detached(&mut self) {
        let is_detached = |name: &&String| {
            let plane = self.planes.get(*name).filter(|_| !self.detached.contains(*name));
            plane.is_some_and(|plane| plane.plane.detached() == Some(Detached::Xdp))
        };
        for name in self.planes.keys().filter(is_detached).cloned().collect::<Vec<_>>() {
            self.give_up(&name).await;
        }
    }

    async fn give_up(&mut self, name: &str) {
        tracing::error!(
            interface = name,
            "somebody has detached the XDP program: giving up the roles, then attaching it again"
        );
        self.detached.insert(name.to_owned());
        self.send(Command::Detached { interface: name.to_owned() }).await;
    }

    /// Starts afresh, once the addresses are gone that the kernel would answer for.
    async fn attach_again(&mut self, name: &str) -> Result<(), Failure> {
        if self.holdings.is_on(name) {
            return Ok(());
        }
        if let Some(plane) = self.planes.remove(name) {
            self.send(Message::Port { interface: name.to_owned(), port: None }).await;
            detach(name, plane).await;
        }
        self.detached.remove(name);
        self.refresh(false).await
    }

    /// As the next daemon would take over from this one: roles and leases stay.
    async fn attach_egress_again(&mut self, name: &str) -> Result<(), Failure> {
        tracing::error!(interface = name, "somebody has detached the egress program: attaching it again");
        // It stays, and so do its pins; only its descriptors and its lock go.
        drop(self.planes.remove(name));
        self.refresh(false).await
    }

    fn pin_again(&mut self, name: &str) {
        let Some(plane) = self.planes.get_mut(name).filter(|plane| plane.plane.is_unpinned()) else { return };
        match plane.plane.pin_again() {
            Ok(()) => {
                tracing::warn!(interface = name, "somebody has removed pins: pinned again");
                self.note_all(name);
            }
            Err(error) => tracing::error!(
                interface = name,
                %error,
                "pins are gone and cannot be made again: after a crash of this process the kernel would answer"
            ),
        }
    }
}
