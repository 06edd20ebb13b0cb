//! nginx that listens on the virtual address alone, and runs on the backup before the address is there.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tests::{
    Lab,
    daemons::Daemon as _,
    gateway::{Gateway, example, fetch},
    scenario::{PATIENCE, VIP, until_master, until_state},
    wait::{Mark, poll},
};

/// What the kernel of a host says.
fn switch(lab: &Lab, host: &str) -> Result<String> {
    lab.host(host)?.namespace.run(|| Ok(fs::read_to_string("/proc/sys/net/ipv4/ip_nonlocal_bind")?))
}

fn until_switch(lab: &Lab, host: &str, value: &str) -> Result<()> {
    poll(&format!("ip_nonlocal_bind {value} on {host}"), PATIENCE, || {
        Ok((switch(lab, host)?.trim() == value).then_some(()))
    })
}

#[test]
fn nginx_on_the_virtual_address_runs_on_the_backup_and_serves_as_soon_as_the_role_comes() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let (mut r1, mut r2) = (Gateway::new(&lab, "r1")?, Gateway::new(&lab, "r2")?);
    for gateway in [&r1, &r2] {
        gateway.nginx.stop()?;
        gateway.nginx.site(&example("site-on-vip.conf")?.replace("$hostname", &gateway.host))?;
        ensure!(gateway.nginx.start().is_err(), "nginx has bound an address that is not there");
    }
    // Without the check: nginx is started by hand here.
    let config = |name: &str| -> Result<String> {
        let text = example(name)?.replace("track_script = [\"chk_nginx\"]", "");
        Ok(format!("ip_nonlocal_bind = true\n{text}"))
    };
    r1.start(&lab, &config("gw1.toml")?)?;
    until_master(&lab, "r1", Mark::default())?;
    r2.start(&lab, &config("gw2.toml")?)?;
    until_state(r2.daemon()?, "BACKUP")?;
    for gateway in [&r1, &r2] {
        until_switch(&lab, &gateway.host, "1")?;
        gateway.nginx.start()?;
    }
    let before = r2.nginx.master();
    let fetcher = fetch(&lab, VIP)?;
    fetcher.until_served_by("r1", Instant::now(), PATIENCE)?;
    std::thread::sleep(Duration::from_secs(1));
    ensure!(fetcher.so_far().hosts().keys().eq(["r1"].iter()), "the backup serves");

    let left = Instant::now();
    r1.daemon()?.terminate()?;
    fetcher.until_served_by("r2", left, PATIENCE)?;
    ensure!(r2.nginx.master() == before, "nginx was started again");
    let missed = fetcher.finish().longest_outage().map(|outage| outage.length());
    println!("nginx bound to the address before the role came: longest time without service {missed:?}");
    ensure!(missed.is_none_or(|missed| missed < Duration::from_millis(500)), "{missed:?}");

    until_switch(&lab, "r1", "0")?;
    let plain = r2.localized(&example("gw2.toml")?);
    r2.daemon()?.reload_with(&plain)?;
    until_switch(&lab, "r2", "0")
}
