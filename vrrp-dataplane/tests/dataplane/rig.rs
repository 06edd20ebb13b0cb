//! A data plane on a veth in a namespace of its own, and its programs to be run by hand on the same maps.

use std::{collections::HashMap, fs, io::ErrorKind, net::IpAddr, process::Command, time::Duration};

use aya::{
    Ebpf, EbpfLoader,
    maps::RingBuf,
    programs::{ProgramError, SchedClassifier, TestRun, TestRunOptions, Xdp},
};
use vrrp_common::{
    abi::{self, Counters, Event, Verdict, name},
    lease::Lease,
    receive::{Advert, Lists},
    time::Time,
    types::{AdvertInterval, Family, Mac, Priority, Vrid},
};
use vrrp_dataplane::{AttachError, Attachment, Mode, OBJECT, RouterEntry, Tables, Target};

use crate::former;

pub(crate) const INTERFACE: &str = "va";
pub(crate) const NIC: Mac = Mac([0x02, 0, 0, 0, 0, 0x0a]);
/// Not longer than a lease can be.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// Moves this thread into a new network namespace with `va` and its peer `vb`.
pub(crate) fn namespace() {
    assert!(rustix::process::geteuid().is_root(), "these tests need root: cargo xtask test");
    // SAFETY: touches no memory. The thread is the test's own, and ends with it.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0);
    // The neighbour and listener messages of IPv6 would be counted beside the frames of a test.
    fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
    ip("link add va address 02:00:00:00:00:0a type veth peer name vb address 02:00:00:00:00:0b");
    ip("link set va up");
    ip("link set vb up");
}

pub(crate) fn ip(arguments: &str) {
    let out = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    assert!(out.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&out.stderr));
}

pub(crate) fn target() -> Target {
    Target { name: INTERFACE.into(), index: index(INTERFACE), mac: NIC }
}

pub(crate) fn index(interface: &str) -> u32 {
    let out = Command::new("ip").args(["-o", "link", "show", interface]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().split(':').next().unwrap().parse().unwrap()
}

pub(crate) fn attach() -> Result<Attachment, AttachError> {
    vrrp_dataplane::attach(&target(), Mode::Auto)
}

/// Makes these the addresses of one router, and leaves those of others that they are not.
pub(crate) fn set_vips(tables: &mut Tables, slot: u32, vips: &[IpAddr]) {
    let mut wanted: HashMap<IpAddr, u32> = tables.vips().filter(|(_, owner)| *owner != slot).collect();
    wanted.extend(vips.iter().map(|vip| (*vip, slot)));
    tables.assign(&wanted).unwrap();
}

/// Nanoseconds of the clock that leases are in.
pub(crate) fn now() -> Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Time::BOOT + Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// A lease that ends then.
pub(crate) fn until(until: Time) -> Lease {
    Lease { until, told: None }
}

pub(crate) fn v4_slot(vrid: u8) -> u32 {
    abi::slot(Family::V4, Vrid::new(vrid).unwrap())
}

pub(crate) fn entry(vrid: u8, use_vmac: bool, accept: bool) -> RouterEntry {
    let vrid = Vrid::new(vrid).unwrap();
    let mac = if use_vmac { Mac::virtual_router(Family::V4, vrid) } else { NIC };
    RouterEntry {
        vrid,
        family: Family::V4,
        use_vmac,
        accept,
        mac,
        unicast: false,
        priority: Priority::DEFAULT,
    }
}

/// Runs a program on `frame` so many times, or more often: on a busy machine the kernel may break off. Nanoseconds for each.
pub(crate) fn repeated(xdp: &Xdp, frame: &[u8], repeat: u32) -> u128 {
    let run = || xdp.test_run(TestRunOptions { data_in: Some(frame), repeat, ..Default::default() });
    let interrupted = |error: &ProgramError| match error {
        ProgramError::SyscallError(error) => error.io_error.kind() == ErrorKind::Interrupted,
        _ => false,
    };
    let mut runs = std::iter::repeat_with(run).take(100);
    let whole = runs.find(|run| !run.as_ref().is_err_and(interrupted));
    whole.unwrap().unwrap().duration.as_nanos()
}

/// What became of a frame.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) action: u32,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) frame: Vec<u8>,
    pub(crate) events: Vec<Event>,
}

/// The data plane and hand-run copies of its programs, which have a ring of their own.
pub(crate) struct Rig {
    attachment: Option<Attachment>,
    programs: Ebpf,
    ring: RingBuf<aya::maps::MapData>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        namespace();
        let attachment = attach().unwrap();
        let mut loader = EbpfLoader::new();
        for map in [
            name::ROUTERS,
            name::EXPECTED,
            name::INTERFACE,
            name::VIPS,
            name::PEERS,
            name::NEAR_VIPS,
            name::COUNTERS,
            name::BUDGETS,
            name::SETTLING,
        ] {
            loader.map_pin_path(map, attachment.plane.pin_dir().join(map.to_lowercase()));
        }
        let mut programs = loader.load(OBJECT).unwrap();
        let xdp: &mut Xdp = programs.program_mut(name::INGRESS).unwrap().try_into().unwrap();
        xdp.load().unwrap();
        let egress: &mut SchedClassifier = programs.program_mut(name::EGRESS).unwrap().try_into().unwrap();
        egress.load().unwrap();
        let ring = RingBuf::try_from(programs.take_map(name::EVENTS).unwrap()).unwrap();
        Self { attachment: Some(attachment), programs, ring }
    }

    pub(crate) fn tables(&mut self) -> &mut Tables {
        &mut self.attachment.as_mut().unwrap().tables
    }

    pub(crate) fn counters(&self) -> Counters {
        self.attachment.as_ref().unwrap().tables.counters().unwrap()
    }

    pub(crate) fn xdp(&self) -> &Xdp {
        self.programs.program(name::INGRESS).unwrap().try_into().unwrap()
    }

    pub(crate) fn tc(&self) -> &SchedClassifier {
        self.programs.program(name::EGRESS).unwrap().try_into().unwrap()
    }

    /// A router with these addresses, as backup.
    pub(crate) fn router(&mut self, entry: &RouterEntry, vips: &[&str]) {
        let slot = v4_slot(entry.vrid.as_u8());
        let vips: Vec<IpAddr> = vips.iter().map(|vip| vip.parse().unwrap()).collect();
        self.tables().configure(slot, entry, now());
        set_vips(self.tables(), slot, &vips);
    }

    pub(crate) fn open(&mut self, vrid: u8) {
        self.tables().open(v4_slot(vrid), until(now() + LONG), now());
    }

    /// Master, whose lease was over a moment ago.
    pub(crate) fn lapse(&mut self, vrid: u8) {
        let now = now();
        self.tables().open(v4_slot(vrid), until(now), now);
    }

    /// The advert that needs no judgement: from `source` to the group, with the priority that stands in `message`.
    pub(crate) fn expect(&mut self, vrid: u8, source: &str, message: &[u8]) {
        self.expect_at(vrid, source, "224.0.0.18", message);
    }

    /// The same to another destination.
    pub(crate) fn expect_at(&mut self, vrid: u8, source: &str, destination: &str, message: &[u8]) {
        let advert = Advert {
            source: source.parse().unwrap(),
            priority: Priority::new(message[2]),
            interval: AdvertInterval::DEFAULT,
            mac: Mac::default(),
            from_virtual_mac: false,
            deaf: false,
            lists: Lists::Same,
        };
        self.tables().expect(v4_slot(vrid), &advert, destination.parse().unwrap(), message);
    }

    pub(crate) fn arrive(&mut self, frame: &[u8]) -> Outcome {
        let before = self.counters();
        let mut out = vec![0; frame.len() + 64];
        let options = TestRunOptions { data_in: Some(frame), data_out: Some(&mut out), ..Default::default() };
        let result = self.xdp().test_run(options).unwrap();
        out.truncate(result.data_size_out as usize);
        self.outcome(&before, result.return_value, out)
    }

    /// Runs the program on `frame` exactly so many times, and leaves the ring alone.
    pub(crate) fn burst(&self, frame: &[u8], times: u32) {
        for _ in 0..times {
            self.repeat(frame, 1);
        }
    }

    /// Runs the program on `frame` so many times at least, and leaves the ring alone. Nanoseconds for each.
    pub(crate) fn repeat(&self, frame: &[u8], repeat: u32) -> u128 {
        repeated(self.xdp(), frame, repeat)
    }

    /// The programs of version 0.1.0 on the same maps, but for its counters.
    pub(crate) fn former(&self) -> Ebpf {
        let mut loader = EbpfLoader::new();
        let dir = self.attachment.as_ref().unwrap().plane.pin_dir();
        for map in former::MAPS.iter().filter(|map| **map != name::COUNTERS) {
            loader.map_pin_path(map, dir.join(map.to_lowercase()));
        }
        let mut programs = loader.load(former::OBJECT).unwrap();
        let xdp: &mut Xdp = programs.program_mut(name::INGRESS).unwrap().try_into().unwrap();
        xdp.load().unwrap();
        programs
    }

    pub(crate) fn leave(&mut self, frame: &[u8]) -> Outcome {
        self.leave_marked(frame, 0)
    }

    /// With a mark of the socket that it comes from.
    pub(crate) fn leave_marked(&mut self, frame: &[u8], mark: u32) -> Outcome {
        let before = self.counters();
        let mut out = vec![0; frame.len() + 64];
        // A `__sk_buff` up to its `mark`; nothing else may be set here.
        let mut context = [0_u8; 192];
        context[8..12].copy_from_slice(&mark.to_ne_bytes());
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut out),
            ctx_in: Some(&context),
            ..Default::default()
        };
        let result = self.tc().test_run(options).unwrap();
        out.truncate(result.data_size_out as usize);
        self.outcome(&before, result.return_value, out)
    }

    fn outcome(&mut self, before: &Counters, action: u32, frame: Vec<u8>) -> Outcome {
        let after = self.counters();
        let counted: Vec<Verdict> =
            Verdict::ALL.iter().copied().filter(|&verdict| after.of(verdict) != before.of(verdict)).collect();
        assert!(counted.len() <= 1, "one frame, counted as {counted:?}");
        Outcome { action, verdict: counted.first().copied(), frame, events: self.events() }
    }

    /// Empties the ring.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(item) = self.ring.next() {
            events.push(Event::read(&item).unwrap());
        }
        events
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(Attachment { plane, .. }) = self.attachment.take() {
            plane.detach().unwrap();
        }
    }
}
