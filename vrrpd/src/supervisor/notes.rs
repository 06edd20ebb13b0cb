//! Notes of what the next daemon must know and the kernel does not say: made beside the pins of every data plane, so that it is
//! there when this process is killed, and gone when the data planes are.

use vrrp_dataplane::Inherited;

use super::Supervisor;

/// Note of whose the pins are: the control socket of the daemon, which no two in a network namespace share.
pub(super) const OWNER: &str = "owner";
/// Note of how `ip_nonlocal_bind` was found.
pub(super) const NONLOCAL_BIND: &str = "ip_nonlocal_bind";

impl Supervisor {
    /// Writes a note beside all pins, or takes it back.
    pub(super) fn note(&self, name: &str, text: Option<&str>) {
        for (interface, plane) in &self.planes {
            if let Err(error) = plane.plane.note(name, text) {
                tracing::warn!(
                    interface, note = name, %error,
                    "cannot be noted beside the pins: after a crash it would be left behind"
                );
            }
        }
    }

    /// Tells how this daemon is told from another one in the same network namespace.
    pub(super) fn owner(&self) -> String {
        self.options
            .socket
            .as_deref()
            .map_or_else(|| "vrrpd".to_owned(), |socket| socket.display().to_string())
    }

    /// Writes all notes beside the pins of one interface, where they may not be yet.
    pub(super) fn note_all(&self, interface: &str) {
        let Some(plane) = self.planes.get(interface) else { return };
        let owner = (OWNER, self.owner());
        let bind = self.nonlocal_bind.found().map(|found| (NONLOCAL_BIND, found.to_owned()));
        for (name, text) in std::iter::once(owner).chain(bind).chain(self.routing.notes()) {
            if let Err(error) = plane.plane.note(name, Some(&text)) {
                tracing::warn!(interface, note = name, %error, "cannot be noted beside the pins");
            }
        }
    }

    /// Takes in what an earlier daemon has left about an interface.
    pub(super) fn inherit(&mut self, interface: &str, inherited: &Inherited) {
        let addresses = || inherited.addresses.iter().copied();
        self.record.enter(interface, addresses());
        let owned = inherited.notes.iter().any(|(name, _)| name == OWNER);
        if !owned {
            let unowned = addresses().filter(|address| !self.owners.contains(address));
            self.record.enter_unmarked(interface, unowned);
        }
        for (name, text) in &inherited.notes {
            if name.starts_with(super::routing::NOTE) {
                self.routing.inherit(name, text);
            } else if name == NONLOCAL_BIND {
                self.nonlocal_bind.inherit(text);
            }
        }
    }
}
