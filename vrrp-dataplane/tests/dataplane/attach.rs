//! Loading, adopting, and what is in the way.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use aya::{
    Ebpf,
    maps::{Array, Map, MapData},
    programs::{Xdp, XdpMode},
};
use vrrp_common::{
    abi::{self, guard, name, role},
    lease::Lease,
    time::Time,
    types::AdvertInterval,
};
use vrrp_dataplane::{AttachError, Attached, Detached, Mode, OBJECT, Tables, Why};

use crate::rig::{LONG, NIC, attach, entry, index, ip, namespace, now, set_vips, target, until, v4_slot};

const SLOT_51: u8 = 51;

/// The id of the XDP program on the interface, as `ip` tells it.
fn xdp_program() -> Option<String> {
    let out = Command::new("ip").args(["-o", "-d", "link", "show", "va"]).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    text.split_once("prog/xdp id ").map(|(_, rest)| rest.split_whitespace().next().unwrap().to_owned())
}

/// Before Linux 6.6 the egress program is attached by a filter, and there is no link to pin.
fn is_pinned_here(pin: &str) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next().unwrap(), numbers.next().unwrap());
    pin != "egress_link" || version >= (6, 6)
}

fn configure(tables: &mut Tables, vips: &[&str]) -> bool {
    let vips: Vec<_> = vips.iter().map(|vip| vip.parse().unwrap()).collect();
    let open = tables.configure(v4_slot(SLOT_51), &entry(SLOT_51, true, true), now());
    set_vips(tables, v4_slot(SLOT_51), &vips);
    open
}

#[test]
fn a_veth_gets_generic_mode_and_a_planned_stop_leaves_nothing() {
    namespace();
    let attachment = attach().unwrap();
    assert_eq!(*attachment.plane.mode(), Attached::Generic(Why::Veth));
    assert!(!attachment.plane.is_adopted());
    let dir = attachment.plane.pin_dir().to_owned();
    let mut pins: Vec<_> =
        fs::read_dir(&dir).unwrap().map(|pin| pin.unwrap().file_name().into_string().unwrap()).collect();
    pins.sort();
    let mut expected = vec![
        "budgets",
        "counters",
        "egress_link",
        "expected",
        "interface",
        "near_vips",
        "peers",
        "routers",
        "settling",
        "vips",
        "xdp_link",
    ];
    expected.retain(|pin| is_pinned_here(pin));
    assert_eq!(pins, expected);
    assert!(xdp_program().is_some());
    attachment.plane.detach().unwrap();
    assert!(!dir.exists());
    assert_eq!(xdp_program(), None);
}

#[test]
fn native_mode_is_native() {
    namespace();
    let attachment = vrrp_dataplane::attach(&target(), Mode::Native).unwrap();
    assert_eq!(*attachment.plane.mode(), Attached::Native);
    attachment.plane.detach().unwrap();
}

#[test]
fn the_next_daemon_takes_over_program_roles_and_addresses() {
    namespace();
    let mut first = attach().unwrap();
    assert!(!configure(&mut first.tables, &["192.0.2.51", "192.0.2.52"]));
    let lease = now() + LONG;
    first.tables.open(v4_slot(SLOT_51), until(lease), now());
    let old = xdp_program().unwrap();
    // Killed: nothing is detached.
    drop(first);
    assert_eq!(xdp_program().as_deref(), Some(&*old), "the program stays");

    let mut second = attach().unwrap();
    assert!(second.plane.is_adopted());
    assert_ne!(xdp_program().unwrap(), old, "the program is exchanged");
    let router = second.tables.router(v4_slot(SLOT_51));
    assert_eq!((router.role, router.lease_until_ns), (role::MASTER, lease.as_nanos()));
    assert_eq!(second.tables.vips().count(), 2);
    assert!(configure(&mut second.tables, &["192.0.2.51"]), "the door stays open");
    assert_eq!(second.tables.vips().count(), 1);
    assert_eq!(second.tables.configured_slots().collect::<Vec<_>>(), [v4_slot(SLOT_51)]);
    second.plane.detach().unwrap();
}

#[test]
fn a_role_whose_lease_is_over_is_not_taken_over() {
    namespace();
    let mut first = attach().unwrap();
    configure(&mut first.tables, &["192.0.2.51"]);
    first.tables.open(v4_slot(SLOT_51), until(now()), now());
    drop(first);
    let mut second = attach().unwrap();
    assert!(!configure(&mut second.tables, &["192.0.2.51"]));
    let router = second.tables.router(v4_slot(SLOT_51));
    assert_eq!((router.role, Time::from_nanos(router.lease_until_ns)), (role::BACKUP, Time::BOOT));
    second.plane.detach().unwrap();
}

/// Who dies between the stores of a lease leaves no lie: the interval is the lease's own, or not known.
#[test]
fn a_lease_goes_with_the_interval_that_was_told_with_it() {
    namespace();
    let mut first = attach().unwrap();
    configure(&mut first.tables, &["192.0.2.51"]);
    let slot = v4_slot(SLOT_51);
    for seconds in [10, 10, 1, 40] {
        let lease = Lease::granted(now(), AdvertInterval::from_seconds(seconds).unwrap());
        first.tables.open(slot, lease, now());
        assert_eq!(first.tables.router(slot).running_lease(now()), Some(lease));
    }
    let lease = first.tables.router(slot).running_lease(now());
    drop(first);
    let mut second = attach().unwrap();
    assert!(configure(&mut second.tables, &["192.0.2.51"]), "the door stays open");
    assert_eq!(second.tables.router(slot).running_lease(now()), lease);
    second.tables.close(slot, now());
    assert_eq!(second.tables.router(slot).told_centiseconds, 0);
    second.plane.detach().unwrap();
}

/// Nobody has granted it, and nothing would ever end it.
#[test]
fn times_from_the_future_in_the_maps_are_not_believed() {
    namespace();
    let mut first = attach().unwrap();
    configure(&mut first.tables, &["192.0.2.51"]);
    let slot = v4_slot(SLOT_51);
    first.tables.open(slot, Lease { until: Time::NEVER, told: None }, now());
    let routers = MapData::from_pin(first.plane.pin_dir().join("routers")).unwrap();
    drop(first);
    let mut routers: Array<_, [u64; 16]> = Array::try_from(Map::Array(routers)).unwrap();
    let mut router: abi::Router = bytemuck::cast(routers.get(&slot, 0).unwrap());
    assert_eq!(router.role, role::MASTER);
    router.last_heard_ns = u64::MAX / 2;
    routers.set(slot, bytemuck::cast::<_, [u64; 16]>(router), 0).unwrap();

    let mut second = attach().unwrap();
    assert!(!configure(&mut second.tables, &["192.0.2.51"]), "the door is closed");
    let router = second.tables.router(slot);
    assert_eq!((router.role, router.lease_until_ns, router.last_heard_ns), (role::BACKUP, 0, 0));
    second.plane.detach().unwrap();
}

#[test]
fn pins_of_another_layout_are_never_used() {
    namespace();
    let first = attach().unwrap();
    let pin = first.plane.pin_dir().join("routers");
    drop(first);
    fs::remove_file(&pin).unwrap();
    let other = Array::<MapData, u64>::create(4, 1 << 10).unwrap();
    other.pin(&pin).unwrap();

    let mut second = attach().unwrap();
    assert!(!second.plane.is_adopted());
    assert!(!configure(&mut second.tables, &["192.0.2.51"]));
    second.plane.detach().unwrap();
}

#[test]
fn pins_of_an_interface_that_is_gone_are_swept_and_its_name_is_free() {
    namespace();
    let first = attach().unwrap();
    let index = first.plane.target().index;
    drop(first);
    ip("link del va");
    ip("link add va type veth peer name vb");
    let second = attach().unwrap();
    assert_ne!(second.plane.target().index, index);
    assert!(!second.plane.is_adopted());
    second.plane.detach().unwrap();
}

#[test]
fn pins_under_a_former_name_of_the_interface_are_swept() {
    namespace();
    let first = attach().unwrap();
    let former = first.plane.pin_dir().to_owned();
    drop(first);
    ip("link set va down");
    ip("link set va name lan0");
    let target = vrrp_dataplane::Target { name: "lan0".into(), index: index("lan0"), mac: NIC };
    let second = vrrp_dataplane::attach(&target, Mode::Auto).unwrap();
    assert!(!former.exists());
    second.plane.detach().unwrap();
}

/// As any other tool does it.
fn detach_by_hand(pin: &std::path::Path) {
    let output = Command::new("bpftool").args(["link", "detach", "pinned"]).arg(pin).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn removed_pins_are_noticed_and_made_again_and_the_program_stays_attached() {
    namespace();
    let mut attachment = attach().unwrap();
    let dir = attachment.plane.pin_dir().to_owned();
    let pins = || fs::read_dir(&dir).map(Iterator::count).unwrap_or(0);
    let (all, program) = (pins(), xdp_program());
    assert!(!attachment.plane.is_unpinned());
    for one_or_all in [&["routers"][..], &["counters", "egress_link", "xdp_link"]] {
        for pin in one_or_all.iter().filter(|pin| is_pinned_here(pin)) {
            fs::remove_file(dir.join(pin)).unwrap();
        }
        assert!(attachment.plane.is_unpinned());
        attachment.plane.pin_again().unwrap();
        assert!(!attachment.plane.is_unpinned());
        assert_eq!((pins(), xdp_program()), (all, program.clone()));
    }
    fs::remove_dir_all(&dir).unwrap();
    assert!(attachment.plane.is_unpinned());
    attachment.plane.pin_again().unwrap();
    assert_eq!((pins(), xdp_program()), (all, program));
    assert!(matches!(attach(), Err(AttachError::Taken { .. })), "it has the new directory's lock");
    // A stop without pins leaves nothing either.
    fs::remove_dir_all(&dir).unwrap();
    attachment.plane.detach().unwrap();
    assert_eq!(xdp_program(), None);
}

#[test]
fn a_program_that_somebody_has_detached_is_noticed_and_the_next_daemon_attaches_it_again() {
    namespace();
    for (pin, detached) in [("egress_link", Detached::Egress), ("xdp_link", Detached::Xdp)] {
        if !is_pinned_here(pin) {
            continue;
        }
        let first = attach().unwrap();
        let pin = first.plane.pin_dir().join(pin);
        assert_eq!(first.plane.detached(), None);
        detach_by_hand(&pin);
        assert_eq!(first.plane.detached(), Some(detached));
        drop(first);
        let second = attach().unwrap();
        assert_eq!(second.plane.is_adopted(), detached == Detached::Egress, "the role stays");
        assert_eq!(second.plane.detached(), None);
        second.plane.detach().unwrap();
    }
}

#[test]
fn a_second_daemon_is_refused() {
    namespace();
    let first = attach().unwrap();
    let error = attach().unwrap_err();
    assert!(matches!(error, AttachError::Taken { .. }), "{error}");
    assert!(!error.is_unsupported());
    first.plane.detach().unwrap();
}

#[test]
fn another_program_is_named() {
    namespace();
    let mut other = Ebpf::load(OBJECT).unwrap();
    let program: &mut Xdp = other.program_mut(name::INGRESS).unwrap().try_into().unwrap();
    program.load().unwrap();
    program.attach("va", XdpMode::Skb).unwrap();
    let error = attach().unwrap_err();
    let AttachError::Busy { program, .. } = &error else { panic!("{error}") };
    assert!(program.contains(name::INGRESS), "{error}");
}

#[test]
fn native_mode_with_a_large_mtu_says_what_to_do_and_auto_goes_on() {
    namespace();
    ip("link set vb mtu 9000");
    let error = vrrp_dataplane::attach(&target(), Mode::Native).unwrap_err();
    assert!(error.to_string().contains("mtu 1500"), "{error}");
    let attachment = attach().unwrap();
    attachment.plane.detach().unwrap();
}

#[test]
fn an_interface_that_is_gone_is_named() {
    namespace();
    let gone = vrrp_dataplane::Target { index: 4711, ..target() };
    let error = vrrp_dataplane::attach(&gone, Mode::Generic).unwrap_err();
    assert!(matches!(error, AttachError::NoInterface { .. }), "{error:?}");
}

/// `ip netns exec` gives its process mounts of its own. What is pinned there would go with it.
#[test]
fn pins_outlive_a_process_with_mounts_of_its_own() {
    namespace();
    let target = target();
    let (dir, program) = thread::spawn(move || {
        // SAFETY: touches no memory. The thread gets mounts of its own, in which /sys is empty, and ends with them.
        unsafe {
            assert_eq!(libc::unshare(libc::CLONE_NEWNS), 0);
            assert_eq!(
                libc::mount(
                    c"none".as_ptr(),
                    c"/".as_ptr(),
                    std::ptr::null(),
                    libc::MS_REC | libc::MS_PRIVATE,
                    std::ptr::null()
                ),
                0
            );
            assert_eq!(
                libc::mount(c"t".as_ptr(), c"/sys".as_ptr(), c"sysfs".as_ptr(), 0, std::ptr::null()),
                0
            );
        }
        let attachment = vrrp_dataplane::attach(&target, Mode::Auto).unwrap();
        (attachment.plane.pin_dir().to_owned(), xdp_program())
    })
    .join()
    .unwrap();
    assert!(dir.join("xdp_link").exists(), "{} in the host's mounts", dir.display());
    assert_eq!(xdp_program(), program);
    let next = attach().unwrap();
    assert!(next.plane.is_adopted());
    next.plane.detach().unwrap();
}

#[test]
fn plain_libbpf_loads_the_object() {
    namespace();
    let object = std::env::temp_dir().join(format!("vrrp-ebpf-{}.o", std::process::id()));
    fs::File::create(&object).unwrap().write_all(OBJECT).unwrap();
    let dir = PathBuf::from("/sys/fs/bpf").join(format!("vrrpd-test-{}", std::process::id()));
    attach().unwrap().plane.detach().unwrap();
    let out = Command::new("bpftool").args(["prog", "loadall"]).args([&object, &dir]).output().unwrap();
    let loaded: Vec<_> = [name::INGRESS, name::EGRESS, guard::name::PROGRAM]
        .into_iter()
        .filter(|name| dir.join(name).exists())
        .collect();
    let _nothing = (fs::remove_dir_all(&dir), fs::remove_file(&object));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(loaded, [name::INGRESS, name::EGRESS, guard::name::PROGRAM]);
}

/// Notes outlive the daemon as the pins do, and what its tables named is told, whether they are used again or not.
#[test]
fn the_next_daemon_reads_what_was_noted_and_which_addresses_the_tables_had() {
    namespace();
    let mut first = attach().unwrap();
    configure(&mut first.tables, &["192.0.2.51", "192.0.2.52"]);
    first.plane.note("owner", Some("one")).unwrap();
    first.plane.note("owner", Some("/run/vrrpd/control")).unwrap();
    first.plane.note("routing-1", Some("{\"x\": 1.5}")).unwrap();
    first.plane.note("routing-2", Some("gone")).unwrap();
    first.plane.note("routing-2", None).unwrap();
    first.plane.note("routing-2", None).unwrap();
    drop(first);
    for mode in [Mode::Auto, Mode::Native] {
        // A process that another test has just forked may have the lock for a moment.
        let here = || vrrp_dataplane::unheld().iter().any(|(name, _)| *name == target().name);
        let end = Instant::now() + Duration::from_secs(5);
        while !here() {
            assert!(Instant::now() < end, "the pins of the daemon before are not found");
        }
        let next = vrrp_dataplane::attach(&target(), mode).unwrap();
        assert!(!vrrp_dataplane::unheld().iter().any(|(name, _)| *name == target().name), "it is held now");
        let mut addresses = next.inherited.addresses.clone();
        addresses.sort();
        assert_eq!(addresses.len(), 2, "{mode:?}: {addresses:?}");
        assert_eq!(next.plane.is_adopted(), mode == Mode::Auto);
        let notes = [("owner", "/run/vrrpd/control"), ("routing-1", "{\"x\": 1.5}")];
        assert_eq!(next.inherited.notes, notes.map(|(name, text)| (name.to_owned(), text.to_owned())));
        if mode == Mode::Native {
            next.plane.detach().unwrap();
        }
    }
}
