//! Links whose changes count later (`interface_up_down_delays`).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use vrrp_config::{Config, InterfaceDelays};
use vrrp_engine::Link;

/// The delays, and what they hold back.
#[derive(Debug, Default)]
pub(super) struct Debounce {
    delays: BTreeMap<String, InterfaceDelays>,
    links: BTreeMap<String, Standing>,
}

/// A link as it counts.
#[derive(Debug, Default)]
struct Standing {
    up: bool,
    /// Number of times that it had come up when it was last looked at.
    ups: u32,
    /// Since when it is otherwise than it counts.
    changed: Option<Instant>,
}

impl Debounce {
    pub(super) fn of(config: &Config) -> Self {
        let mut new = Self::default();
        new.configure(config);
        new
    }

    pub(super) fn configure(&mut self, config: &Config) {
        let delays = config.interface_delays.iter().map(|one| (one.interface.clone(), one.clone()));
        self.delays = delays.collect();
        let named: BTreeSet<_> = self.delays.keys().collect();
        self.links.retain(|name, _| named.contains(name));
    }

    /// Makes links as they count. What is there at the first look counts at once; a link that is gone is down at once.
    pub(super) fn hold(&mut self, found: &mut BTreeMap<String, Link>, now: Instant) {
        for (name, delays) in &self.delays {
            match found.get_mut(name) {
                None => drop(self.links.insert(name.clone(), Standing::default())),
                Some(link) => {
                    let first = Standing { up: link.carrier, ups: link.carrier_ups, changed: None };
                    let standing = self.links.entry(name.clone()).or_insert(first);
                    standing.look(link, delays, now);
                    link.up = standing.up;
                }
            }
        }
    }

    /// Tells when the next change counts that does not yet.
    pub(super) fn due_at(&self) -> Option<Instant> {
        let due = self.links.iter().filter_map(|(name, standing)| {
            let delays = self.delays.get(name)?;
            standing.changed.map(|changed| changed + standing.delay(delays))
        });
        due.min()
    }
}

impl Standing {
    /// Tells how long a change is held back.
    const fn delay(&self, delays: &InterfaceDelays) -> Duration {
        if self.up { delays.down } else { delays.up }
    }

    /// One that has changed and back unseen has begun anew.
    fn look(&mut self, link: &Link, delays: &InterfaceDelays, now: Instant) {
        let flapped = std::mem::replace(&mut self.ups, link.carrier_ups) != link.carrier_ups;
        if link.carrier == self.up {
            self.changed = None;
            return;
        }
        let since = self.changed.filter(|_| !flapped).unwrap_or(now);
        if now >= since + self.delay(delays) {
            self.up = link.carrier;
            self.changed = None;
        } else {
            self.changed = Some(since);
        }
    }
}

#[cfg(test)]
mod tests {
    use vrrp_common::types::Mac;

    use super::*;
    use vrrp_engine::{Kind, Nature};

    struct Rig {
        debounce: Debounce,
        start: Instant,
    }

    impl Rig {
        fn new(delays: &str) -> Self {
            let text = format!(
                "[vrrp_instance.A]\ninterface = \"eth0\"\nvirtual_router_id = 1\n\
                 virtual_ipaddress = [\"192.0.2.1\"]\n[interface_up_down_delays.eth0]\n{delays}\n"
            );
            let config = vrrp_config::parse("test", &text).unwrap();
            Self { debounce: Debounce::of(&config), start: Instant::now() }
        }

        /// Tells whether the link counts as up; `None`: it is not there.
        fn at(&mut self, ms: u64, carrier: Option<(bool, u32)>) -> bool {
            let link = |(carrier, carrier_ups)| Link {
                index: 1,
                mac: Mac::default(),
                up: carrier,
                carrier,
                carrier_ups,
                nature: Nature { kind: Kind::Ethernet, no_arp: false },
                addresses: Vec::new(),
            };
            let mut found: BTreeMap<_, _> =
                carrier.map(link).into_iter().map(|link| ("eth0".to_owned(), link)).collect();
            self.debounce.hold(&mut found, self.start + Duration::from_millis(ms));
            found.get("eth0").is_some_and(|link| link.up)
        }

        fn due_at(&self) -> Option<u64> {
            self.debounce.due_at().map(|due| due.duration_since(self.start).as_millis() as u64)
        }
    }

    const UP: Option<(bool, u32)> = Some((true, 1));
    const DOWN: Option<(bool, u32)> = Some((false, 1));
    const UP_AGAIN: Option<(bool, u32)> = Some((true, 2));

    #[test]
    fn a_change_counts_when_it_has_lasted_as_long_as_was_asked_for() {
        let mut rig = Rig::new("down = \"1.5s\"\nup = \"12s\"");
        assert!(rig.at(0, UP), "at the start it is as it is");
        assert_eq!(rig.due_at(), None);
        assert!(rig.at(100, DOWN));
        assert_eq!(rig.due_at(), Some(1_600));
        assert!(rig.at(1_599, DOWN));
        assert!(!rig.at(1_600, DOWN));
        assert_eq!(rig.due_at(), None);
        assert!(!rig.at(2_000, UP_AGAIN));
        assert_eq!(rig.due_at(), Some(14_000));
        assert!(!rig.at(13_999, UP_AGAIN), "twelve seconds are twelve");
        assert!(rig.at(14_000, UP_AGAIN));
    }

    #[test]
    fn a_flap_within_the_delay_is_none() {
        let mut rig = Rig::new("down = \"1s\"\nup = \"3s\"");
        rig.at(0, UP);
        assert!(rig.at(100, DOWN) && rig.at(600, UP_AGAIN) && rig.at(5_000, UP_AGAIN));
        assert_eq!(rig.due_at(), None);
        assert!(rig.at(6_000, Some((false, 2))) && !rig.at(7_000, Some((false, 2))));
        rig.at(8_000, Some((true, 3)));
        rig.at(9_000, Some((false, 3)));
        assert_eq!(rig.due_at(), None);
        rig.at(10_000, Some((true, 4)));
        assert_eq!(rig.due_at(), Some(13_000), "each time anew");
        assert!(!rig.at(12_900, Some((true, 5))), "that it was away for a moment is seen by the count");
        assert_eq!(rig.due_at(), Some(15_900));
    }

    #[test]
    fn each_delay_is_none_unless_it_is_given() {
        let mut rig = Rig::new("down = \"1s\"");
        rig.at(0, UP);
        assert!(rig.at(100, DOWN) && !rig.at(1_100, DOWN) && rig.at(1_200, UP_AGAIN));
        let mut rig = Rig::new("up = \"1s\"");
        rig.at(0, UP);
        assert!(!rig.at(100, DOWN) && !rig.at(200, UP_AGAIN) && rig.at(1_200, UP_AGAIN));
    }

    #[test]
    fn a_link_that_is_gone_is_down_at_once_and_comes_back_after_its_delay() {
        let mut rig = Rig::new("down = \"10s\"\nup = \"1s\"");
        rig.at(0, UP);
        assert!(!rig.at(100, None) && !rig.at(200, UP));
        assert_eq!(rig.due_at(), Some(1_200));
        assert!(rig.at(1_200, UP));
    }

    #[test]
    fn others_are_as_they_are() {
        let mut rig = Rig::new("down = \"10s\"");
        rig.debounce.delays.clear();
        rig.at(0, UP);
        assert!(!rig.at(1, DOWN) && rig.at(2, UP_AGAIN));
    }
}
