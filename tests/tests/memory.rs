//! What many routers take of memory, which is locked and so nobody else's.

use anyhow::{Context as _, Result, ensure};
use std::{fmt::Write as _, fs, time::Duration};
use tests::{
    Lab, Namespace,
    daemons::{Daemon as _, Vrrpd, binary},
    netns, wait,
};

const PER_INTERFACE: usize = 250;
const INTERFACES: usize = 4;
const ROUTERS: usize = INTERFACES * PER_INTERFACE;
/// For all to be masters with their addresses, and for what that took to be given back.
const PATIENCE: Duration = Duration::from_secs(40);

/// The heap of the main thread: less than half of what it would be with every copy of a configuration, and less than two thirds
/// of what it is before anything is given back.
const HEAP_KIB: u64 = 3_100;
/// All that is the process's own and no file's.
const OWN_KIB: u64 = 7_000;

/// What of a process is in memory and no file's, in KiB: the main thread's heap, and all.
fn memory(pid: i32) -> Result<[u64; 2]> {
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    let [mut heap, mut all, mut name] = [0, 0, 0];
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().context("an empty line")?;
        if !first.ends_with(':') {
            name = if line.ends_with("[heap]") {
                1
            } else if line.contains('/') {
                2
            } else {
                0
            };
        } else if first == "Anonymous:" && name != 2 {
            let kib: u64 = words.next().context("no number")?.parse()?;
            all += kib;
            heap += if name == 1 { kib } else { 0 };
        }
    }
    Ok([heap, all])
}

fn owners() -> String {
    let mut text = "router_id = \"memory\"\n".to_owned();
    for router in 0..ROUTERS {
        let (interface, vrid) = (router / PER_INTERFACE, router % PER_INTERFACE + 1);
        let _ = write!(
            text,
            "[vrrp_instance.V{router}]\ninterface = \"eth{interface}\"\nvirtual_router_id = {vrid}\npriority = 255\n\
             virtual_ipaddress = [\"198.18.{interface}.{vrid}/32\"]\n"
        );
    }
    text
}

#[test]
fn a_thousand_masters_take_few_megabytes_and_give_back_what_their_start_took() -> Result<()> {
    // For its lock and its files; its switch stays empty.
    let lab = Lab::empty()?;
    let host = Namespace::new(&netns::unique_prefix(), "r1")?;
    for interface in 0..INTERFACES {
        host.ip(&format!("link add eth{interface} type veth peer name peer{interface}"))?;
        host.ip(&format!("link set peer{interface} up"))?;
        host.ip(&format!("address add 10.0.{interface}.1/24 dev eth{interface}"))?;
        host.ip(&format!("link set eth{interface} up"))?;
    }
    let mut daemon = Vrrpd::start_with(&binary()?, &host, &lab.scratch(), &owners())?;
    wait::poll("all addresses", PATIENCE, || {
        let there = host.ip("-o -4 address show")?.matches("198.18.").count();
        Ok((there == ROUTERS).then_some(()))
    })?;
    let pid = daemon.process().pid()?.as_raw_nonzero().get();
    let mut last = [0; 2];
    let waited = wait::poll("little memory", PATIENCE, || {
        last = memory(pid)?;
        Ok((last[0] <= HEAP_KIB && last[1] <= OWN_KIB).then_some(()))
    });
    let [heap, own] = last;
    println!("{ROUTERS} masters: {heap} KiB of heap, {own} KiB in all");
    ensure!(waited.is_ok(), "{heap} KiB of heap, {own} KiB in all");
    let locked = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let locked =
        locked.lines().find_map(|line| line.strip_prefix("VmLck:")).context("no VmLck")?.trim().to_owned();
    ensure!(locked != "0 kB", "nothing is locked");
    daemon.terminate()
}
