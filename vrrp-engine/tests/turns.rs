//! Turns of an engine with nothing behind it but tables and sockets that remember.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    io,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, SystemTime},
};

use vrrp_common::{
    abi::{self, RouterEntry, Seen},
    lease::Lease,
    receive::{Advert, Peer},
    time::Time,
    types::{Mac, Priority},
};
use vrrp_engine::{Attached, Command, Engine, Link, Nature, Outside, Plane, Request, Trackings};

/// The system's allocator, which counts what this thread asks for.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is the system's allocator's own, called with what was given.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Tables and sockets of one interface.
#[derive(Debug, Default)]
struct Tables {
    entries: BTreeMap<u32, RouterEntry>,
    leases: BTreeMap<u32, Lease>,
    vips: HashMap<IpAddr, u32>,
    /// Frames that have left.
    sent: u64,
}

impl Plane for Tables {
    fn next_event(&mut self) -> Option<abi::Event> {
        None
    }

    fn set_mac(&mut self, _mac: Mac) {}

    fn configure(&mut self, slot: u32, entry: &RouterEntry, _now: Time) {
        self.entries.insert(slot, *entry);
    }

    fn set_peers(&mut self, _slot: u32, _peers: &[Peer]) -> io::Result<()> {
        Ok(())
    }

    fn shut(&mut self, slot: u32, _now: Time) {
        self.leases.remove(&slot);
    }

    fn remove(&mut self, slot: u32) -> io::Result<()> {
        self.entries.remove(&slot);
        Ok(())
    }

    fn configured_slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.entries.keys().copied()
    }

    fn vips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.vips.keys().copied()
    }

    fn assign(&mut self, wanted: &HashMap<IpAddr, u32>) -> io::Result<()> {
        self.vips.clone_from(wanted);
        Ok(())
    }

    fn open(&mut self, slot: u32, lease: Lease, _now: Time) {
        self.leases.insert(slot, lease);
    }

    fn close(&mut self, slot: u32, _now: Time) {
        self.leases.remove(&slot);
    }

    fn running_lease(&self, slot: u32, now: Time) -> Option<Lease> {
        self.leases.get(&slot).copied().filter(|lease| lease.is_running(now))
    }

    fn set_priority(&mut self, _slot: u32, _priority: Priority) {}

    fn set_asking(&mut self, _slot: u32, _asking: bool) {}

    fn expect(&mut self, _slot: u32, _advert: &Advert, _destination: IpAddr, _message: &[u8]) {}

    fn forget(&mut self, _slot: u32) {}

    fn last_heard(&self, _slot: u32) -> (Option<Time>, u64) {
        (None, 0)
    }

    fn watch(&mut self) {}

    fn unwatch(&mut self) {}

    fn seen(&self) -> Seen {
        Seen::default()
    }

    fn counters(&self) -> Option<abi::Counters> {
        None
    }

    fn accept(&mut self, _mac: Mac) -> io::Result<()> {
        Ok(())
    }

    fn retain(&mut self, _macs: &BTreeSet<Mac>) -> io::Result<()> {
        Ok(())
    }

    fn send<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
        let count = frames.count();
        self.sent += count as u64;
        Ok(count)
    }

    fn send_past_the_door<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> io::Result<usize> {
        Ok(frames.count())
    }

    fn send_to_peers(&mut self, packets: &[(Ipv4Addr, Vec<u8>)]) -> io::Result<usize> {
        self.sent += packets.len() as u64;
        Ok(packets.len())
    }
}

#[derive(Debug)]
struct Around {
    now: Time,
    requests: Vec<Request>,
    /// There is no room for requests.
    full: bool,
}

impl Outside for Around {
    type Plane = Tables;

    fn now(&self) -> Time {
        self.now
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn request(&mut self, request: Request) -> Result<(), Request> {
        if self.full {
            return Err(request);
        }
        self.requests.push(request);
        Ok(())
    }
}

const START: Time = Time::from_nanos(1_000_000_000_000);

fn configuration(routers: u8) -> vrrp_config::Config {
    let mut text = String::new();
    for vrid in 1..=routers {
        writeln!(
            text,
            "[vrrp_instance.R{vrid}]\ninterface = \"eth0\"\nvirtual_router_id = {vrid}\nadvert_int = \"100ms\"\n\
             garp = {{ repeat = 0, delay = \"0s\" }}\nvirtual_ipaddress = [\"192.0.2.{vrid}/24\"]"
        )
        .unwrap();
        if vrid % 4 == 3 {
            writeln!(text, "unicast_peer = [\"192.0.2.202\", \"192.0.2.203\"]").unwrap();
        }
    }
    if routers > 1 {
        writeln!(text, "[vrrp_sync_group.G]\ngroup = [\"R1\", \"R2\"]").unwrap();
    }
    vrrp_config::parse("test", &text).unwrap()
}

/// An engine on one interface that is up, with a data plane.
fn engine(routers: u8) -> Engine<Around> {
    let around = Around { now: START, requests: Vec::new(), full: false };
    let mut engine = Engine::new(around, configuration(routers), Trackings::new(), Duration::ZERO);
    let attached = Attached { index: 1, mode: "native".into(), pins: "/pins".into(), inherited: Vec::new() };
    engine.turn(Some(Command::Plane {
        interface: "eth0".into(),
        attached: Some((Tables::default(), attached)),
    }));
    let link = Link {
        index: 1,
        mac: Mac([2, 0, 0, 0, 0, 1]),
        up: true,
        carrier: true,
        carrier_ups: 1,
        nature: Nature::default(),
        addresses: vec![Ipv4Addr::new(192, 0, 2, 201).into()],
    };
    engine.turn(Some(Command::Link { interface: "eth0".into(), link: Some(link) }));
    engine
}

/// Turns whenever one is wanted, until then.
fn run(engine: &mut Engine<Around>, until: Time) -> u32 {
    let mut turns = 0;
    while engine.deadline() <= until {
        let at = engine.deadline().max(engine.outside().now);
        engine.outside_mut().now = at;
        engine.turn(None);
        turns += 1;
    }
    turns
}

fn sent(engine: &Engine<Around>) -> u64 {
    engine.planes().map(|plane| plane.sent).sum()
}

#[test]
fn a_turn_that_only_sends_adverts_allocates_nothing() {
    let mut engine = engine(2);
    run(&mut engine, START + Duration::from_secs(3));
    assert!((1..=2).all(|vrid| engine.election(&format!("R{vrid}")).unwrap().name().as_str() == "MASTER"));
    let (before, sent_before) = (ALLOCATIONS.with(Cell::get), sent(&engine));
    let turns = run(&mut engine, START + Duration::from_secs(13));
    let allocations = ALLOCATIONS.with(Cell::get) - before;
    // Those that are nearly due leave with the others, a little early.
    let left = sent(&engine) - sent_before;
    assert!((200..214).contains(&left), "{left} adverts in 10 s");
    assert!(turns >= 100 && allocations == 0, "{allocations} allocations in {turns} turns");
}

#[test]
fn what_finds_no_room_is_told_again() {
    let mut engine = engine(1);
    engine.outside_mut().requests.clear();
    engine.outside_mut().full = true;
    run(&mut engine, START + Duration::from_secs(2));
    assert!(engine.outside().requests.is_empty());
    engine.outside_mut().full = false;
    run(&mut engine, START + Duration::from_secs(3));
    let told = &engine.outside().requests;
    assert!(
        told.iter().any(|request| matches!(request, Request::Holding { resources: Some(_), .. })),
        "{told:?}"
    );
    let masters = told
        .iter()
        .filter(|request| matches!(request, Request::Changed(change) if change.state.word() == "MASTER"));
    assert_eq!(masters.count(), 1, "{told:?}");
}

#[test]
fn a_router_that_is_taken_out_and_put_back_while_it_leaves_begins_anew() {
    let mut engine = engine(2);
    run(&mut engine, START + Duration::from_secs(2));
    engine.turn(Some(Command::Reload(Box::new(configuration(1)), Trackings::new())));
    assert_eq!(engine.election("R2").unwrap().name().as_str(), "LEAVING");
    engine.turn(Some(Command::Reload(Box::new(configuration(2)), Trackings::new())));
    run(&mut engine, START + Duration::from_secs(5));
    assert_eq!(engine.election("R2").unwrap().name().as_str(), "MASTER");
    engine.turn(Some(Command::Reload(Box::new(configuration(1)), Trackings::new())));
    run(&mut engine, START + Duration::from_secs(6));
    assert!(engine.election("R2").is_none());
    let tables = engine.planes().next().unwrap();
    assert_eq!(tables.entries.len(), 1, "R1: {tables:?}");
}

#[test]
fn a_stop_ends_it_when_all_have_left() {
    let mut engine = engine(3);
    run(&mut engine, START + Duration::from_secs(2));
    engine.turn(Some(Command::Stop { at_once: false }));
    assert!(!engine.is_over(), "a successor is waited for");
    run(&mut engine, START + Duration::from_secs(3));
    assert!(engine.is_over() && vrrp_engine::defects() == 0);
    assert_eq!(engine.deadline(), Time::NEVER);
}
