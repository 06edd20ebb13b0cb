//! What must hold in a cluster.

use std::collections::BTreeMap;

use vrrp_common::{
    abi,
    election::StateName,
    time::Time,
    types::{AdvertInterval, Family, Vrid},
};

use super::{
    advert_of,
    host::Host,
    plan::{PORTS, Plan},
};

/// What has been seen so far.
pub(super) struct Judge {
    /// The last advert by a host, on an interface, of a VRID.
    sent: BTreeMap<(usize, usize, u8), Time>,
    /// Since when two hosts answer for one router.
    both: BTreeMap<usize, u64>,
    /// When something last befell each host.
    disturbed: Vec<u64>,
    /// Routers that are to be master on a host still, and from when on that is looked at.
    adopted: Vec<(u64, usize, usize)>,
}

/// What a daemon does about something that it is told takes less, in nanoseconds.
const SETTLED: u64 = 10_000_000;

fn slot(vrid: u8) -> Option<u32> {
    Vrid::new(vrid).map(|vrid| abi::slot(Family::V4, vrid))
}

fn lease_of(interval: u64) -> std::time::Duration {
    AdvertInterval::from_centiseconds(interval as u16).unwrap_or(AdvertInterval::DEFAULT).lease()
}

impl Judge {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            sent: BTreeMap::new(),
            both: BTreeMap::new(),
            disturbed: vec![0; plan.files.len()],
            adopted: Vec::new(),
        }
    }

    pub(super) fn disturb(&mut self, host: usize, now: u64) {
        self.disturbed[host] = now;
    }

    /// I9: a daemon that starts within the leases of the one before goes on with them.
    pub(super) fn expect_adoption(
        &mut self,
        plan: &Plan,
        (number, host): (usize, &Host),
        (now, clock): (u64, Time),
    ) {
        for (index, router) in plan.routers.iter().enumerate() {
            let Some(slot) = slot(router.vrid) else { continue };
            let kernel = host.kernels[router.home].borrow();
            let lasts = kernel.is_open(slot, clock + std::time::Duration::from_nanos(SETTLED));
            let is_free = router.group.is_none() && host.has(index);
            if lasts && is_free && !host.is_kept_out(plan, index) {
                self.adopted.push((now + SETTLED, number, index));
            }
        }
    }

    fn adopts(&mut self, plan: &Plan, hosts: &[Host], now: u64, clock: Time) -> Result<(), String> {
        let (due, later): (Vec<_>, Vec<_>) = self.adopted.iter().partition(|(at, ..)| *at <= now);
        self.adopted = later;
        for (at, number, index) in due {
            let router = &plan.routers[index];
            let Some(slot) = slot(router.vrid) else { continue };
            // By then a better one may have come, and the next thing have befallen it.
            let open = hosts.iter().any(|host| host.kernels[router.home].borrow().is_open(slot, clock));
            if self.disturbed[number] + SETTLED <= at && !open {
                return Err(format!("I9: {number} was master of {} and is not after a restart", router.vrid));
            }
        }
        Ok(())
    }

    pub(super) fn hear(&mut self, host: usize, port: usize, frame: &[u8], now: Time) {
        if let Some((vrid, source)) = advert_of(frame)
            && source == Plan::own(host, port)
        {
            self.sent.insert((host, port, vrid.as_u8()), now);
        }
    }

    pub(super) fn look(&mut self, plan: &Plan, hosts: &[Host], now: u64, clock: Time) -> Result<(), String> {
        for (index, router) in plan.routers.iter().enumerate() {
            let Some(slot) = slot(router.vrid) else { continue };
            let of_vrid = || plan.routers.iter().filter(|other| other.vrid == router.vrid);
            let is_shared = of_vrid().count() > 1;
            let interval = of_vrid().map(|other| other.interval).max().unwrap_or(router.interval);
            let open = |host: &Host, port: usize| host.kernels[port].borrow().is_open(slot, clock);
            for (number, host) in hosts.iter().enumerate() {
                let is_open = open(host, router.home);
                // Where two share a VRID, the door may be that of the one that is not at home there.
                let ports = if is_shared { vec![0, 1] } else { vec![router.home] };
                let last = ports.iter().filter_map(|port| self.sent.get(&(number, *port, router.vrid))).max();
                let leased = last.is_some_and(|at| clock <= *at + lease_of(interval));
                if is_open && !leased {
                    return Err(format!("I1: {number} answers for {} without a lease", router.vrid));
                }
                // A new daemon comes to one interface after the other; meanwhile the lease of the one before holds.
                let settled = now > self.disturbed[number] + SETTLED;
                if settled && !is_shared && open(host, 1 - router.home) && (!is_open || !router.secondary) {
                    return Err(format!(
                        "I3: {number} answers for {} on its other interface alone",
                        router.vrid
                    ));
                }
            }
            self.alone(plan, index, hosts, (now, clock))?;
        }
        self.adopts(plan, hosts, now, clock)?;
        for (number, host) in hosts.iter().enumerate() {
            if host.runs() && now > self.disturbed[number] + SETTLED {
                self.goes_together(plan, (number, host), clock)?;
            }
            for (interface, address) in &host.addresses {
                let port = PORTS.iter().position(|port| port == interface).unwrap_or(0);
                if !host.kernels[port].borrow().names(*address) {
                    return Err(format!("I3: {number} has {address}, and its data plane does not know it"));
                }
            }
        }
        Ok(())
    }

    /// Whoever is kept out answers for nothing, and neither does any other member of its group.
    fn goes_together(&self, plan: &Plan, (number, host): (usize, &Host), clock: Time) -> Result<(), String> {
        for (index, router) in plan.routers.iter().enumerate() {
            let Some(slot) = slot(router.vrid) else { continue };
            let of_group =
                |other: &usize| router.group.is_some() && plan.routers[*other].group == router.group;
            let members = (0..plan.routers.len()).filter(|other| *other == index || of_group(other));
            let mut members = members.filter(|other| host.has(*other));
            // Who leaves answers until its successor does, for an interval at most.
            let leaves = host.state(index) == StateName::Leaving.as_str();
            let is_open =
                !leaves && host.has(index) && host.kernels[router.home].borrow().is_open(slot, clock);
            if is_open && members.any(|other| host.is_kept_out(plan, other)) {
                return Err(format!("{number} answers for {}, which is kept out", router.vrid));
            }
        }
        Ok(())
    }

    /// Two hosts answer at once for no longer than a handover takes, wherever both are well and reach each other.
    fn alone(
        &mut self,
        plan: &Plan,
        index: usize,
        hosts: &[Host],
        (now, clock): (u64, Time),
    ) -> Result<(), String> {
        let router = &plan.routers[index];
        let Some(slot) = slot(router.vrid) else { return Ok(()) };
        let well = hosts.iter().enumerate().filter(|(_, host)| {
            host.is_fit(plan, index) && host.kernels[router.home].borrow().is_open(slot, clock)
        });
        let count = well.count();
        let disturbed = self.disturbed.iter().copied().max().unwrap_or(0);
        if count < 2 {
            self.both.remove(&index);
            return Ok(());
        }
        let since = *self.both.entry(index).or_insert(now);
        // What one host was told may come to the others late: an interval, and its way.
        let bound = router.interval * 10_000_000 * 3 / 2 + 5_000_000;
        let longest = now - since.max(disturbed.min(now));
        if longest > bound {
            Err(format!("{count} hosts answer for {} for {longest} ns", router.vrid))
        } else {
            Ok(())
        }
    }

    /// The cluster has come to rest.
    pub(super) fn rest(&self, plan: &Plan, hosts: &[Host], clock: Time) -> Result<(), String> {
        for (index, router) in plan.routers.iter().enumerate() {
            let Some(slot) = slot(router.vrid) else { continue };
            let open: Vec<_> = (0..hosts.len())
                .filter(|host| hosts[*host].kernels[router.home].borrow().is_open(slot, clock))
                .filter(|host| hosts[*host].has(index))
                .collect();
            let alone = router.group.is_none();
            let fit: Vec<_> = (0..hosts.len()).filter(|host| hosts[*host].is_fit(plan, index)).collect();
            if open.len() > 1 || (alone && open.is_empty() && !fit.is_empty()) {
                return Err(format!("at rest {open:?} answer for {}, of {fit:?}", router.vrid));
            }
            // Of two with the same priority either may have come first.
            let priority = |host: &usize| hosts[*host].file.priorities[index];
            if alone && open.first().map(priority) != fit.iter().map(priority).max() {
                return Err(format!(
                    "at rest {open:?} answers for {}, and one of {fit:?} is better",
                    router.vrid
                ));
            }
            if let Some(host) = open.first() {
                self.holds(plan, &hosts[*host], (index, slot), clock)?;
            }
        }
        groups_served(plan, hosts, clock)?;
        for host in hosts.iter().filter(|host| host.runs()) {
            grouped(plan, host)?;
            left_over(plan, host)?;
        }
        Ok(())
    }

    /// The master has all of its addresses, and answers for them on both interfaces.
    fn holds(
        &self,
        plan: &Plan,
        host: &Host,
        (index, slot): (usize, u32),
        clock: Time,
    ) -> Result<(), String> {
        let router = &plan.routers[index];
        let wanted = addresses(plan, host, index);
        let missing = wanted.iter().find(|(port, address)| {
            !host.addresses.contains(&(PORTS[*port].to_owned(), *address))
                || host.kernels[*port].borrow().slot_of(*address) != Some(slot)
        });
        if let Some((port, address)) = missing {
            return Err(format!("at rest the master of {} lacks {address} on {}", router.vrid, PORTS[*port]));
        }
        if router.secondary && !host.kernels[1 - router.home].borrow().is_open(slot, clock) {
            return Err(format!("at rest the master of {} is silent on its other interface", router.vrid));
        }
        if router.secondary && !host.kernels[1 - router.home].borrow().is_visitor(slot) {
            return Err(format!(
                "at rest the tables have {} as another router's where it visits",
                router.vrid
            ));
        }
        Ok(())
    }
}

/// What the file of a host says of a router's addresses.
fn addresses(plan: &Plan, host: &Host, index: usize) -> Vec<(usize, std::net::IpAddr)> {
    let router = &plan.routers[index];
    let (home, last) = (router.home as u8, index as u8);
    let mut all = vec![(router.home, [10, home, 1, last])];
    if host.file.more.contains(&index) {
        all.push((router.home, [10, home, 2, last]));
    }
    if router.secondary {
        all.push((1 - router.home, [10, 1 - home, 3, last]));
    }
    all.into_iter().map(|(port, address)| (port, address.into())).collect()
}

/// Where all hosts have all members of a group, and one of them is well, somebody answers for each.
fn groups_served(plan: &Plan, hosts: &[Host], clock: Time) -> Result<(), String> {
    for group in 0..2 {
        let members: Vec<_> =
            (0..plan.routers.len()).filter(|index| plan.routers[*index].group == Some(group)).collect();
        let whole = hosts.iter().all(|host| members.iter().all(|index| host.has(*index)));
        let well = hosts.iter().any(|host| members.iter().all(|index| host.is_fit(plan, *index)));
        for router in members.iter().map(|index| &plan.routers[*index]).filter(|_| whole && well) {
            let Some(slot) = slot(router.vrid) else { continue };
            if !hosts.iter().any(|host| host.kernels[router.home].borrow().is_open(slot, clock)) {
                return Err(format!("at rest nobody answers for {} of group {group}", router.vrid));
            }
        }
    }
    Ok(())
}

/// The members of a group are in one state.
fn grouped(plan: &Plan, host: &Host) -> Result<(), String> {
    for group in 0..2 {
        let members = (0..plan.routers.len())
            .filter(|index| plan.routers[*index].group == Some(group) && host.has(*index));
        let states: Vec<_> = members.map(|index| host.state(index)).collect();
        if states.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(format!("at rest the members of group {group} are {states:?}"));
        }
    }
    Ok(())
}

/// Neither tables nor kernel have anything of routers that are not in the file.
fn left_over(plan: &Plan, host: &Host) -> Result<(), String> {
    for (port, name) in PORTS.iter().enumerate() {
        let kernel = host.kernels[port].borrow();
        let all = (0..plan.routers.len()).filter(|index| host.has(*index));
        let here = |index: &usize| plan.routers[*index].home == port || plan.routers[*index].secondary;
        // A host may be asked for any of a router's addresses wherever the router is.
        let wanted: Vec<_> = all
            .clone()
            .filter(here)
            .flat_map(|index| addresses(plan, host, index))
            .map(|(_, one)| one)
            .collect();
        if let Some(other) = kernel.named().find(|named| !wanted.contains(named)) {
            return Err(format!("at rest {other} is still recognised on {name}"));
        }
        let slots: Vec<_> = all.filter(here).filter_map(|index| slot(plan.routers[index].vrid)).collect();
        if let Some(other) = kernel.configured().find(|slot| !slots.contains(slot)) {
            return Err(format!("at rest slot {other} is still in the tables of {name}"));
        }
    }
    Ok(())
}
