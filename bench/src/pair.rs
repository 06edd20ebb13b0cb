//! Two routers of one contender on a switch, of which one fails and comes back.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::{
    Lab,
    daemons::Router,
    scenario::{PATIENCE, VRID, until_master},
};

use crate::{
    Bench,
    contender::{Contender, Node, forget_addresses},
};

/// What befalls the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// SIGKILL.
    Kill,
    /// SIGSTOP.
    Freeze,
    /// SIGTERM.
    Terminate,
    /// Its carrier is lost.
    Cut,
}

impl Failure {
    /// All, the most frequent question first.
    pub(crate) const ALL: [Self; 4] = [Self::Kill, Self::Freeze, Self::Terminate, Self::Cut];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::Freeze => "SIGSTOP",
            Self::Terminate => "SIGTERM",
            Self::Cut => "link cut",
        }
    }
}

/// The first of `nodes` is on r1; `master` is the index of the present master.
#[derive(Debug)]
pub(crate) struct Pair<'a> {
    bench: &'a Bench,
    lab: &'a Lab,
    contender: Contender,
    pub(crate) routers: [Router; 2],
    pub(crate) nodes: [Node; 2],
    pub(crate) master: usize,
}

/// Where the two are.
pub(crate) const HOSTS: [&str; 2] = ["r1", "r2"];

/// Priorities 100 and 90 without preemption, so that roles alternate: the successor of one failure is the victim of
/// the next.
pub(crate) fn routers(advert_int: Duration) -> [Router; 2] {
    [100, 90].map(|priority| Router { advert_int, priority, preempt: false, ..Router::default() })
}

impl<'a> Pair<'a> {
    /// Starts both, the first as master.
    pub(crate) fn start(
        bench: &'a Bench,
        lab: &'a Lab,
        contender: Contender,
        routers: [Router; 2],
    ) -> Result<Self> {
        let start = |index: usize| Node::start(contender, &bench.vrrpd, lab, HOSTS[index], &routers[index]);
        let mark = lab.wire().mark();
        let first = start(0)?;
        until_master(lab, HOSTS[0], mark).with_context(|| format!("the log of r1:\n{}", first.log()))?;
        let second = start(1)?;
        second.until_backup(1)?;
        Ok(Self { bench, lab, contender, nodes: [first, second], routers, master: 0 })
    }

    /// The present master, by its adverts. Another one than there should be has come by itself.
    pub(crate) fn find_master(&mut self) -> Result<bool> {
        let mark = self.lab.wire().mark();
        let host = self.lab.wire().until("a master", mark, PATIENCE, |timeline| {
            let adverts = || timeline.adverts(VRID).filter(|(_, advert)| advert.priority > 0);
            let (last, _) = adverts().next_back()?;
            // One alone, twice.
            let settled = adverts().rev().take_while(|(frame, _)| frame.host == last.host).count() > 1;
            settled.then(|| HOSTS.iter().position(|host| **host == *last.host)).flatten()
        })?;
        let by_itself = host != self.master;
        self.master = host;
        Ok(by_itself)
    }

    /// Fails the master, and says which it was. The other one shall be master from now on.
    pub(crate) fn fail(&mut self, failure: Failure) -> Result<usize> {
        let old = self.master;
        let daemon = self.nodes[old].daemon();
        match failure {
            Failure::Kill => daemon.kill(),
            Failure::Freeze => daemon.freeze(),
            Failure::Terminate => daemon.terminate(),
            Failure::Cut => self.lab.cut(HOSTS[old]),
        }?;
        self.master = 1 - old;
        Ok(old)
    }

    /// A new process on a clean host, whatever happened to the old one.
    pub(crate) fn recover(&mut self, failure: Failure, index: usize) -> Result<()> {
        if matches!(failure, Failure::Freeze | Failure::Cut) {
            self.nodes[index].daemon().kill()?;
        }
        let namespace = &self.lab.host(HOSTS[index])?.namespace;
        forget_addresses(namespace, &self.routers[index]);
        if failure == Failure::Cut {
            self.lab.restore(HOSTS[index])?;
        }
        let router = &self.routers[index];
        self.nodes[index] = Node::start(self.contender, &self.bench.vrrpd, self.lab, HOSTS[index], router)?;
        self.nodes[index].until_backup(1)
    }

    /// Ends both, and takes away what they leave.
    pub(crate) fn leave(mut self) {
        for (node, host) in self.nodes.iter_mut().zip(HOSTS) {
            // Ended already, or killed on drop.
            let _ = node.daemon().terminate();
            if let Ok(host) = self.lab.host(host) {
                forget_addresses(&host.namespace, &self.routers[0]);
            }
        }
    }
}
