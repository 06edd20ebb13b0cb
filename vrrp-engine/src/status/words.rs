//! The same for persons.

use std::fmt;

use super::{
    CheckStatus, Clash, GroupStatus, GuardStatus, HookStatus, InterfaceStatus, Mismatch, RouterStatus,
    Status, Timers, TrackStatus, TransitionStatus,
};

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "vrrpd {} {}", self.version, self.router_id)?;
        self.routers.iter().try_for_each(|router| router.fmt(f))?;
        self.checks.iter().try_for_each(|check| check.fmt(f))?;
        self.interfaces.iter().try_for_each(|interface| interface.fmt(f))?;
        self.guard.fmt(f)?;
        self.groups.iter().try_for_each(|group| group.fmt(f))?;
        if !self.hooks.is_empty() {
            writeln!(f, "\nhooks")?;
        }
        self.hooks.iter().try_for_each(|hook| hook.fmt(f))
    }
}

impl fmt::Display for RouterStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, state, since) = (&self.name, &self.state, &self.since);
        writeln!(f, "\n{name}: {state} since {since}")?;
        if let Some(fault) = &self.fault {
            writeln!(f, "  fault       {fault}")?;
        }
        let (interface, vrid, version) = (&self.interface, self.virtual_router_id, self.version);
        writeln!(
            f,
            "  on          {interface}, VRID {vrid}, VRRPv{version}, priority {}",
            self.effective_priority
        )?;
        if !self.track.is_empty() {
            let tracked: Vec<_> = self.track.iter().map(ToString::to_string).collect();
            writeln!(f, "  tracks      {} (configured priority {})", tracked.join(", "), self.priority)?;
        }
        if let (Some(address), Some(priority)) = (self.master_address, self.master_priority) {
            writeln!(f, "  master      {address}, priority {priority}")?;
        }
        self.mismatch.iter().try_for_each(|mismatch| mismatch.fmt(f))?;
        self.clash.iter().try_for_each(|clash| clash.fmt(f))?;
        if let Some(rounds) = self.silent_master_answers {
            writeln!(
                f,
                "  SPLIT       the master has been silent for {rounds} intervals more, and answers ARP: its adverts are lost"
            )?;
        }
        if !self.unheard_peers.is_empty() {
            let peers: Vec<_> = self.unheard_peers.iter().map(ToString::to_string).collect();
            writeln!(f, "  never heard {}", peers.join(", "))?;
        }
        writeln!(f, "  addresses   {} at {}", self.addresses.join(", "), self.mac)?;
        self.timers.fmt(f)?;
        let nonzero: Vec<_> =
            self.statistics.iter().filter(|(_, n)| **n > 0).map(|(name, n)| format!("{name} {n}")).collect();
        writeln!(
            f,
            "  counters    {}",
            if nonzero.is_empty() { "all zero".into() } else { nonzero.join(", ") }
        )?;
        self.transitions.iter().rev().try_for_each(|transition| transition.fmt(f))
    }
}

impl fmt::Display for TrackStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.subject, self.state)?;
        match &self.effect {
            Some(effect) => f.write_str(effect),
            None => write!(f, "{:+}", self.points),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (differences, then) = (self.differences().join("; "), self.consequence());
        writeln!(f, "  MISMATCH    {}: {differences}: {then}", self.source)
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, priority, mac, is_from_virtual_mac } = self;
        write!(
            f,
            "  CLASH       {source} ({mac}, priority {priority}) has this VRID and none of these addresses"
        )?;
        writeln!(f, "{}", if *is_from_virtual_mac { ", and the virtual MAC" } else { "" })
    }
}

impl fmt::Display for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |us: u64| us as f64 / 1_000.0;
        writeln!(
            f,
            "  timers      advert {} ms, skew {:.3} ms, master down {:.3} ms",
            ms(self.advert_int_us),
            ms(self.skew_us),
            ms(self.master_down_us)
        )?;
        if self.lease_remaining_us > 0 {
            writeln!(f, "  lease       {:.3} ms left", ms(self.lease_remaining_us))?;
        }
        if let Some(ago) = self.last_heard_us_ago {
            writeln!(f, "  last heard  {:.3} ms ago", ms(ago))?;
        }
        Ok(())
    }
}

impl fmt::Display for TransitionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, from, to, cause, late_us, flip_us, send_us: _ } = self;
        writeln!(
            f,
            "  {at}  {from} -> {to}: {cause} (decided {late_us:.0} us after, flag {flip_us:.0} us later)"
        )
    }
}

impl fmt::Display for CheckStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind, state, since, results, failures, timeouts, .. } = self;
        writeln!(f, "\n{kind} {name}: {state} since {since}")?;
        if let (Some(result), Some(reason), Some(took)) =
            (&self.last_result, &self.last_reason, self.last_took_us)
        {
            writeln!(f, "  last        {result} after {:.3} ms: {reason}", took as f64 / 1_000.0)?;
        }
        writeln!(f, "  counters    results {results}, failures {failures}, timeouts {timeouts}")
    }
}

impl fmt::Display for GroupStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.as_deref().unwrap_or("INIT");
        writeln!(f, "\ngroup {}: {state}\n  members     {}", self.name, self.members.join(", "))
    }
}

impl fmt::Display for HookStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, hook, state, at, outcome, took_us } = self;
        let ms = *took_us as f64 / 1_000.0;
        writeln!(f, "  {at}  {hook} of {subject}, {state}: {outcome} after {ms:.0} ms")
    }
}

impl fmt::Display for GuardStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(failure) = &self.failure {
            return writeln!(f, "\nguard: NONE: {failure}");
        }
        writeln!(f, "\nguard: on {}", self.interfaces.join(", "))?;
        self.unguarded.iter().try_for_each(|(name, why)| writeln!(f, "  NOT ON      {name}: {why}"))?;
        let counters = [
            ("arp_dropped", self.arp_dropped),
            ("ipv4_dropped", self.ipv4_dropped),
            ("tags_too_deep", self.tags_too_deep),
        ];
        let mut nonzero = counters.iter().filter(|(_, n)| *n > 0);
        nonzero.try_for_each(|(name, n)| writeln!(f, "  {name:<24} {n}"))
    }
}

impl fmt::Display for InterfaceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let carrier = if self.up { "up" } else { "down" };
        writeln!(f, "\n{}: {carrier}, XDP {}", self.name, self.xdp.as_deref().unwrap_or("not attached"))?;
        if let Some(pins) = &self.pins {
            writeln!(f, "  pins        {pins}")?;
        }
        let nonzero = self.frames.iter().filter(|(_, n)| **n > 0);
        nonzero.into_iter().try_for_each(|(verdict, n)| writeln!(f, "  {verdict:<24} {n}"))
    }
}
