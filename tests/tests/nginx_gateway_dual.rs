//! Both boxes work: each is master of one address and stands in for the other.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tests::{
    Lab,
    daemons::{Daemon as _, Vrrpd},
    gateway::{Gateway, example, fetch},
    scenario::{PATIENCE, VIP, until_status},
    web::{Fetcher, Outage},
};

const OTHER_VIP: std::net::Ipv4Addr = std::net::Ipv4Addr::new(192, 0, 2, 52);

fn until_states(daemon: &Vrrpd, states: [&str; 2]) -> Result<()> {
    until_status(daemon, &format!("states {states:?}"), |status| {
        (0..2).all(|index| status["routers"][index]["state"] == states[index])
    })
}

fn both_served_by(fetchers: [&Fetcher; 2], hosts: [&str; 2]) -> Result<()> {
    let since = Instant::now();
    for (fetcher, host) in fetchers.into_iter().zip(hosts) {
        fetcher.until_served_by(host, since, PATIENCE)?;
    }
    Ok(())
}

#[test]
fn each_box_takes_over_the_other_ones_address_and_gives_it_back() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let (mut r1, mut r2) = (Gateway::new(&lab, "r1")?, Gateway::new(&lab, "r2")?);
    r1.start(&lab, &example("dual-gw1.toml")?)?;
    r2.start(&lab, &example("dual-gw2.toml")?)?;
    until_states(r1.daemon()?, ["MASTER", "BACKUP"])?;
    until_states(r2.daemon()?, ["BACKUP", "MASTER"])?;
    let (first, second) = (fetch(&lab, VIP)?, fetch(&lab, OTHER_VIP)?);
    both_served_by([&first, &second], ["r1", "r2"])?;

    // The service dies, the daemon lives: the other box has both addresses.
    r1.nginx.kill()?;
    both_served_by([&first, &second], ["r2", "r2"])?;
    until_states(r1.daemon()?, ["FAULT", "FAULT"])?;
    r1.nginx.start()?;
    both_served_by([&first, &second], ["r1", "r2"])?;
    until_states(r2.daemon()?, ["BACKUP", "MASTER"])?;

    // The other box stops for maintenance, and comes back.
    r2.daemon()?.terminate()?;
    both_served_by([&first, &second], ["r1", "r1"])?;
    r2.daemon()?.restart()?;
    both_served_by([&first, &second], ["r1", "r2"])?;
    until_states(r1.daemon()?, ["MASTER", "BACKUP"])?;

    for (what, fetcher) in [("the first address", first), ("the second address", second)] {
        let fetches = fetcher.finish();
        let outages: Vec<_> = fetches.outages().iter().map(Outage::length).collect();
        println!("{what}: without service for {outages:.0?}");
        let longest = outages.into_iter().max().unwrap_or_default();
        ensure!(longest < Duration::from_secs(3), "{what} was gone for {longest:?}");
    }
    Ok(())
}
