//! The programs of version 0.1.0, which wrote no interval beside a lease and had fewer verdicts: an upgrade from it keeps the role.
//!
//! `fixtures/vrrp-ebpf-0.1.0.o` is the object that was in it (stripped of DWARF by `llvm-strip -g`), attached here as it was then.

use std::{
    fs,
    mem::offset_of,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, HashMap, PerCpuArray, PerCpuValues},
    programs::{
        SchedClassifier, TcAttachType, Xdp, XdpMode,
        links::{FdLink, LinkOrder},
        tc::TcAttachOptions,
    },
};
use rustix::fs::FlockOperation;
use vrrp_common::{
    abi::{self, Verdict, name, role},
    election::{Cause, Election, Input, Settings, StateName},
    lease::Lease,
    receive::{Advert, Lists},
    time::Time,
    types::{AdvertInterval, Priority, Version},
};

use crate::{
    frames::Arp,
    rig::{INTERFACE, NIC, attach, entry, index, namespace, now, set_vips, v4_slot},
    wire::PacketSocket,
};

/// As it was in the daemon.
pub(crate) const OBJECT: &[u8] = aya::include_bytes_aligned!("fixtures/vrrp-ebpf-0.1.0.o");

/// All that it pinned.
pub(crate) const MAPS: [&str; 7] = [
    name::ROUTERS,
    name::EXPECTED,
    name::INTERFACE,
    name::VIPS,
    name::PEERS,
    name::NEAR_VIPS,
    name::COUNTERS,
];
/// Verdicts that it had, and words beside their counts.
const VERDICTS: usize = 27;
const CPU_WORDS: usize = VERDICTS + 2;

const VRID: u8 = 51;
const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 51);
const CLIENT: &str = "192.0.2.200";

fn has_tcx() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
    (numbers.next().unwrap(), numbers.next().unwrap()) >= (6, 6)
}

/// A daemon of 0.1.0: all that would go with the process.
struct Former {
    ebpf: Ebpf,
    /// Without it another daemon that starts at this moment takes the directory for one that was left.
    _lock: fs::File,
}

/// Makes the directory and locks it, which another daemon may sweep away in between.
fn lock(dir: &Path) -> fs::File {
    loop {
        fs::create_dir_all(dir).unwrap();
        let Ok(lock) = fs::File::open(dir) else { continue };
        let free = rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
        if free && dir.exists() {
            return lock;
        }
    }
}

/// Loads, attaches and pins as 0.1.0 did.
fn start(dir: &Path) -> Former {
    let lock = lock(dir);
    let mut loader = EbpfLoader::new();
    for map in MAPS {
        loader.map_pin_path(map, dir.join(map.to_lowercase()));
    }
    let mut ebpf = loader.load(OBJECT).unwrap();
    let xdp: &mut Xdp = ebpf.program_mut(name::INGRESS).unwrap().try_into().unwrap();
    xdp.load().unwrap();
    let id = xdp.attach_to_if_index(index(INTERFACE), XdpMode::Skb).unwrap();
    let link: FdLink = xdp.take_link(id).unwrap().try_into().unwrap();
    link.pin(dir.join("xdp_link")).unwrap();
    let egress: &mut SchedClassifier = ebpf.program_mut(name::EGRESS).unwrap().try_into().unwrap();
    egress.load().unwrap();
    if has_tcx() {
        let options = TcAttachOptions::TcxOrder(LinkOrder::default());
        let id = egress.attach_with_options(INTERFACE, TcAttachType::Egress, options).unwrap();
        let link: FdLink = egress.take_link(id).unwrap().try_into().unwrap();
        link.pin(dir.join("egress_link")).unwrap();
    }
    Former { ebpf, _lock: lock }
}

fn array<const WORDS: usize>(ebpf: &mut Ebpf, name: &str) -> Array<aya::maps::MapData, [u64; WORDS]> {
    Array::try_from(ebpf.take_map(name).unwrap()).unwrap()
}

/// A master of [`VRID`] with one address, until then.
fn write_master(ebpf: &mut Ebpf, lease_until: Time) {
    let [a, b, c, d, e, f] = NIC.0;
    array::<1>(ebpf, name::INTERFACE).set(0, [u64::from_ne_bytes([a, b, c, d, e, f, 0, 0])], 0).unwrap();
    let slot = v4_slot(VRID);
    let router = abi::Router {
        lease_until_ns: lease_until.as_nanos(),
        role: role::MASTER,
        vrid: VRID,
        family: 4,
        use_vmac: 1,
        mac: entry(VRID, true, true).mac.0,
        vips: 1,
        role_since_ns: now().as_nanos(),
        accept: 1,
        ..abi::Router::default()
    };
    array::<16>(ebpf, name::ROUTERS).set(slot, bytemuck::cast::<_, [u64; 16]>(router), 0).unwrap();
    let address = abi::Vip::new(VIP.into()).address;
    let mut vips = HashMap::<_, [u8; 16], u32>::try_from(ebpf.take_map(name::VIPS).unwrap()).unwrap();
    vips.insert(address, slot, 0).unwrap();
    let near = abi::NearVip { address: VIP.octets(), slot };
    let at = abi::NearVip::index_of(near.address);
    array::<1>(ebpf, name::NEAR_VIPS).set(at, [bytemuck::cast(near)], 0).unwrap();
}

/// What 0.1.0 has counted on each processor: as many as the verdict's place, and one. The clock beside them is no count. How
/// many processors there are.
fn write_counts(ebpf: &mut Ebpf) -> u64 {
    let mut map: PerCpuArray<_, [u64; CPU_WORDS]> =
        PerCpuArray::try_from(ebpf.take_map(name::COUNTERS).unwrap()).unwrap();
    let cpus = map.get(&0, 0).unwrap().len();
    let mut value = std::array::from_fn(|place| place as u64 + 1);
    value[VERDICTS..].fill(1 << 40);
    map.set(0, PerCpuValues::try_from(vec![value; cpus]).unwrap(), 0).unwrap();
    cpus as u64
}

fn pin_dir() -> PathBuf {
    let attachment = attach().unwrap();
    let dir = attachment.plane.pin_dir().to_owned();
    attachment.plane.detach().unwrap();
    dir
}

/// The id of the link that keeps the XDP program attached.
fn link_id(dir: &Path) -> String {
    let out =
        Command::new("bpftool").args(["link", "show", "pinned"]).arg(dir.join("xdp_link")).output().unwrap();
    String::from_utf8(out.stdout).unwrap().split(':').next().unwrap().to_owned()
}

/// Asks at the other end of the wire, one question after the other, until it is told to stop: how many were asked, and how many
/// of them answered.
fn ask_until(stop: Arc<AtomicBool>) -> thread::JoinHandle<(u32, u32)> {
    thread::spawn(move || {
        let socket = PacketSocket::arp("vb");
        let question =
            Arp::request(vrrp_common::types::Mac([2, 0, 0, 0, 0, 0x0b]), CLIENT, &VIP.to_string()).bytes();
        let (mut asked, mut answered) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            socket.send(&question);
            asked += 1;
            answered += u32::from(socket.answer_within(Duration::from_millis(200)));
        }
        (asked, answered)
    })
}

#[test]
fn an_upgrade_from_0_1_keeps_link_role_lease_and_counts_and_misses_no_question() {
    namespace();
    let dir = pin_dir();
    let mut former = start(&dir);
    // Of an interval of ten seconds, which it did not write down.
    let lease = now() + Duration::from_secs(25);
    write_master(&mut former.ebpf, lease);
    let link = link_id(&dir);
    let stop = Arc::new(AtomicBool::new(false));
    let asking = ask_until(Arc::clone(&stop));
    thread::sleep(Duration::from_millis(50));
    let cpus = write_counts(&mut former.ebpf);
    // Killed.
    drop(former);

    let mut upgraded = attach().unwrap();
    assert!(upgraded.plane.is_adopted());
    let open = upgraded.tables.configure(v4_slot(VRID), &entry(VRID, true, true), now());
    set_vips(&mut upgraded.tables, v4_slot(VRID), &[VIP.into()]);
    thread::sleep(Duration::from_millis(50));
    stop.store(true, Ordering::Relaxed);
    let (asked, answered) = asking.join().unwrap();

    assert!(open, "the door stays open");
    assert_eq!(link_id(&dir), link);
    let router = upgraded.tables.router(v4_slot(VRID));
    assert_eq!((router.role, router.lease_until_ns), (role::MASTER, lease.as_nanos()));
    assert_eq!(router.running_lease(now()), Some(Lease { until: lease, told: None }));
    println!("{answered} of {asked} questions answered");
    assert!(asked > 20 && answered == asked, "{answered} of {asked}");
    let after = upgraded.tables.counters().unwrap();
    for (place, verdict) in Verdict::ALL.iter().copied().enumerate() {
        let counting = matches!(verdict, Verdict::ArpAnswered | Verdict::NotOurs);
        let carried = if place < VERDICTS { cpus * (place as u64 + 1) } else { 0 };
        let count = after.of(verdict);
        assert!(
            if counting { count >= carried } else { count == carried },
            "{verdict:?}: {count}, not {carried}"
        );
    }
    drop(upgraded);

    let again = attach().unwrap();
    assert!(again.plane.is_adopted() && !again.plane.is_unpinned());
    assert_eq!(again.tables.counters().unwrap(), after, "its own counters are its own");
    assert_eq!(link_id(&dir), link);
    again.plane.detach().unwrap();
    assert!(!dir.exists());
}

/// With one second now where it had ten: a better master is heard at once, and silence begins with the end of the lease.
#[test]
fn an_upgrade_from_0_1_with_another_interval_hears_better_masters_at_once() {
    namespace();
    let dir = pin_dir();
    let mut former = start(&dir);
    let lease = now() + Duration::from_secs(25);
    write_master(&mut former.ebpf, lease);
    drop(former);
    let mut upgraded = attach().unwrap();
    assert!(upgraded.tables.configure(v4_slot(VRID), &entry(VRID, true, true), now()));
    let at = now();
    let lease = upgraded.tables.router(v4_slot(VRID)).running_lease(at).unwrap();
    let settings = Settings {
        version: Version::V3,
        priority: Priority::DEFAULT,
        interval: AdvertInterval::DEFAULT,
        address: "192.0.2.1".parse().unwrap(),
        preempt: true,
        preempt_delay: Duration::ZERO,
        grouped: false,
        probe_limit: 0,
    };
    let better = Advert {
        source: "192.0.2.2".parse().unwrap(),
        priority: Priority::new(200),
        interval: AdvertInterval::DEFAULT,
        mac: vrrp_common::types::Mac::default(),
        from_virtual_mac: true,
        deaf: false,
        lists: Lists::Same,
    };
    let adopted = |input| {
        let mut election = Election::new(settings);
        election.handle(at, Input::Adopt(lease));
        assert_eq!(election.name(), StateName::Master);
        election.handle(lease.until.min(at + Duration::from_secs(30)), input)
    };
    let heard = Input::Advert { advert: better, at, last_heard: None };
    assert_eq!(adopted(heard).transition.map(|change| change.cause), Some(Cause::Outranked(better)));
    let timeout = Input::Timeout { last_heard: None };
    assert_eq!(adopted(timeout).transition.map(|change| change.cause), Some(Cause::Silent));
    upgraded.plane.detach().unwrap();
}

/// Whoever has another shape of a map on which a role hangs starts afresh; whoever lacks one that is new does not.
#[test]
fn the_layout_is_that_of_0_1_but_for_what_is_made_anew() {
    assert_eq!(offset_of!(abi::Router, reserved), 54, "what was zero then is no other word's");
    namespace();
    let dir = pin_dir();
    let former = start(&dir);
    drop(former);
    assert!(!dir.join("budgets").exists());
    let upgraded = attach().unwrap();
    assert!(upgraded.plane.is_adopted() && dir.join("budgets").exists());
    upgraded.plane.detach().unwrap();
}
