//! A host with more than one way in: no other interface of it answers for a virtual address when the XDP program on the
//! address's own would not, and what only passes through is let through.

use std::{fs, net::Ipv4Addr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tests::{
    Answers, Ask, Lab, Mac,
    daemons::{Daemon as _, Router, Vrrpd},
    lab::{CLIENT, INTERFACE, SECOND_CARD},
    scenario::{PATIENCE, PER_SECOND, VIP, start, until_adverts, until_master, until_state, until_status},
    wait::{Mark, poll},
};

const ADVERT_INT: Duration = Duration::from_millis(100);
/// Of the second card of r1.
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 101);

fn router(priority: u8, advert_int: Duration) -> Router {
    Router { priority, advert_int, ..Router::default() }
}

/// r1, master, with a second card on the LAN, and r2, backup.
struct TwoCards {
    r1: Vrrpd,
    r2: Vrrpd,
    other_mac: Mac,
    lab: Lab,
}

impl TwoCards {
    fn start(advert_int: Duration) -> Result<Self> {
        let lab = Lab::with_routers(2)?;
        let other_mac = lab.add_second_card("r1", &format!("{OTHER}/24"))?;
        let r1 = start(&lab, "r1", &router(100, advert_int))?;
        until_master(&lab, "r1", Mark::default())?;
        let r2 = start(&lab, "r2", &router(90, advert_int))?;
        until_state(&r2, "BACKUP")?;
        until_adverts(&lab, "r1", 2)?;
        until_has_vip(&lab, "r1")?;
        Ok(Self { r1, r2, other_mac, lab })
    }

    fn client(&self, line: &str) -> Result<String> {
        self.lab.host(CLIENT)?.namespace.exec(line)
    }

    /// The client sends what is for the address to the second card of r1: by its MAC, or as a router by its address.
    fn by_the_other_card(&self) -> Result<()> {
        self.client(&format!(
            "ip neighbour replace {OTHER} lladdr {} dev {INTERFACE} nud permanent",
            self.other_mac
        ))?;
        self.client(&format!("ip route replace {VIP}/32 via {OTHER} dev {INTERFACE}")).map(drop)
    }

    fn directly(&self) -> Result<()> {
        self.client(&format!("ip route del {VIP}/32 via {OTHER}")).map(drop)
    }

    fn pings(&self) -> bool {
        self.client(&format!("ping -c 1 -W 1 {VIP}")).is_ok()
    }

    /// Whether a TCP connection is answered, be it by a refusal.
    fn refuses_tcp(&self) -> Result<bool> {
        let client = &self.lab.host(CLIENT)?.namespace;
        let status = client
            .command("timeout")
            .args(["1", "bash", "-c", &format!("</dev/tcp/{VIP}/9")])
            .output()?
            .status;
        Ok(status.code() != Some(124))
    }

    /// Who answers, asked by all and by the second card's MAC, over a window.
    fn answers(&self) -> Result<[Answers; 2]> {
        let to_all = self.lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
        let form = tests::Form::Unicast(self.other_mac);
        let to_other = self.lab.ask(Ask { vip: VIP, per_second: PER_SECOND, form })?;
        std::thread::sleep(5 * ADVERT_INT);
        let answers = [to_all.finish(), to_other.finish()];
        self.lab.wire().settle();
        ensure!(self.lab.wire().lost() == 0, "the capture lost frames: the machine is too busy");
        Ok(answers)
    }

    /// r2 alone answers, and nothing of r1 takes what is for the address.
    fn is_silent_beside_r2(&self) -> Result<()> {
        let [to_all, to_other] = self.answers()?;
        ensure!(to_all.sole_owner()? == "r2", "{:?}", to_all.by_host());
        ensure!(to_other.replies().count() == 0, "{:?}", to_other.by_host());
        self.by_the_other_card()?;
        ensure!(!self.pings(), "r1 answers pings by its other card");
        ensure!(!self.refuses_tcp()?, "r1 answers TCP by its other card");
        self.directly()?;
        ensure!(self.pings(), "r2 does not answer pings");
        Ok(())
    }
}

fn until_has_vip(lab: &Lab, host: &str) -> Result<()> {
    let namespace = &lab.host(host)?.namespace;
    let has = || Ok(namespace.ip("-o -4 address show")?.contains(&format!("{VIP}/")).then_some(()));
    poll("the address is there", PATIENCE, has)
}

fn pins(daemon: &Vrrpd) -> Result<String> {
    Ok(daemon.status()?["interfaces"][0]["pins"].as_str().context("pins")?.to_owned())
}

#[test]
fn i3_a_killed_masters_other_card_answers_nothing_beside_its_successor() -> Result<()> {
    let mut net = TwoCards::start(ADVERT_INT)?;
    // While it is master, the kernel is left alone.
    net.by_the_other_card()?;
    ensure!(net.pings() && net.refuses_tcp()?, "the other card is shut while this host is master");
    net.directly()?;

    let asker = net.lab.ask(Ask::broadcast(VIP, PER_SECOND))?;
    let mark = net.lab.wire().mark();
    net.r1.kill()?;
    until_master(&net.lab, "r2", mark)?;
    let after = net.lab.wire().mark();
    until_adverts(&net.lab, "r2", 3)?;
    let answers = asker.answers_since(after);
    ensure!(answers.sole_owner()? == "r2", "{:?}", answers.by_host());
    let beside = asker.finish().answered_by_two();
    // What the two cards of r1 say while it is master is one host's.
    println!("answered by two cards of r1 or by two hosts: {beside}");
    until_has_vip(&net.lab, "r1").context("the kernel of r1 still has it, and would answer")?;
    net.is_silent_beside_r2()?;

    // What is r1's own is not touched.
    net.client(&format!("ping -c 1 -W 1 {OTHER}"))?;
    net.r1.restart()?;
    until_master(&net.lab, "r1", after)?;
    net.by_the_other_card()?;
    poll("the kernel answers by the other card", PATIENCE, || Ok(net.pings().then_some(())))
}

/// Within half a second nobody makes the pins again: the XDP program goes with the process.
#[test]
fn i3_pins_removed_and_the_daemon_killed_at_once_the_host_is_silent_and_the_next_daemon_works() -> Result<()>
{
    let mut net = TwoCards::start(ADVERT_INT)?;
    let pins = pins(&net.r1)?;
    let mark = net.lab.wire().mark();
    fs::remove_dir_all(&pins)?;
    net.r1.kill()?;
    until_master(&net.lab, "r2", mark)?;
    until_has_vip(&net.lab, "r1")?;
    net.is_silent_beside_r2()?;
    // To r1 by the MAC of its own interface.
    let own = net.lab.host("r1")?.mac;
    net.client(&format!("ip neighbour replace {VIP} lladdr {own} dev {INTERFACE} nud permanent"))?;
    ensure!(!net.pings() && !net.refuses_tcp()?, "r1 answers on its own interface");
    net.client(&format!("ip neighbour del {VIP} dev {INTERFACE}"))?;

    let mark = net.lab.wire().mark();
    net.r1.restart()?;
    until_master(&net.lab, "r1", mark)?;
    until_state(&net.r2, "BACKUP")?;
    until_has_vip(&net.lab, "r1")?;
    poll("r1 answers", PATIENCE, || Ok(net.pings().then_some(())))?;
    net.by_the_other_card()?;
    ensure!(net.pings(), "the guard that was left is in the way");
    Ok(())
}

#[test]
fn i9_restart_and_upgrade_within_the_lease_shut_nothing_and_the_guard_goes_on() -> Result<()> {
    let mut net = TwoCards::start(Duration::from_secs(1))?;
    net.by_the_other_card()?;
    let pinging = |net: &TwoCards| -> Result<String> {
        // Longer than the lease of the daemon before.
        net.client(&format!("ping -q -c 250 -i 0.02 -W 1 {VIP}"))
    };
    for upgrade in [false, true] {
        if upgrade {
            net.r1.process().signal(Signal::USR2)?;
        } else {
            net.r1.kill()?;
            net.r1.restart()?;
        }
        let said = pinging(&net)?;
        ensure!(
            received(&said)? >= 245,
            "upgrade {upgrade}: {said}\n{:#}\n{}",
            net.r1.status()?,
            net.r1.log()
        );
        until_status(&net.r1, "the guard is on both cards", |status| {
            let on = status["guard"]["interfaces"].as_array().cloned().unwrap_or_default();
            [INTERFACE, SECOND_CARD].iter().all(|name| on.iter().any(|on| on == name))
        })?;
        let status = net.r1.status()?;
        ensure!(
            status["routers"][0]["state"] == "MASTER" && status["guard"]["ipv4_dropped"] == 0,
            "{status:#}"
        );
    }
    net.directly()?;
    let mark = net.lab.wire().mark();
    net.r1.kill()?;
    until_master(&net.lab, "r2", mark)?;
    net.is_silent_beside_r2()
}

/// Of 250 that `ping -q` has sent: a shut door costs a hundred. The kernel may lose one that waits for a neighbour.
fn received(said: &str) -> Result<u32> {
    let words: Vec<_> = said.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "received,").context("ping says nothing")?;
    Ok(words[at - 1].parse()?)
}

/// A clean stop leaves nothing: the kernel answers for the address, once it has it for another reason.
#[test]
fn a_stop_takes_the_guard_away_and_an_interface_that_comes_later_is_guarded() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let mut r1 = start(&lab, "r1", &router(100, ADVERT_INT))?;
    until_master(&lab, "r1", Mark::default())?;
    let other_mac = lab.add_second_card("r1", &format!("{OTHER}/24"))?;
    until_status(&r1, "the new card is guarded", |status| {
        status["guard"]["interfaces"].as_array().is_some_and(|on| on.iter().any(|on| on == SECOND_CARD))
    })?;
    let r2 = start(&lab, "r2", &router(90, ADVERT_INT))?;
    until_state(&r2, "BACKUP")?;
    until_has_vip(&lab, "r1")?;
    let mark = lab.wire().mark();
    r1.kill()?;
    until_master(&lab, "r2", mark)?;
    let net = TwoCards { r1, r2, other_mac, lab };
    net.is_silent_beside_r2()?;
    let TwoCards { mut r1, mut r2, lab, .. } = net;

    let mark = lab.wire().mark();
    r1.restart()?;
    until_master(&lab, "r1", mark)?;
    r2.terminate()?;
    r1.terminate()?;
    lab.host("r1")?.namespace.ip(&format!("address add {VIP}/32 dev {INTERFACE}"))?;
    let asker = lab.ask(Ask { vip: VIP, per_second: PER_SECOND, form: tests::Form::Unicast(other_mac) })?;
    std::thread::sleep(3 * ADVERT_INT);
    let answers = asker.finish();
    ensure!(answers.sole_owner()? == "r1-2", "{:?}", answers.by_host());
    Ok(())
}

/// An address of the configuration that the host has anyway is behind the same door; one that is not configured any
/// more is the host's own.
#[test]
fn i3_an_address_that_the_host_has_for_another_reason_is_guarded_as_long_as_it_is_a_routers() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let other_mac = lab.add_second_card("r2", &format!("{OTHER}/24"))?;
    lab.host("r2")?.namespace.ip(&format!("address add {VIP}/32 dev {INTERFACE}"))?;
    let _r1 = start(&lab, "r1", &router(100, ADVERT_INT))?;
    until_master(&lab, "r1", Mark::default())?;
    let mut r2 = start(&lab, "r2", &router(90, ADVERT_INT))?;
    until_state(&r2, "BACKUP")?;
    let by_other_card = || -> Result<usize> {
        let asker =
            lab.ask(Ask { vip: VIP, per_second: PER_SECOND, form: tests::Form::Unicast(other_mac) })?;
        std::thread::sleep(3 * ADVERT_INT);
        Ok(asker.finish().by_host().get("r2-2").copied().unwrap_or(0))
    };
    ensure!(by_other_card()? == 0, "a backup answers by its other card");
    // Another address is the router's from now on.
    let another = Router { addresses: vec!["192.0.2.52/32".to_owned()], ..router(90, ADVERT_INT) };
    r2.reload(&another)?;
    poll(
        "the host's own address is the host's again",
        PATIENCE,
        || Ok((by_other_card()? > 0).then_some(())),
    )?;
    r2.terminate()
}

/// r2 stands between two LANs. The client reaches the address, on the other one, through it.
#[test]
fn what_passes_through_a_backup_to_the_master_is_forwarded_also_after_a_crash_and_a_clean_up() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    lab.add_second_lan()?;
    let (between, client) = (&lab.host("r2")?.namespace, &lab.host(CLIENT)?.namespace);
    between.sysctl("net/ipv4/ip_forward", "1")?;
    for host in ["r1", "r2", CLIENT] {
        for conf in ["all", "eth0", "eth1"] {
            lab.host(host)?.namespace.sysctl(&format!("net/ipv4/conf/{conf}/rp_filter"), "0")?;
        }
        lab.host(host)?.namespace.sysctl("net/ipv4/conf/all/send_redirects", "0")?;
    }
    client.ip(&format!("route add {VIP}/32 via 198.51.100.2 dev eth1"))?;
    let reaches = || client.exec(&format!("ping -c 1 -W 1 -I 198.51.100.3 {VIP}")).is_ok();

    let mut r1 = start(&lab, "r1", &router(100, ADVERT_INT))?;
    until_master(&lab, "r1", Mark::default())?;
    let mut r2 = start(&lab, "r2", &router(90, ADVERT_INT))?;
    until_state(&r2, "BACKUP")?;
    until_has_vip(&lab, "r1")?;
    poll("the client reaches the master through the backup", PATIENCE, || Ok(reaches().then_some(())))?;

    // r2 becomes master, and dies with the address.
    let mark = lab.wire().mark();
    r1.terminate()?;
    until_master(&lab, "r2", mark)?;
    until_has_vip(&lab, "r2")?;
    r2.kill()?;
    r1.restart()?;
    until_master(&lab, "r1", mark)?;
    until_has_vip(&lab, "r1")?;
    ensure!(!reaches(), "r2 answers, or forwards what it has itself");
    between.ip(&format!("address del {VIP}/32 dev {INTERFACE}"))?;
    poll("the client reaches the master again", PATIENCE, || Ok(reaches().then_some(())))
}
