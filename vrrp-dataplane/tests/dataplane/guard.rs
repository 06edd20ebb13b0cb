//! The guard: what it lets to the kernel, where it is, and how one daemon's follows another's.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    net::IpAddr,
    process::Command,
};

use aya::{
    Ebpf,
    programs::{
        SchedClassifier, TcAttachType, TestRun, TestRunOptions,
        links::LinkOrder,
        tc::{self, TcAttachOptions},
    },
};
use vrrp_common::{
    abi::{guard, name},
    types::Mac,
};
use vrrp_dataplane::{Attachment, Entrance, Guard, Mode, OBJECT, Tables, Target};

use crate::{
    frames::{Arp, REPLY, ethernet, ipv4, tagged},
    rig::{LONG, NIC, attach, entry, index, ip, namespace, now, set_vips, until, v4_slot},
};

const NEXT: u32 = u32::MAX;
const SHOT: u32 = 2;
const VRID: u8 = 51;
const VIP: &str = "192.0.2.51";
/// With the same last bits.
const NEIGHBOUR: &str = "198.51.100.51";
const CLIENT_IP: &str = "192.0.2.200";
const CLIENT: Mac = Mac([0x02, 0, 0, 0, 0, 0xc1]);
/// That of the loopback, which test runs take for the interface.
const HERE: Mac = Mac([0; 6]);

/// One daemon with a router on `va`.
struct Daemon {
    attachment: Attachment,
    guard: Guard,
}

impl Daemon {
    fn new() -> Self {
        Self::on(attach().unwrap())
    }

    fn on(mut attachment: Attachment) -> Self {
        let mut guard = Guard::load().unwrap();
        guard.adopt(&mut attachment.plane).unwrap();
        attachment.tables.configure(v4_slot(VRID), &entry(VRID, true, true), now());
        set_vips(&mut attachment.tables, v4_slot(VRID), &[vip()]);
        Self { attachment, guard }
    }

    fn tables(&mut self) -> &mut Tables {
        &mut self.attachment.tables
    }

    fn admit(&mut self) {
        let interface = self.attachment.plane.target().name.clone();
        self.guard.admit(vip(), &interface, v4_slot(VRID)).unwrap();
    }

    fn open(&mut self) {
        self.tables().open(v4_slot(VRID), until(now() + LONG), now());
    }

    fn program(&self) -> SchedClassifier {
        SchedClassifier::from_pin(self.attachment.plane.pin_dir().join("guard_program")).unwrap()
    }

    fn action(&self, frame: &[u8]) -> u32 {
        let options = TestRunOptions { data_in: Some(frame), ..Default::default() };
        self.program().test_run(options).unwrap().return_value
    }

    fn cover(&mut self, entrances: &[&str]) {
        let entrances = entrances.iter().map(|name| entrance(name)).collect();
        self.guard.cover(&entrances, &HashSet::from([vip()]));
    }

    fn stop(self) {
        self.guard.detach();
        self.attachment.plane.detach().unwrap();
    }
}

fn vip() -> IpAddr {
    VIP.parse().unwrap()
}

fn entrance(name: &str) -> Entrance {
    Entrance { index: index(name), name: name.to_owned() }
}

/// Whether programs are attached without a qdisc here.
fn tcx() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
    version >= (6, 6)
}

/// Ids of the guards at an interface's tc ingress.
fn guards_at(interface: &str) -> Vec<u32> {
    if !tcx() {
        return filters_at(interface);
    }
    let (_revision, programs) = SchedClassifier::query_tcx(interface, TcAttachType::Ingress).unwrap();
    let guards = programs.iter().filter(|program| program.name_as_str() == Some(guard::name::PROGRAM));
    guards.map(aya::programs::ProgramInfo::id).collect()
}

fn filters_at(interface: &str) -> Vec<u32> {
    let output = Command::new("bpftool").args(["-j", "net", "show", "dev", interface]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let filters = shown[0]["tc"].as_array().cloned().unwrap_or_default();
    let guards = filters
        .iter()
        .filter(|filter| filter["name"] == guard::name::PROGRAM && filter["kind"] == "clsact/ingress");
    guards.map(|filter| filter["id"].as_u64().unwrap() as u32).collect()
}

/// Questions and packets for `address`.
fn asking(address: &str) -> Vec<(&'static str, Vec<u8>)> {
    let ask = Arp::request(CLIENT, CLIENT_IP, address);
    let packet = ipv4(HERE, CLIENT_IP, address, 6, 64, &[], &[0; 20]);
    vec![
        ("request to all", ask.bytes()),
        ("request to the host", Arp { to: HERE, ..ask }.bytes()),
        ("probe", Arp { sender: [0; 4].into(), ..ask }.bytes()),
        ("IEEE 802 hardware", Arp { hardware: 6, ..ask }.bytes()),
        ("request below a priority tag", tagged(&ask.bytes(), 0xe000)),
        ("request below two", tagged(&tagged(&ask.bytes(), 0), 0)),
        ("packet", packet.clone()),
        ("packet with options", ipv4(HERE, CLIENT_IP, address, 17, 64, &[1, 1, 1, 1], &[0; 20])),
        ("packet below a priority tag", tagged(&packet, 0)),
    ]
}

fn ipv6() -> Vec<u8> {
    [ethernet(HERE, CLIENT, 0x86dd), vec![0x60; 60]].concat()
}

/// What is nobody's question for `address`.
fn others(address: &str) -> Vec<(&'static str, Vec<u8>)> {
    let ask = Arp::request(CLIENT, CLIENT_IP, address);
    vec![
        ("request to another host", Arp { to: CLIENT, ..ask }.bytes()),
        ("request in a VLAN", tagged(&ask.bytes(), 7)),
        ("request in a VLAN below a priority tag", tagged(&tagged(&ask.bytes(), 7), 0)),
        ("request for another address", Arp::request(CLIENT, CLIENT_IP, "192.0.2.7").bytes()),
        ("asked by the address", Arp::request(CLIENT, address, CLIENT_IP).bytes()),
        ("announcement", Arp::request(CLIENT, address, address).bytes()),
        ("announcing reply", Arp { operation: REPLY, ..Arp::request(CLIENT, address, address) }.bytes()),
        ("reply", Arp::reply(CLIENT, CLIENT_IP, HERE, address).bytes()),
        ("request, cut short", ask.bytes()[..36].to_vec()),
        ("packet to another station", ipv4(CLIENT, CLIENT_IP, address, 6, 64, &[], &[0; 20])),
        ("packet in a VLAN", tagged(&ipv4(HERE, CLIENT_IP, address, 6, 64, &[], &[0; 20]), 7)),
        ("packet from the address", ipv4(HERE, address, CLIENT_IP, 6, 64, &[], &[0; 20])),
        ("IPv6", ipv6()),
    ]
}

fn expect(daemon: &Daemon, state: &str, frames: &[(&str, Vec<u8>)], action: u32) {
    for (what, frame) in frames {
        assert_eq!(daemon.action(frame), action, "{what}, {state}");
    }
}

#[test]
fn a_shut_door_keeps_questions_and_packets_for_what_the_kernel_has_and_nothing_else() {
    namespace();
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    // By which it would forward.
    ip("address add 192.0.2.1/24 dev va");
    ip("address add 192.0.2.51/32 dev va");
    let mut daemon = Daemon::new();
    expect(&daemon, "not admitted", &asking(VIP), NEXT);
    daemon.admit();
    expect(&daemon, "backup", &asking(VIP), SHOT);
    expect(&daemon, "backup", &others(VIP), NEXT);
    expect(&daemon, "another address with the same bits", &asking(NEIGHBOUR), NEXT);
    daemon.open();
    expect(&daemon, "master", &asking(VIP), NEXT);
    expect(&daemon, "master", &others(VIP), NEXT);
    let at = now();
    daemon.tables().open(v4_slot(VRID), until(at), at);
    expect(&daemon, "lease over", &asking(VIP), SHOT);
    expect(&daemon, "lease over", &others(VIP), NEXT);
    let deep = tagged(&tagged(&tagged(&tagged(&asking(VIP)[0].1, 0), 0), 0), 0);
    assert_eq!(daemon.action(&deep), SHOT, "below four priority tags");
    let dropped = daemon.guard.report().dropped;
    assert!(dropped.arp == 12 && dropped.ipv4 == 6 && dropped.tags_too_deep == 1, "{dropped:?}");

    // A packet may be on its way through this host to who has the address.
    ip("address del 192.0.2.51/32 dev va");
    expect(&daemon, "the kernel has not", &asking(VIP), NEXT);
    ip("address add 192.0.2.51/32 dev va");
    expect(&daemon, "the kernel has again", &asking(VIP), SHOT);
    daemon.guard.dismiss(vip()).unwrap();
    expect(&daemon, "dismissed", &asking(VIP), NEXT);
    assert_eq!(daemon.action(&deep), NEXT, "nothing is guarded");

    // What could never be let through is not guarded.
    daemon.admit();
    daemon.guard.admit(vip(), "no such interface", v4_slot(VRID)).unwrap_err();
    let v6 = daemon.guard.admit("2001:db8::51".parse().unwrap(), "va", v4_slot(VRID)).unwrap_err();
    assert_eq!(v6.kind(), std::io::ErrorKind::Unsupported, "{v6}");
    assert_eq!(daemon.guard.guarded().count(), 0);
    expect(&daemon, "no such interface", &asking(VIP), NEXT);
    daemon.stop();
}

#[test]
fn where_nothing_is_forwarded_it_does_not_matter_whether_the_kernel_has_the_address() {
    namespace();
    let mut daemon = Daemon::new();
    daemon.admit();
    expect(&daemon, "backup", &asking(VIP), SHOT);
    daemon.stop();
}

#[test]
fn it_is_the_first_at_every_entrance_stays_after_a_crash_and_goes_at_a_stop() {
    namespace();
    ip("link add vc type veth peer name vd");
    let mut other = load(name::EGRESS);
    let program: &mut SchedClassifier = other.program_mut(name::EGRESS).unwrap().try_into().unwrap();
    program.attach("vc", TcAttachType::Ingress).unwrap_or_else(|_no_qdisc| {
        tc::qdisc_add_clsact("vc").unwrap();
        program.attach("vc", TcAttachType::Ingress).unwrap()
    });

    let mut first = Daemon::new();
    first.cover(&["va", "vc"]);
    let id = guards_at("va");
    assert_eq!(id.len(), 1);
    assert_eq!(guards_at("vc"), id, "one program for all");
    if tcx() {
        let (_, at_vc) = SchedClassifier::query_tcx("vc", TcAttachType::Ingress).unwrap();
        assert_eq!((at_vc.len(), at_vc[0].id()), (2, id[0]), "before the other");
    }
    first.cover(&["va", "vd"]);
    assert_eq!((guards_at("va"), guards_at("vc"), guards_at("vd")), (id.clone(), vec![], id.clone()));
    assert_eq!(first.guard.report().covered, ["va", "vd"]);

    drop(first);
    assert_eq!((guards_at("va"), guards_at("vd")), (id.clone(), id.clone()), "no descriptor keeps it");
    let mut second = Daemon::new();
    second.cover(&["va", "vd"]);
    let next = guards_at("va");
    assert!(next.len() == 1 && next != id, "{next:?} after {id:?}");
    assert_eq!(guards_at("vd"), next);
    second.stop();
    assert!(guards_at("va").is_empty() && guards_at("vd").is_empty());
}

fn load(name: &str) -> Ebpf {
    let mut ebpf = Ebpf::load(OBJECT).unwrap();
    let program: &mut SchedClassifier = ebpf.program_mut(name).unwrap().try_into().unwrap();
    program.load().unwrap();
    ebpf
}

/// `rm -r` and `kill -9`, whatever the order.
#[test]
fn without_pins_it_stays_too_and_the_next_daemon_finds_it_and_guards_what_it_guarded() {
    namespace();
    ip("address add 192.0.2.51/32 dev va");
    let mut first = Daemon::new();
    first.admit();
    first.cover(&["va", "vb"]);
    let id = guards_at("vb");
    fs::remove_dir_all(first.attachment.plane.pin_dir()).unwrap();
    drop(first);
    assert_eq!(guards_at("vb"), id);

    let mut second = Daemon::new();
    assert!(!second.attachment.plane.is_adopted());
    second.cover(&["va", "vb"]);
    let next = guards_at("vb");
    assert!(next.len() == 1 && next != id, "{next:?} after {id:?}");
    expect(&second, "what the first guarded", &asking(VIP), SHOT);
    assert_eq!(second.guard.guarded().collect::<Vec<_>>(), [vip()]);
    // Once the router wants it, it is the router's.
    second.admit();
    second.open();
    expect(&second, "master", &asking(VIP), NEXT);
    second.stop();
}

#[test]
fn removed_pins_are_noticed_and_made_again_and_so_is_what_is_taken_away() {
    namespace();
    let mut daemon = Daemon::new();
    daemon.cover(&["va", "vb"]);
    let dir = daemon.attachment.plane.pin_dir().to_owned();
    assert!(!daemon.guard.is_unpinned(&daemon.attachment.plane));
    fs::remove_file(dir.join("guard_program")).unwrap();
    assert!(daemon.guard.is_unpinned(&daemon.attachment.plane));
    daemon.guard.pin(&daemon.attachment.plane).unwrap();
    assert!(!daemon.guard.is_unpinned(&daemon.attachment.plane));

    assert!(!(0..2).any(|turn| daemon.guard.is_taken_away(turn)));
    if !tcx() {
        return daemon.stop();
    }
    // As any other tool does it.
    detach_by_hand("vb", &daemon.program());
    assert!(guards_at("vb").is_empty());
    assert!((0..2).any(|turn| daemon.guard.is_taken_away(turn)));
    daemon.cover(&["va", "vb"]);
    assert_eq!(guards_at("vb").len(), 1);
    daemon.stop();
}

fn detach_by_hand(interface: &str, program: &SchedClassifier) {
    use std::os::fd::{AsFd as _, AsRawFd as _};
    const PROG_DETACH: libc::c_long = 9;
    const TCX_INGRESS: u32 = 46;
    let mut attributes = [0_u32; 8];
    attributes[0] = index(interface);
    attributes[1] = program.fd().unwrap().as_fd().as_raw_fd() as u32;
    attributes[2] = TCX_INGRESS;
    // SAFETY: the attributes are as long as said.
    let result = unsafe { libc::syscall(libc::SYS_bpf, PROG_DETACH, attributes.as_mut_ptr(), 32) };
    assert_eq!(result, 0);
}

#[test]
fn two_daemons_in_one_namespace_do_not_take_away_each_others() {
    namespace();
    ip("link add vc address 02:00:00:00:00:0c type veth peer name vd");
    ip("link set vc up");
    let mut first = Daemon::new();
    first.cover(&["va", "vb", "vc"]);
    let of_first = guards_at("vb");
    let mut second = Daemon::on(attach_to("vc"));
    second.cover(&["va", "vb", "vc"]);
    assert_eq!(guards_at("vb").len(), 2);
    // One that dies and comes again takes its own place, alive or dead as the other is.
    drop(second);
    let mut second = Daemon::on(attach_to("vc"));
    second.cover(&["va", "vb", "vc"]);
    assert_eq!(guards_at("vb").len(), 2);
    assert!(guards_at("vb").contains(&of_first[0]));
    second.stop();
    assert_eq!(guards_at("vb"), of_first);
    first.stop();
}

#[test]
fn an_interface_whose_pins_are_swept_leaves_no_guard_behind() {
    namespace();
    ip("link add vc type veth peer name vd");
    let mut first = Daemon::new();
    first.cover(&["va", "vb", "vc"]);
    drop(first);
    ip("link set va down");
    ip("link set va name lan0");
    let mut second = Daemon::on(attach_to("lan0"));
    second.cover(&["lan0", "vb", "vc"]);
    assert_eq!(guards_at("vc").len(), 1);
    second.stop();
    assert!(guards_at("vc").is_empty());
}

fn attach_to(name: &str) -> Attachment {
    let target = Target { name: name.into(), index: index(name), mac: NIC };
    vrrp_dataplane::attach(&target, Mode::Auto).unwrap()
}

/// The kernel takes 64.
#[test]
fn where_there_is_no_room_it_says_so_and_guards_the_rest() {
    namespace();
    if !tcx() {
        return;
    }
    let mut others: Vec<Ebpf> = Vec::new();
    loop {
        let mut other = load(name::EGRESS);
        let program: &mut SchedClassifier = other.program_mut(name::EGRESS).unwrap().try_into().unwrap();
        let options = TcAttachOptions::TcxOrder(LinkOrder::default());
        if program.attach_with_options("vb", TcAttachType::Ingress, options).is_err() {
            break;
        }
        others.push(other);
        assert!(others.len() <= 64);
    }
    let mut daemon = Daemon::new();
    daemon.cover(&["va", "vb"]);
    let report = daemon.guard.report();
    assert_eq!(report.covered, ["va"]);
    assert_eq!(report.uncovered.len(), 1, "{report:?}");
    assert!(report.uncovered[0].0 == "vb" && !report.uncovered[0].1.is_empty(), "{report:?}");
    let entrances: BTreeSet<_> = ["va", "vb"].map(entrance).into();
    assert!(!daemon.guard.is_settled(&entrances), "it is tried again");
    others.clear();
    daemon.cover(&["va", "vb"]);
    assert_eq!(daemon.guard.report().uncovered, []);
    daemon.stop();
}

const REPEAT: u32 = 200_000;

#[test]
fn nanoseconds_for_each_frame_at_the_guard() {
    namespace();
    let mut daemon = Daemon::new();
    let packet = |address| ipv4(HERE, CLIENT_IP, address, 6, 64, &[], &[0; 20]);
    let measure = |daemon: &Daemon, what: &str, frame: &[u8]| {
        let options = TestRunOptions { data_in: Some(frame), repeat: REPEAT, ..Default::default() };
        let took = daemon.program().test_run(options).unwrap().duration;
        println!("{what:44} {:4} ns", took.as_nanos());
    };
    measure(&daemon, "IPv6", &ipv6());
    measure(&daemon, "IPv4, nothing guarded", &packet("192.0.2.7"));
    daemon.admit();
    daemon.open();
    measure(&daemon, "IPv4 to another address", &packet("192.0.2.7"));
    measure(&daemon, "IPv4 to another address with the same bits", &packet(NEIGHBOUR));
    measure(&daemon, "IPv4 to the address, master", &packet(VIP));
    daemon.tables().close(v4_slot(VRID), now());
    measure(&daemon, "IPv4 to the address, dropped", &packet(VIP));
    measure(&daemon, "ARP for another address", &Arp::request(CLIENT, CLIENT_IP, "192.0.2.7").bytes());
    let info = daemon.program().info().unwrap();
    println!("verified instructions of the guard: {:?}", info.verified_instruction_count());
    assert!(info.verified_instruction_count().unwrap() < 4_000);
    daemon.stop();
}
