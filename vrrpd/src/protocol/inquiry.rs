//! Questions by ARP whether another box answers for the addresses, and what is said when the role is given up to it: what elections
//! ask for beside adverts (I11).

use std::net::{IpAddr, Ipv4Addr};

use vrrp_common::{
    election::{Effects, Input, Remark, StateName},
    receive::Received,
    time::Time,
    types::{Family, Mac},
    wire::{
        arp,
        vrrp::{self, Header},
    },
};

use super::{mismatch, router::Router, run::Loop};
use crate::{
    clock::now,
    notify::{News, State, Subject},
    packet::BATCH,
};

/// Addresses that are asked for: the first ones. One answer is enough.
const ASKED: usize = BATCH;

impl Loop {
    /// Carries out what an election wants beside doors and adverts.
    pub(super) fn attend(&mut self, index: usize, effects: &Effects, received: Option<&Received<'_>>) {
        if let Some(to) = effects.ask {
            self.ask(index, to, received);
        }
        if let Some(mac) = effects.moved_to {
            self.say_moved(index, mac);
        }
        match effects.remark {
            Some(Remark::Clash) => {
                self.routers.get_mut(index).zip(received).into_iter().for_each(|(router, received)| {
                    mismatch::clash(router, received);
                });
                self.choose_mac(index);
            }
            Some(Remark::HandsOverInVain) => {
                self.routers.get_mut(index).into_iter().for_each(mismatch::hands_over_in_vain);
            }
            Some(Remark::SilentMasterAnswers) => self.split(index),
            None => {}
        }
        self.stop_asking(index);
    }

    /// Sends the question for the addresses that both have, or for all, as far as they are on the interface of the adverts.
    fn ask(&mut self, index: usize, to: Mac, received: Option<&Received<'_>>) {
        let Some(router) = self.routers.get_mut(index) else { return };
        // Asked again, it is asked for the same.
        if router.asked.is_empty() || received.is_some() {
            router.asked = router.addresses_at_home(received).take(ASKED).collect();
        }
        if router.asked.is_empty() {
            return;
        }
        let Some(interface) = self.interfaces.get_mut(router.interface) else { return };
        let (Some(link), Some(port)) = (&interface.link, interface.port.as_mut()) else { return };
        port.tables.set_asking(router.slot, true);
        let frames: Vec<_> =
            router.asked.iter().map(|address| arp::question(link.mac, *address, to)).collect();
        router.statistics.questions_sent += frames.len() as u64;
        // What does not leave is not answered, and asked again.
        let _unsent = port.socket.send(frames.iter());
    }

    /// Once nothing hangs on an answer any more, the data plane need not look for one.
    fn stop_asking(&mut self, index: usize) {
        let Some(router) = self.routers.get_mut(index) else { return };
        if router.asked.is_empty() || router.election.is_asking() {
            return;
        }
        router.asked.clear();
        let port = self.interfaces.get_mut(router.interface).and_then(|interface| interface.port.as_mut());
        port.into_iter().for_each(|port| port.tables.set_asking(router.slot, false));
    }

    /// Tells neighbours, who may know the MAC of this box for them, where the addresses are now. The frame comes from the interface's
    /// own MAC, so that switches do not learn the other one here.
    fn say_moved(&mut self, index: usize, to: Mac) {
        let Some(router) = self.routers.get(index).filter(|router| router.mac() != to) else { return };
        let Some(interface) = self.interfaces.get(router.interface) else { return };
        let (Some(link), Some(port)) = (&interface.link, &interface.port) else { return };
        let frames: Vec<_> =
            router.asked.iter().map(|address| arp::elsewhere(link.mac, to, *address)).collect();
        let sent = port.socket.send_past_the_door(frames.iter());
        if let Err(error) = sent {
            tracing::warn!(router = %router.config.name, %error, "neighbours could not be told where the addresses are");
        }
    }

    /// Hands on what may be the answer to a question. Whether it was one.
    pub(super) fn take_answer(&mut self, index: usize, at: Time, frame: &[u8]) -> bool {
        let Some(router) = self.routers.get(index) else { return false };
        let Some(claim) = arp::answer(frame, router.interface_mac()) else { return false };
        let wanted = router.asked.contains(&claim.address) && claim.mac != router.interface_mac();
        if wanted {
            self.feed(index, now(), at, Input::Answered { at, mac: claim.mac }, None);
        }
        wanted
    }

    /// The master is silent and answers: tells whoever is told of changes of state.
    fn split(&mut self, index: usize) {
        let Some(router) = self.routers.get_mut(index) else { return };
        router.statistics.silent_masters_that_answer += 1;
        let name = &router.config.name;
        tracing::error!(
            router = %name, limit = router.config.probe_limit,
            "the master is silent and answers ARP: its adverts are lost on their way; look at multicast filters and IGMP snooping on the switch"
        );
        let news = News {
            subject: Subject::Instance(name.clone()),
            state: State::Split,
            priority: router.priority().as_u8(),
        };
        if !self.send_news(news) {
            tracing::warn!("too much is under way: nobody is told of the split");
        }
    }

    /// Goes by the virtual MAC, or by the interface's own while another cluster speaks from the same virtual one: its healthy
    /// addresses would break, too. A running master stays where neighbours know it.
    pub(super) fn choose_mac(&mut self, index: usize) {
        let Some(router) = self.routers.get_mut(index) else { return };
        let at = now();
        let taken = router.election.clash(at).is_some_and(|clash| clash.advert.from_virtual_mac);
        let running = matches!(router.election.name(), StateName::Master | StateName::Leaving);
        let own = router.config.use_vmac && taken && (router.has_own_mac() || !running);
        if router.has_own_mac() == own {
            return;
        }
        router.set_own_mac(own);
        let name = &router.config.name;
        if own {
            tracing::warn!(router = %name, "another cluster has the virtual MAC: this router goes by its interface's own until that one is gone");
        } else {
            tracing::info!(router = %name, "the virtual MAC is free again: this router goes by it");
        }
        if running {
            router.announcements.start(at);
        }
        self.install(index);
    }
}

/// The addresses of an advert.
pub(super) fn listed(received: &Received<'_>) -> impl Iterator<Item = IpAddr> {
    let count = Header::parse(received.message).map_or(0, |header| header.count);
    vrrp::addresses(received.message, Family::V4, count)
}

impl Router {
    /// Its addresses on the interface of its adverts, or those of them that an advert lists as well.
    fn addresses_at_home(&self, received: Option<&Received<'_>>) -> impl Iterator<Item = Ipv4Addr> {
        let listed = received.map(|received| listed(received).collect::<Vec<_>>());
        let home = &self.config.interface;
        let at_home = self.config.addresses.iter().filter(move |vip| {
            vip.dev.as_ref().is_none_or(|dev| dev == home)
                && listed.as_ref().is_none_or(|listed| listed.contains(&vip.address))
        });
        at_home.filter_map(|vip| match vip.address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
    }

    /// When gratuitous ARP is due: not while the role may be about to be given up.
    pub(super) fn announces_at(&self) -> Time {
        self.announcements.due_at().max(self.election.announces_from())
    }
}
