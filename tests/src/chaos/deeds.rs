//! What can be done to the routers of a cluster, and how it is taken back.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;

use super::{
    cluster::{Cluster, SECOND_CARD, VIRTUALS},
    layout::Told,
    schedule::{Fault, Own, Pair, ROUTERS, Strike},
};
use crate::{
    daemons::Daemon as _,
    lab::{CLIENT, INTERFACE, SECOND_INTERFACE},
};

/// Blocked ports while one flaps.
const FLAPS: u32 = 4;

impl Cluster {
    /// Does what the fault says to a router, by number.
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn strike(&mut self, strike: &Strike) -> Result<()> {
        let Strike { fault, victim: number, .. } = *strike;
        let host = format!("r{number}");
        match fault {
            Fault::Kill => self.daemon(number).kill(),
            Fault::Freeze => self.daemon(number).freeze(),
            Fault::Terminate => self.daemon(number).terminate(),
            Fault::Reload => self.tell(number, |told| told.more = true),
            Fault::Laid(layout) => self.tell(number, |told| told.layout = layout),
            Fault::RouterRemoved(place) => self.tell(number, |told| told.without = Some(place)),
            Fault::Signals(pair) => self.signals(number, pair, strike.gap()),
            Fault::Upgrade => self.daemon(number).process().signal(Signal::USR2),
            Fault::Carrier => self.lab.cut(&host),
            Fault::Down => self.ip(number, "link set eth0 down"),
            Fault::Delete => self.lab.unplug(&host),
            Fault::VipRemoved => {
                for address in (0..VIRTUALS.len()).flat_map(|place| self.told(number).addresses(place)) {
                    // Only a master has it.
                    let _absent = self.ip(number, &format!("address del {address} dev {INTERFACE}"));
                }
                self.give_own(number)
            }
            Fault::AddressRemoved => {
                self.ip(number, &format!("address del {} dev {INTERFACE}", self.told(number).first()))
            }
            Fault::Own(own) => self.own(number, own),
            Fault::SecondCard => self.second_card(number),
            Fault::XdpOff => self.xdp_off(number),
            Fault::XdpDetached => self.detach(number, "xdp_link"),
            Fault::EgressDetached => self.detach(number, "egress_link"),
            Fault::MapsUnpinned => self.unpin(number, |name| !name.ends_with("_link")),
            Fault::Unpinned => self.unpin(number, |_name| true),
            Fault::DirectoryRemoved => {
                self.unpin(number, |_name| true)?;
                // The daemon may have pinned something again already.
                let _in_use = fs::remove_dir(self.pin_dir(number)?);
                Ok(())
            }
            Fault::Isolated => self.isolate(number),
            Fault::Flapping => self.flap(number),
        }
        .with_context(|| format!("{fault} of {host}"))
    }

    /// Takes it back, as far as an operator would have to.
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn heal(&mut self, fault: Fault, number: u8) -> Result<()> {
        let host = format!("r{number}");
        let advert_int = self.advert_int;
        match fault {
            Fault::Kill | Fault::Terminate => self.daemon(number).restart(),
            Fault::Freeze => self.daemon(number).thaw(),
            Fault::Signals(pair) if pair.ends() => {
                self.told_mut(number).more = false;
                let config = self.told(number).config(advert_int);
                self.daemon(number).restart_with(&config)
            }
            Fault::Reload | Fault::Signals(_) => self.tell(number, |told| told.more = false),
            Fault::RouterRemoved(_) => self.tell(number, |told| told.without = None),
            Fault::Carrier => self.lab.restore(&host),
            Fault::Down => self.ip(number, "link set eth0 up"),
            Fault::Delete => {
                self.told_mut(number).forget_own();
                self.lab.replug(&host)
            }
            Fault::AddressRemoved => {
                self.ip(number, &format!("address add {} dev {INTERFACE}", self.told(number).first()))?;
                self.give_own(number)
            }
            Fault::Isolated => self.rejoin(number),
            // The daemon does it.
            Fault::Upgrade
            | Fault::VipRemoved
            | Fault::Laid(_)
            | Fault::Own(_)
            | Fault::SecondCard
            | Fault::XdpOff
            | Fault::XdpDetached
            | Fault::EgressDetached
            | Fault::MapsUnpinned
            | Fault::Unpinned
            | Fault::DirectoryRemoved
            | Fault::Flapping => Ok(()),
        }
        .with_context(|| format!("healing {fault} of {host}"))
    }

    /// Starts daemons again that have ended and should not have, so that the next episode begins with all of them.
    ///
    /// # Errors
    /// If one does not start, or the cluster does not settle.
    pub(super) fn revive(&mut self) -> Result<()> {
        for number in 1..=ROUTERS {
            if !self.daemon(number).process().runs()? {
                self.daemon(number).restart()?;
            }
        }
        self.settle()
    }

    fn ip(&self, number: u8, line: &str) -> Result<()> {
        self.lab.host(&format!("r{number}"))?.namespace.ip(line).map(drop)
    }

    /// Another configuration, and SIGHUP.
    fn tell(&mut self, number: u8, change: impl FnOnce(&mut Told)) -> Result<()> {
        change(self.told_mut(number));
        let config = self.told(number).config(self.advert_int);
        self.daemon(number).reload_with(&config)
    }

    fn signals(&mut self, number: u8, pair: Pair, gap: Duration) -> Result<()> {
        let send = |cluster: &mut Self, signal| cluster.daemon(number).process().signal(signal);
        let more = |cluster: &mut Self, more| cluster.tell(number, |told| told.more = more);
        match pair {
            Pair::HupHup | Pair::HupTerm => more(self, true)?,
            Pair::Usr2Usr2 | Pair::Usr2Hup | Pair::Usr2Term => send(self, Signal::USR2)?,
        }
        std::thread::sleep(gap);
        match pair {
            Pair::HupHup => more(self, false),
            Pair::Usr2Hup => more(self, true),
            Pair::Usr2Usr2 => send(self, Signal::USR2),
            Pair::HupTerm | Pair::Usr2Term => {
                send(self, Signal::TERM)?;
                let ended = self.daemon(number).process().ended()?;
                ensure!(ended.success(), "it has ended with {ended}");
                Ok(())
            }
        }
    }

    /// Gives the host one more address of its own, or takes it: nobody else may have taken it.
    fn own(&mut self, number: u8, own: Own) -> Result<()> {
        let (address, has) = self.told_mut(number).toggle(own);
        let verb = if has { "add" } else { "del" };
        self.ip(number, &format!("address {verb} {address} dev {INTERFACE}"))?;
        // It may have become the first one of its network.
        self.give_own(number)
    }

    /// What the kernel has taken away with an address that was removed by hand.
    fn give_own(&self, number: u8) -> Result<()> {
        let mut own = self.told(number).own();
        own.try_for_each(|address| self.ip(number, &format!("address replace {address} dev {INTERFACE}")))
    }

    /// The kernel refuses to take away what a link holds.
    fn xdp_off(&self, number: u8) -> Result<()> {
        for mode in ["xdp", "xdpgeneric", "xdpdrv"] {
            let _refused = self.ip(number, &format!("link set dev {INTERFACE} {mode} off"));
        }
        Ok(())
    }

    fn detach(&self, number: u8, link: &str) -> Result<()> {
        let pin = self.pin_dir(number)?.join(link);
        let output =
            std::process::Command::new("bpftool").args(["link", "detach", "pinned"]).arg(&pin).output()?;
        if !output.status.success() {
            bail!("bpftool link detach: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    fn unpin(&self, number: u8, which: impl Fn(&str) -> bool) -> Result<()> {
        for name in self.pinned().iter().filter(|name| which(name)) {
            let pin = self.pin_dir(number)?.join(name);
            fs::remove_file(&pin).with_context(|| format!("removing {}", pin.display()))?;
        }
        Ok(())
    }

    /// Sets the host's other card up or down.
    fn second_card(&mut self, number: u8) -> Result<()> {
        let told = self.told_mut(number);
        told.second_card = !told.second_card;
        let way = if told.second_card { "up" } else { "down" };
        self.ip(number, &format!("link set {SECOND_INTERFACE} {way}"))?;
        // The client may have learnt that card's MAC address, which is not vrrpd's to prevent while this host is master.
        self.lab.host(CLIENT)?.namespace.ip(&format!("neighbour flush dev {INTERFACE}")).map(drop)
    }

    /// The ports of all its cards.
    fn ports(&self, number: u8) -> Vec<String> {
        let second = self.told(number).second_card.then(|| format!("r{number}{SECOND_CARD}"));
        std::iter::once(format!("r{number}")).chain(second).collect()
    }

    /// The second card first, and back last: it alone would answer for a router that nobody hears.
    fn isolate(&self, number: u8) -> Result<()> {
        self.ports(number).iter().rev().try_for_each(|port| self.lab.isolate(port))
    }

    fn rejoin(&self, number: u8) -> Result<()> {
        self.ports(number).iter().try_for_each(|port| self.lab.rejoin(port))
    }

    fn flap(&self, number: u8) -> Result<()> {
        for _ in 0..FLAPS {
            self.isolate(number)?;
            std::thread::sleep(self.advert_int / 2);
            self.rejoin(number)?;
            std::thread::sleep(self.advert_int / 2);
        }
        Ok(())
    }
}
