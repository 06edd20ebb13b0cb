//! `ip_nonlocal_bind`: a service may bind a virtual address while it is on another box, so that it need not be started
//! when the role comes.
//!
//! It is the kernel's switch for the whole network namespace, so it is touched only if the configuration asks for it,
//! and put back as it was found. Nothing is answered for because of it: the door of a backup stays closed.

use std::{fs, io, path::Path};

use crate::handover::NONLOCAL_BIND;

const SWITCH: &str = "/proc/sys/net/ipv4/ip_nonlocal_bind";

/// The switch, and how it is to be left.
#[derive(Debug, Default)]
pub(crate) struct NonlocalBind {
    /// Value that it had before it was turned on here; `None` if it was not.
    found: Option<String>,
}

impl NonlocalBind {
    /// Takes over from the program before, if this one was started in its place.
    pub(crate) fn inherited() -> Self {
        Self { found: std::env::var(NONLOCAL_BIND).ok() }
    }

    /// An earlier daemon was killed before it could put back what it had found.
    pub(crate) fn inherit(&mut self, found: &str) {
        self.found.get_or_insert(found.to_owned());
    }

    /// Tells what it is to be put back to, if it was turned on here or is about to be.
    pub(crate) fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }

    /// Finds out what [`set`](Self::set) will have to put back one day.
    pub(crate) fn look(&mut self, wanted: bool) {
        let present = fs::read_to_string(SWITCH).ok().map(|present| present.trim().to_owned());
        if let Some(present) = present.filter(|present| wanted && present != "1") {
            self.found.get_or_insert(present);
        }
    }

    /// Turns the switch on, or back to what it was.
    pub(crate) fn set(&mut self, wanted: bool) {
        self.set_at(Path::new(SWITCH), wanted);
    }

    /// Tells what the program that takes this one's place must know.
    pub(crate) fn hand_over(&self) -> Option<&str> {
        self.found.as_deref()
    }

    fn set_at(&mut self, switch: &Path, wanted: bool) {
        let result = if wanted { self.turn_on(switch) } else { self.put_back(switch) };
        if let Err(error) = result {
            tracing::warn!(%error, switch = %switch.display(), wanted, "ip_nonlocal_bind could not be set");
        }
    }

    fn turn_on(&mut self, switch: &Path) -> io::Result<()> {
        let present = fs::read_to_string(switch)?.trim().to_owned();
        if present != "1" {
            fs::write(switch, "1")?;
            tracing::info!("services may bind addresses that are not on this host (ip_nonlocal_bind = true)");
            // Somebody may have turned it off since: what was found first is still how it is to be left.
            self.found.get_or_insert(present);
        }
        Ok(())
    }

    fn put_back(&mut self, switch: &Path) -> io::Result<()> {
        self.found.take().map_or(Ok(()), |found| fs::write(switch, found))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn switch(name: &str, value: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("vrrpd-{name}-{}", std::process::id()));
        fs::write(&path, value).unwrap();
        path
    }

    #[test]
    fn what_was_found_is_put_back() {
        let path = switch("off", "0\n");
        let mut bind = NonlocalBind::default();
        bind.set_at(&path, true);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1");
        bind.set_at(&path, true);
        assert_eq!(bind.hand_over(), Some("0"));
        bind.set_at(&path, false);
        assert_eq!(fs::read_to_string(&path).unwrap(), "0");
        assert_eq!(bind.hand_over(), None);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_the_operator_has_turned_on_stays_on() {
        let path = switch("on", "1\n");
        let mut bind = NonlocalBind::default();
        bind.set_at(&path, true);
        bind.set_at(&path, false);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        fs::remove_file(path).unwrap();
    }
}
