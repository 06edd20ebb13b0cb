//! A host: its clock, its port, its kernel and its daemon.

use std::{
    cell::RefCell,
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
};

use vrrp_common::{
    abi,
    election::{Election, Input, Settings, State, StateName, Transition},
    receive::{Advert, Discard, Lists, Local, Received, receive},
    time::Time,
    types::{AdvertInterval, Family, Mac, Priority, Version, Vrid},
    wire::{
        ethernet, ipv4,
        vrrp::{AUTH_LEN, AdvertV4, ChecksumForm, Header},
    },
};
use vrrp_engine::Link;

use crate::{
    daemon::{Daemon, Order, link},
    kernel::Kernel,
    mutation::Mutation,
    port::Port,
    scenario::Plan,
    trace::Moment,
};

const VRID: Vrid = Vrid::new(51).unwrap();
const VIPS: [Ipv4Addr; 4] = [
    Ipv4Addr::new(10, 77, 0, 100),
    Ipv4Addr::new(10, 77, 0, 101),
    Ipv4Addr::new(10, 77, 0, 102),
    Ipv4Addr::new(10, 77, 0, 110),
];
/// What a host may list. The second and the third share an address with the one before; the last is another cluster's.
const LISTS: [&[usize]; 4] = [&[0], &[0, 1], &[1, 2], &[3]];
/// How many lists there are.
pub(crate) const LIST_COUNT: usize = LISTS.len();

/// The addresses of a list.
pub(crate) fn addresses(list: usize) -> Vec<Ipv4Addr> {
    LISTS[list].iter().map(|vip| VIPS[*vip]).collect()
}

/// Whether two lists have an address in common.
pub(crate) fn overlap(one: usize, other: usize) -> bool {
    LISTS[one].iter().any(|vip| LISTS[other].contains(vip))
}
/// Parts of a million are counted in, to the nanosecond, without numbers of 128 bits: clocks are read at every event.
const MILLION: u64 = 1_000_000;
/// All clocks have been running for a while.
const EPOCH: u64 = 1_000_000_000_000;

/// What a turn of the daemon's loop has done, besides the map.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) transitions: Vec<(Transition, Input)>,
    pub(crate) configured: bool,
    pub(crate) frames: Vec<(Advert, Vec<u8>)>,
    /// Whose answer is wanted: that of who advertises from there, or of all.
    pub(crate) asked: Vec<Option<IpAddr>>,
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) plan: Plan,
    /// As the daemon was told of them last.
    pub(crate) settings: Settings,
    /// The address of its interface.
    pub(crate) source: IpAddr,
    /// Which addresses are configured.
    pub(crate) list: usize,
    pub(crate) daemon: Option<Daemon>,
    pub(crate) paused: bool,
    /// The machine is suspended, with all that runs on it.
    asleep: bool,
    /// A check of its router fails.
    faulty: bool,
    /// Changes with every trouble of this host.
    pub(crate) epoch: u32,
    pub(crate) wake_at: Moment,
    pub(crate) port: Port,
    carrier_ups: u32,
    kernel: Rc<RefCell<Kernel>>,
}

impl Host {
    pub(crate) fn new(plan: Plan) -> Self {
        let settings = plan.settings;
        Self {
            plan,
            settings,
            source: settings.address,
            list: plan.list,
            daemon: None,
            paused: false,
            asleep: false,
            faulty: false,
            epoch: 0,
            wake_at: Moment::MAX,
            port: Port::FORWARDS,
            carrier_ups: 1,
            kernel: Rc::default(),
        }
    }

    /// What this host's clock shows.
    pub(crate) fn clock(&self, now: Moment) -> Time {
        let (whole, rest) = (now / MILLION, now % MILLION);
        let elapsed = whole * self.rate() + rest * self.rate() / MILLION;
        Time::from_nanos(EPOCH + elapsed)
    }

    /// When this host's clock will show `time`.
    pub(crate) fn moment(&self, time: Time) -> Moment {
        if time == Time::NEVER {
            return Moment::MAX;
        }
        let elapsed = time.as_nanos().saturating_sub(EPOCH);
        let (rounds, rest) = (elapsed / self.rate(), elapsed % self.rate());
        rounds * MILLION + (rest * MILLION).div_ceil(self.rate())
    }

    /// What its clock counts while a million nanoseconds pass.
    const fn rate(&self) -> u64 {
        MILLION.saturating_add_signed(self.plan.ppm)
    }

    pub(crate) fn runs(&self) -> bool {
        self.daemon.is_some() && !self.paused && !self.asleep
    }

    pub(crate) fn open(&self, now: Moment) -> bool {
        self.kernel.borrow().is_open(slot(), self.clock(now))
    }

    pub(crate) fn lease_until(&self) -> Time {
        self.kernel.borrow().lease_until(slot())
    }

    /// Its router's election.
    pub(crate) fn election(&self) -> Option<&Election> {
        self.daemon.as_ref()?.election()
    }

    pub(crate) fn state(&self) -> Option<StateName> {
        self.daemon.as_ref().map(Daemon::name)
    }

    pub(crate) fn judge<'a>(&self, frame: &'a [u8]) -> Result<Received<'a>, Discard> {
        let addresses: Vec<_> = addresses(self.list).into_iter().map(IpAddr::V4).collect();
        receive(frame, frame.len(), &self.local(&addresses)).map_err(|discarded| discarded.reason)
    }

    fn local<'a>(&self, addresses: &'a [IpAddr]) -> Local<'a> {
        let Settings { version, address, interval, priority, .. } = self.settings;
        let (owner, rfc_discards) = (priority == Priority::OWNER, self.plan.rfc_discards);
        let auth = password(version, self.plan.password);
        Local { version, vrid: VRID, address, interval, auth, addresses, peers: None, owner, rfc_discards }
    }

    pub(crate) fn receive(&mut self, now: Moment, frame: &[u8]) -> bool {
        let now = self.clock(now);
        let mut kernel = self.kernel.borrow_mut();
        let privileged = self.judge(frame).is_ok_and(|received| {
            let Advert { source, priority, .. } = received.advert;
            priority >= self.settings.priority || kernel.master_address(slot()) == Some(source)
        });
        kernel.receive(slot(), frame, privileged, now)
    }

    pub(crate) fn has_events(&self) -> bool {
        self.kernel.borrow().has_events()
    }

    /// A new process, which adopts a running lease.
    pub(crate) fn start(&mut self, now: Moment, mutation: Option<Mutation>) {
        let now = self.clock(now);
        let running = {
            let mut kernel = self.kernel.borrow_mut();
            kernel.lease_ignored = mutation == Some(Mutation::LeaseIgnoredByDataPlane);
            kernel.lease_of_master(slot()).is_some_and(|lease| lease.is_running(now))
        };
        self.port.restart(now, running);
        self.faulty = false;
        let mut daemon = Daemon::new(self.plan, (self.settings, self.list), &self.kernel, now, mutation);
        daemon.order(Order::Attach);
        daemon.order(Order::Link { link: Some(self.link()), jammed: false });
        self.daemon = Some(daemon);
        self.epoch += 1;
    }

    fn link(&self) -> Link {
        link(self.source, !self.port.is_down(), self.carrier_ups)
    }

    pub(crate) fn kill(&mut self) {
        self.daemon = None;
        self.paused = false;
        self.wake_at = Moment::MAX;
        self.kernel.borrow_mut().abandon();
        self.epoch += 1;
    }

    /// The daemon was one that wrote no interval beside its lease.
    pub(crate) fn forget_interval(&mut self) {
        self.kernel.borrow_mut().forget_intervals();
    }

    pub(crate) fn power_off(&mut self) {
        self.kill();
        *self.kernel.borrow_mut() = Kernel::default();
    }

    pub(crate) fn pause(&mut self, paused: bool) {
        self.paused = paused;
        self.wake_at = Moment::MAX;
        self.epoch += 1;
    }

    pub(crate) fn suspend(&mut self, asleep: bool) {
        self.asleep = asleep;
        self.wake_at = Moment::MAX;
        self.epoch += 1;
    }

    /// The operator stops the daemon.
    pub(crate) fn stop(&mut self) {
        self.order(Order::Stop);
    }

    /// The operator has changed the file, and says so. Where nobody runs, the next process reads it.
    pub(crate) fn configure(&mut self, settings: Settings) {
        let moves = settings.address != self.source;
        self.source = settings.address;
        if self.daemon.is_none() {
            self.settings = settings;
            return;
        }
        if moves {
            self.order(Order::Link { link: Some(self.link()), jammed: false });
        }
        self.order(Order::Configure { settings, list: self.list, faulty: self.faulty });
    }

    /// The host has another address, the kernel has no room for a frame just then, and the operator stops the daemon.
    pub(crate) fn move_and_stop(&mut self, settings: Settings) {
        self.source = settings.address;
        self.order(Order::Link { link: Some(self.link()), jammed: true });
        self.stop();
    }

    /// A check of the router fails, or does not any more.
    pub(crate) fn check(&mut self, faulty: bool) {
        self.faulty = faulty;
        self.order(Order::Check { faulty });
    }

    /// The link has gone, or has come back.
    pub(crate) fn relink(&mut self) {
        self.carrier_ups += u32::from(!self.port.is_down());
        self.order(Order::Link { link: Some(self.link()), jammed: false });
    }

    /// A frame of the switch's spanning tree. Whether that is new.
    pub(crate) fn hear_bpdu(&mut self, now: Moment) -> bool {
        let at = self.clock(now);
        let is_heard = !self.port.is_down() && !self.asleep && self.kernel.borrow_mut().hear_bpdu(at);
        let is_new = is_heard && !self.port.settling.spanning_tree;
        self.port.settling.spanning_tree |= is_heard;
        is_new
    }

    /// Something has come through its port. Whether that is new.
    pub(crate) fn let_through(&mut self, now: Moment) -> bool {
        let at = self.clock(now);
        if !self.port.is_down() {
            self.kernel.borrow_mut().let_through(at);
        }
        self.port.let_through(at)
    }

    fn order(&mut self, order: Order) {
        if let Some(daemon) = &mut self.daemon {
            daemon.order(order);
            self.epoch += 1;
        }
    }

    /// An answer to its question has come, from the host with that number.
    pub(crate) fn answer(&mut self, now: Moment, from: u8) {
        let at = self.clock(now);
        let frame = arp_reply(self.link().mac, addresses(self.list)[0], Mac([2, 0, 0, 0, 0, from]));
        self.kernel.borrow_mut().claim(slot(), frame, at);
    }

    /// The store that follows a send.
    pub(crate) fn write_door(&mut self) {
        self.kernel.borrow_mut().write_doors();
    }

    /// What the daemon does when it wakes.
    pub(crate) fn turn(&mut self, now: Moment) -> Turn {
        let now = self.clock(now);
        let mut turn = Turn::default();
        self.write_door();
        let Some(daemon) = &mut self.daemon else { return turn };
        let done = daemon.turn(now);
        let address = done.source.unwrap_or(self.settings.address);
        let now_wanted = Settings { address, ..done.configured.unwrap_or(self.settings) };
        turn.configured = self.settings != now_wanted && !done.jammed;
        self.settings = now_wanted;
        turn.transitions = done.transitions;
        let sent = std::mem::take(&mut self.kernel.borrow_mut().sent);
        for frame in sent {
            match said(&frame) {
                Some(advert) => turn.frames.push((advert, frame)),
                None if is_question(&frame) => turn.asked.push(self.asked()),
                None => {}
            }
        }
        turn
    }

    /// Whose answer is wanted: that of who advertises from there, or of all.
    fn asked(&self) -> Option<IpAddr> {
        match self.election()?.state() {
            State::Backup(backup) => backup.master.map(|master| master.source),
            State::Master(master) => master.deaf.map(|deaf| deaf.advert.source),
            State::Initialize(_) | State::Leaving { .. } | State::Stopped => None,
        }
    }
}

/// Where all hosts' router is in the tables.
fn slot() -> u32 {
    abi::slot(Family::V4, VRID)
}

/// The advert that a frame of a host is; `None` for any other frame.
fn said(frame: &[u8]) -> Option<Advert> {
    let packet = ipv4::parse(ethernet::payload(frame).filter(|(kind, _)| *kind == ethernet::IPV4)?.1).ok()?;
    let header = Header::parse(packet.payload)?;
    let version = if header.version == Version::V2.as_u8() { Version::V2 } else { Version::V3 };
    Some(advert(packet.source.into(), Priority::new(header.priority), header.interval(version)?))
}

fn is_question(frame: &[u8]) -> bool {
    let is_arp = ethernet::payload(frame).is_some_and(|(kind, _)| kind == ethernet::ARP);
    is_arp && frame.get(28..32) == Some(&[0; 4])
}

/// What answers a question of `asker`.
fn arp_reply(asker: Mac, address: Ipv4Addr, mac: Mac) -> Vec<u8> {
    let mut frame = ethernet::header(asker, mac, ethernet::ARP).to_vec();
    frame.extend([0, 1, 0x08, 0x00, 6, 4, 0, 2]);
    frame.extend(mac.0);
    frame.extend(address.octets());
    frame.extend(asker.0);
    frame.extend([0; 4]);
    frame
}

/// An advert as its sender means it.
pub(crate) fn advert(source: IpAddr, priority: Priority, interval: AdvertInterval) -> Advert {
    let mac = Mac::virtual_router(Family::V4, VRID);
    Advert { source, priority, interval, mac, from_virtual_mac: true, deaf: false, lists: Lists::Same }
}

/// The advert of a host with these settings.
pub(crate) fn frame(
    settings: &Settings,
    (list, auth): (usize, Option<[u8; AUTH_LEN]>),
    checksum: ChecksumForm,
    priority: Priority,
) -> Option<Vec<u8>> {
    let Settings { version, interval, address: IpAddr::V4(source), .. } = *settings else { return None };
    let advert = AdvertV4 {
        version,
        vrid: VRID,
        priority,
        interval,
        source,
        destination: ipv4::GROUP,
        ttl: ipv4::TTL,
        auth,
        checksum,
        addresses: &addresses(list),
    };
    let mut frame =
        ethernet::header(Mac::VRRP_GROUP_V4, Mac::virtual_router(Family::V4, VRID), ethernet::IPV4).to_vec();
    let mut buffer = [0u8; 64];
    frame.extend_from_slice(advert.emit(&mut buffer)?);
    Some(frame)
}

/// That of a version that has one, where there is one.
pub(crate) fn password(version: Version, given: bool) -> Option<[u8; AUTH_LEN]> {
    (given && version == Version::V2).then_some(*b"1111\0\0\0\0")
}
