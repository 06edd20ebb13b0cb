//! A host: clock, model of the data plane, and the daemon around the election.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use vrrp_common::{
    election::{Door, Effects, Expect, Fault, Input, Outgoing, Settings, State, StateName, Transition},
    lease::Lease,
    receive::{Advert, Discard, Lists, Local, Received, receive},
    time::Time,
    types::{AdvertInterval, Family, Mac, Priority, Version, Vrid},
    wire::{
        ethernet, ipv4,
        vrrp::{AUTH_LEN, AdvertV4, ChecksumForm},
    },
};

use crate::{
    mutation::{Mutation, Subject},
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
fn addresses(list: usize) -> Vec<Ipv4Addr> {
    LISTS[list].iter().map(|vip| VIPS[*vip]).collect()
}

/// Whether two lists have an address in common.
pub(crate) fn overlap(one: usize, other: usize) -> bool {
    LISTS[one].iter().any(|vip| LISTS[other].contains(vip))
}
/// Events that wait for a daemon at most, as in the real ring some 680 do. The second half is kept for adverts of the present
/// master, and for those that outrank this host.
const RING: usize = 512;
/// Parts of a million are counted in, to the nanosecond, without numbers of 128 bits: clocks are read at every event.
const MILLION: u64 = 1_000_000;
/// All clocks have been running for a while.
const EPOCH: u64 = 1_000_000_000_000;

/// What XDP has and does.
#[derive(Debug, Default)]
pub(crate) struct Kernel {
    master: bool,
    lease: Lease,
    expected: Option<(IpAddr, Vec<u8>)>,
    /// Of the master that was followed last.
    master_address: Option<IpAddr>,
    last_heard: Option<Time>,
    last_stamp: Time,
    ring: VecDeque<(Vec<u8>, Time)>,
    lease_ignored: bool,
}

impl Kernel {
    /// Stamps what is expected and queues what is not; `false` when the ring is full.
    fn receive(&mut self, frame: &[u8], privileged: bool, now: Time) -> bool {
        // No two frames have the same stamp: each takes many nanoseconds, however slow the clock is.
        let now = now.max(self.last_stamp + Duration::from_nanos(1));
        self.last_stamp = now;
        if self.recognises(frame) {
            self.last_heard = Some(now);
            return true;
        }
        let room = self.ring.len() < if privileged { RING } else { RING / 2 };
        if room {
            self.ring.push_back((frame.to_vec(), now));
        }
        room
    }

    fn recognises(&self, frame: &[u8]) -> bool {
        let Some((source, message)) = &self.expected else { return false };
        let Some((ethernet::IPV4, packet)) = ethernet::payload(frame) else { return false };
        ipv4::parse(packet).is_ok_and(|packet| {
            packet.ttl == ipv4::TTL
                && IpAddr::V4(packet.source) == *source
                && packet.payload == message.as_slice()
        })
    }

    fn open(&self, now: Time) -> bool {
        self.master && (now < self.lease.until || self.lease_ignored)
    }
}

/// The process.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) subject: Subject,
    pub(crate) commands: VecDeque<Input>,
    /// Sent, but the map is not yet written.
    opening: Option<Lease>,
    /// What is to be sent at the end of the turn.
    outbox: Outgoing,
}

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
    /// As the operator wants them now.
    pub(crate) settings: Settings,
    /// Which addresses are configured.
    pub(crate) list: usize,
    pub(crate) daemon: Option<Daemon>,
    pub(crate) paused: bool,
    /// The machine is suspended, with all that runs on it.
    asleep: bool,
    /// Changes with every trouble of this host.
    pub(crate) epoch: u32,
    pub(crate) wake_at: Moment,
    pub(crate) port: Port,
    kernel: Kernel,
}

impl Host {
    pub(crate) fn new(plan: Plan) -> Self {
        let settings = plan.settings;
        Self {
            plan,
            settings,
            list: plan.list,
            daemon: None,
            paused: false,
            asleep: false,
            epoch: 0,
            wake_at: Moment::MAX,
            port: Port::FORWARDS,
            kernel: Kernel::default(),
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
        self.kernel.open(self.clock(now))
    }

    pub(crate) const fn lease_until(&self) -> Time {
        self.kernel.lease.until
    }

    pub(crate) fn state(&self) -> Option<StateName> {
        self.daemon.as_ref().map(|daemon| daemon.subject.election().name())
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
        let privileged = self.judge(frame).is_ok_and(|received| {
            let Advert { source, priority, .. } = received.advert;
            priority >= self.settings.priority || self.kernel.master_address == Some(source)
        });
        self.kernel.receive(frame, privileged, now)
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.kernel.ring.is_empty()
    }

    /// A new process, which adopts a running lease.
    pub(crate) fn start(&mut self, now: Moment, mutation: Option<Mutation>) {
        let (lease, now) = (self.kernel.lease, self.clock(now));
        self.kernel.lease_ignored = mutation == Some(Mutation::LeaseIgnoredByDataPlane);
        let running = self.kernel.master && lease.is_running(now);
        let first = if self.port.is_down() {
            Input::Fault(Fault::InterfaceDown)
        } else if running {
            Input::Adopt(lease)
        } else {
            Input::Start
        };
        self.port.restart(now, running);
        let subject = Subject::new(self.settings, mutation);
        let commands = [Input::Settle(self.port.settling), first].into();
        self.daemon = Some(Daemon { subject, commands, opening: None, outbox: Outgoing::default() });
        self.epoch += 1;
    }

    pub(crate) fn kill(&mut self) {
        self.daemon = None;
        self.paused = false;
        self.wake_at = Moment::MAX;
        self.epoch += 1;
    }

    /// The daemon was one that wrote no interval beside its lease.
    pub(crate) fn forget_interval(&mut self) {
        self.kernel.lease.told = None;
    }

    pub(crate) fn power_off(&mut self) {
        self.kill();
        self.kernel = Kernel::default();
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

    pub(crate) fn command(&mut self, input: Input) {
        if let Some(daemon) = &mut self.daemon {
            daemon.commands.push_back(input);
            self.epoch += 1;
        }
    }

    /// An answer to its question has come, which is no trouble.
    pub(crate) fn answer(&mut self, input: Input) {
        if let Some(daemon) = &mut self.daemon {
            daemon.commands.push_back(input);
        }
    }

    /// The store that follows a send.
    pub(crate) fn write_door(&mut self) {
        if let Some(lease) = self.daemon.as_mut().and_then(|daemon| daemon.opening.take()) {
            self.kernel.master = true;
            self.kernel.lease = lease;
        }
    }

    /// One turn of the loop: ring, commands, timeout, and then what is to be sent.
    pub(crate) fn turn(&mut self, now: Moment) -> Turn {
        let now = self.clock(now);
        let mut turn = Turn::default();
        self.write_door();
        let first_timeout =
            self.daemon.as_ref().is_some_and(|daemon| daemon.subject.has(Mutation::RingNotDrained));
        if first_timeout {
            self.timeout(now, &mut turn);
        }
        // A new process starts its routers before it reads what the earlier one has left.
        let starts = |input: &Input| matches!(input, Input::Settle(_) | Input::Start | Input::Adopt(_));
        while let Some(input) = self.command_if(starts) {
            self.feed(now, input, None, &mut turn);
        }
        while let Some((frame, at)) = self.kernel.ring.pop_front() {
            let Ok(received) = self.judge(&frame) else { continue };
            let input = Input::Advert { advert: received.advert, at, last_heard: self.kernel.last_heard };
            self.feed(now, input, Some(&received), &mut turn);
        }
        while let Some(input) = self.command_if(|_| true) {
            if let Input::Configure(settings) = input {
                turn.configured = self.settings != settings;
                self.settings = settings;
            }
            self.feed(now, input, None, &mut turn);
        }
        self.timeout(now, &mut turn);
        self.flush(now, &mut turn);
        turn
    }

    fn command_if(&mut self, wanted: impl Fn(&Input) -> bool) -> Option<Input> {
        let commands = &mut self.daemon.as_mut()?.commands;
        if commands.front().is_some_and(wanted) { commands.pop_front() } else { None }
    }

    fn timeout(&mut self, now: Time, turn: &mut Turn) {
        let last_heard = self.kernel.last_heard;
        self.feed(now, Input::Timeout { last_heard }, None, turn);
    }

    fn feed(&mut self, now: Time, input: Input, received: Option<&Received<'_>>, turn: &mut Turn) {
        let Some(daemon) = &mut self.daemon else { return };
        let effects = daemon.subject.handle(now, input);
        let Effects { door, expect, transition, .. } = effects;
        match door {
            Some(Door::Close) => {
                self.kernel.master = false;
                daemon.opening = None;
            }
            // The store after a send comes a moment later.
            Some(Door::Open(lease)) if matches!(input, Input::Sent { .. }) => {
                daemon.opening = Some(lease);
            }
            Some(Door::Open(lease)) => {
                self.kernel.master = true;
                self.kernel.lease = lease;
            }
            None => {}
        }
        daemon.outbox.take_in(&effects);
        match (expect, received) {
            (Some(Expect::This), Some(received)) => {
                self.kernel.expected = Some((received.advert.source, received.message.to_vec()));
                self.kernel.master_address = Some(received.advert.source);
            }
            (Some(_), _) => self.kernel.expected = None,
            (None, _) => {}
        }
        turn.transitions.extend(transition.map(|transition| (transition, input)));
        if effects.ask.is_some() {
            let master = match daemon.subject.election().state() {
                State::Backup(backup) => backup.master.map(|master| master.source),
                State::Master(master) => master.deaf.map(|deaf| deaf.advert.source),
                State::Initialize(_) | State::Leaving { .. } | State::Stopped => None,
            };
            turn.asked.push(master);
        }
    }

    fn flush(&mut self, now: Time, turn: &mut Turn) {
        while let Some(priority) = self.daemon.as_mut().and_then(|daemon| daemon.outbox.take_next()) {
            turn.frames.extend(self.emit(priority));
            self.feed(now, Input::Sent { at: now }, None, turn);
        }
    }

    fn emit(&self, priority: Priority) -> Option<(Advert, Vec<u8>)> {
        let Settings { interval, address: source, .. } = self.settings;
        let auth = password(self.settings.version, self.plan.password);
        let frame = frame(&self.settings, (self.list, auth), self.plan.checksum, priority)?;
        Some((advert(source, priority, interval), frame))
    }
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
