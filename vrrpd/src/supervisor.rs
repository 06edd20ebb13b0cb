//! Everything beside the protocol: interfaces, attaching, addresses, signals, the control socket.
//!
//! Runs on the main thread, without real-time priority. It decides nothing about roles; it tells the protocol thread
//! what the machine is like, and does what that asks for.

mod clients;
mod debounce;
mod guarding;
mod integrity;
mod links;
mod memberships;
mod notes;
mod operators;
mod planes;
mod reconcile;
mod routing;
mod signals;
mod sources;
mod tidy;
mod tracker;
mod upgrade;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use futures_util::{FutureExt, StreamExt};
use sd_notify::NotifyState;
use tokio::{sync::mpsc, time::Instant};
use vrrp_common::types::Priority;
use vrrp_dataplane::DataPlane;

pub use self::upgrade::own_program;
use self::{
    clients::take_socket,
    debounce::Debounce,
    guarding::Guarding,
    memberships::Memberships,
    notes::NONLOCAL_BIND,
    operators::Operators,
    planes::detach,
    routing::Routes,
    signals::{Signals, Wish},
    sources::Sources,
    tidy::Tidying,
    tracker::{SharedTracker, Tracker},
    upgrade::{Refusal, Upgrade},
};
use crate::{
    address::Spot,
    checks::Checks,
    control::Listener,
    descriptors,
    failure::Failure,
    handover::{self, HandoverState, STANDINGS},
    netlink::{Changed, Changes, Netlink},
    nonlocal_bind::NonlocalBind,
    notify::Notifier,
    origin::Origin,
    ownership::{ForeignHand, Holdings, Record},
    program::Launcher,
    protocol::{self, Command, Message},
};
use vrrp_config::{Config, XdpMode};
use vrrp_engine::{Demands, Link, Request, Resources, RouterKey, Ticket};

/// Interval in which an interface is tried again whose data plane could not be attached.
const RETRY: Duration = Duration::from_secs(2);

/// Places: of the configuration, which is read again on SIGHUP, of the control socket, of the program.
#[derive(Clone, Debug)]
pub struct Options {
    /// Origin of the configuration.
    pub config: Origin,
    /// The control socket, if it is not where it is by default.
    pub socket: Option<PathBuf>,
    /// The executable, which SIGUSR2 starts anew.
    pub program: PathBuf,
}

/// Runs the daemon until it is stopped by SIGTERM or SIGINT.
///
/// # Errors
/// It could not start, or its protocol thread has failed.
pub fn run(config: &Config, options: &Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot make the event loop of the main thread")?;
    runtime.block_on(async {
        descriptors::raise();
        let mut listener = take_socket(options.socket.as_deref())?;
        let signals = Signals::new().context("cannot handle signals")?;
        let (netlink, changes) = Netlink::connect().context("cannot connect to rtnetlink")?;
        let launcher = Launcher::new();
        let (checks, changes_of_checks) = Checks::new(launcher.clone());
        let tracker = Tracker::new(checks, config);
        let mut protocol = protocol::spawn(config.clone(), tracker.told(), startup_delay(config))
            .context("cannot start the protocol thread")?;
        let mut notifier = Notifier::new(launcher.clone());
        notifier.configure(config);
        let mut supervisor = Supervisor {
            netlink,
            modes: modes(config),
            demands: Demands::of(config),
            planes: BTreeMap::new(),
            guarding: Guarding::new(config),
            memberships: Memberships::of(config),
            sources: Sources::of(config),
            links: BTreeMap::new(),
            debounce: Debounce::of(config),
            indexes: BTreeMap::new(),
            holdings: Holdings::default(),
            record: Record::default(),
            owners: owners(config),
            operators: Operators::of(config),
            address_hand: ForeignHand::default(),
            routing: Routes::default(),
            ticket: Ticket::default(),
            answered: None,
            left: BTreeSet::new(),
            next_look: None,
            tracker: tracker.share(protocol.messages.clone(), changes_of_checks),
            launcher,
            notifier,
            nonlocal_bind: NonlocalBind::inherited(),
            messages: protocol.messages,
            options: options.clone(),
            detached: BTreeSet::new(),
            inspected: integrity::period(config),
            stops: 0,
            upgrade: Upgrade::default(),
            tidying: Tidying::default(),
        };
        let mut result = supervisor.refresh(true).await;
        if result.is_ok() {
            supervisor.take_over_left_behind().await;
            supervisor.bind_nonlocal(config.ip_nonlocal_bind);
            tell_service_manager(NotifyState::Ready);
            result = supervisor.serve(changes, &mut protocol.requests, signals, &mut listener).await;
        }
        if result.is_err() {
            supervisor.abandon(&mut protocol.requests).await;
        }
        let ended = match protocol.thread.join() {
            Ok(Ok(())) => result,
            Ok(Err(error)) => Err(anyhow::Error::new(error).context("the protocol thread has failed").into()),
            Err(_panic) => Err(anyhow::anyhow!("the protocol thread has panicked").into()),
        };
        supervisor.leave().await;
        supervisor.notifier.finish().await;
        drop(supervisor.launcher.kill_all());
        ended
    })
}

/// Tells how long no router takes part. A program that takes the place of another goes on.
fn startup_delay(config: &Config) -> Duration {
    if handover::is_successor() { Duration::ZERO } else { config.startup_delay }
}

async fn until(at: Option<Instant>) {
    if let Some(at) = at { tokio::time::sleep_until(at).await } else { pending().await }
}

/// The interfaces of the configuration, and how the data plane is to be attached to each. One that only carries
/// addresses has the mode of their router.
fn modes(config: &Config) -> BTreeMap<String, XdpMode> {
    let homes = config.routers.iter().map(|router| (router.interface.clone(), router.xdp_mode));
    let mut modes: BTreeMap<_, _> = homes.collect();
    for router in &config.routers {
        let devs = router.addresses.iter().chain(&router.excluded).filter_map(|vip| vip.dev.as_ref());
        for dev in devs.filter(|dev| *dev != "lo") {
            modes.entry(dev.clone()).or_insert(router.xdp_mode);
        }
    }
    modes
}

struct Plane {
    index: u32,
    plane: DataPlane,
}

struct Supervisor {
    netlink: Netlink,
    modes: BTreeMap<String, XdpMode>,
    /// Demands on the interfaces.
    demands: Demands,
    planes: BTreeMap<String, Plane>,
    /// The guard of all interfaces.
    guarding: Guarding,
    /// Interfaces where adverts to the group are listened to.
    memberships: Memberships,
    /// Addresses that adverts come from.
    sources: Sources,
    /// Indexes of the interfaces that routers or addresses are on, as last found.
    indexes: BTreeMap<String, u32>,
    /// As the protocol thread knows them.
    links: BTreeMap<String, Option<Link>>,
    debounce: Debounce,
    /// Resources that the routers have on this host.
    holdings: Holdings<RouterKey>,
    /// Record of which addresses are ours.
    record: Record,
    /// Addresses of routers that own them: the operator may have added those.
    owners: BTreeSet<IpAddr>,
    /// Virtual addresses that are here without our doing.
    operators: Operators,
    address_hand: ForeignHand<Spot>,
    /// Routes and rules.
    routing: Routes,
    /// The last one that the protocol thread has asked for.
    ticket: Ticket,
    /// Answer that the protocol thread was told last.
    answered: Option<(Ticket, BTreeSet<(String, IpAddr)>)>,
    /// Addresses of ours, by interface, that nobody holds and that could not be removed.
    left: BTreeSet<(String, IpAddr)>,
    /// Time to look at the kernel again if nothing happens before.
    next_look: Option<Instant>,
    tracker: SharedTracker,
    launcher: Launcher,
    notifier: Notifier,
    nonlocal_bind: NonlocalBind,
    messages: mpsc::Sender<Message>,
    options: Options,
    /// Interfaces whose XDP program somebody has detached.
    detached: BTreeSet<String>,
    /// Interval in which what is attached is looked at.
    inspected: Duration,
    stops: u32,
    upgrade: Upgrade,
    tidying: Tidying,
}

impl Supervisor {
    async fn serve(
        &mut self,
        mut changes: Changes,
        requests: &mut mpsc::Receiver<Request>,
        signals: Signals,
        listener: &mut Listener,
    ) -> Result<(), Failure> {
        let mut next_inspection = Instant::now() + self.inspected;
        loop {
            let unattached = self.unattached();
            let retry = async { if unattached { tokio::time::sleep(RETRY).await } else { pending().await } };
            let (look, change_counts) = (until(self.next_look), until(self.debounce.due_at()));
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => self.request(request, requests).await,
                    None => return Ok(()),
                },
                change = changes.next() => {
                    let mut concerned = self.concerned(change.context("the connection to rtnetlink is lost")?);
                    while let Some(Some(next)) = changes.next().now_or_never() {
                        concerned |= self.concerned(next);
                    }
                    if concerned {
                        self.refresh(false).await?;
                    }
                }
                () = retry => self.refresh(false).await?,
                () = change_counts => self.refresh(false).await?,
                () = look => drop(self.reconcile().await),
                () = tokio::time::sleep_until(next_inspection) => {
                    self.inspect().await?;
                    self.tidying.look();
                    next_inspection = Instant::now() + self.inspected;
                }
                wish = signals.next() => self.obey(wish.context("signals cannot be read")?).await?,
                verdict = self.upgrade.tried() => self.replace(verdict, listener).await,
                client = listener.client() => self.serve_client(client),
            }
        }
    }

    async fn send(&self, message: impl Into<Message>) {
        if self.messages.send(message.into()).await.is_err() {
            tracing::debug!("the protocol thread has ended");
        }
    }

    /// Once the daemon is told to stop, nothing else counts but to be told again.
    async fn obey(&mut self, wish: Wish) -> Result<(), Failure> {
        match wish {
            Wish::Stop => self.stop().await,
            Wish::Reload | Wish::Replace if self.stops > 0 => {
                tracing::warn!(?wish, "the daemon is stopping: the signal is ignored");
            }
            Wish::Reload => self.reload().await?,
            Wish::Replace => self.upgrade.begin(&self.launcher, &self.options.program),
        }
        Ok(())
    }

    async fn stop(&mut self) {
        self.stops += 1;
        let at_once = self.stops > 1;
        self.upgrade.abandon();
        tell_service_manager(NotifyState::Stopping);
        tracing::info!(at_once, "stopping");
        self.tracker.lock().await.stop();
        self.send(Command::Stop { at_once }).await;
    }

    /// Tells whether what has changed may be ours. A table that a routing daemon fills is not.
    fn concerned(&self, changed: Changed) -> bool {
        match changed {
            Changed::Link | Changed::Unknown => true,
            Changed::RouteGone(protocol) => self.routing.has_protocol(protocol),
        }
    }

    /// Turns ip_nonlocal_bind on, or back. What was found is noted before it is changed: if this process is killed, the next one puts it back.
    fn bind_nonlocal(&mut self, wanted: bool) {
        self.nonlocal_bind.look(wanted);
        if let Some(found) = self.nonlocal_bind.found() {
            self.note(NONLOCAL_BIND, Some(found));
        }
        self.nonlocal_bind.set(wanted);
        if self.nonlocal_bind.found().is_none() {
            self.note(NONLOCAL_BIND, None);
        }
    }

    /// These are on record before they are added.
    fn enter(&mut self, resources: &Resources) {
        for place in &resources.bindings {
            self.record.enter(&place.interface, [place.address.address]);
        }
    }

    fn unattached(&self) -> bool {
        let useful = |name: &String, link: &Link| self.demands.are_met_for_one(name, link.nature);
        let ready = |name: &String| {
            self.links.get(name).and_then(Option::as_ref).is_some_and(|link| useful(name, link))
        };
        self.modes.keys().any(|name| ready(name) && !self.planes.contains_key(name))
    }

    /// Looks at the interfaces and tells the protocol thread what has changed. At the start a data plane that cannot
    /// be attached is fatal; later it is tried again.
    async fn refresh(&mut self, starting: bool) -> Result<(), Failure> {
        let mut observed = self.observe().await.context("cannot list the interfaces")?;
        let mut found = links::of(std::mem::take(&mut observed.devices));
        self.memberships.follow(&found);
        self.tell_sources(&observed.addresses).await;
        self.debounce.hold(&mut found, Instant::now());
        for name in self.modes.keys().cloned().collect::<Vec<_>>() {
            let link = found.get(&name).cloned();
            self.drop_plane_of_another(&name, link.as_ref()).await;
            if let Some(link) = &link
                && !self.planes.contains_key(&name)
                && self.suits(&name, link, starting)?
            {
                match self.attach(&name, link).await {
                    Err(failure) if starting => return Err(failure),
                    Err(failure) => tracing::error!(interface = %name, error = %failure, "not attached"),
                    Ok(()) => {}
                }
            }
            if self.links.get(&name) != Some(&link) {
                if link.is_none() && starting {
                    tracing::warn!(interface = %name, "there is no such interface; waiting for it");
                }
                self.links.insert(name.clone(), link.clone());
                self.send(Command::Link { interface: name, link }).await;
            }
        }
        self.cover(&observed).await;
        self.tracker.lock().await.look(&found).await;
        self.reconcile_with(observed).await;
        Ok(())
    }

    async fn reload(&mut self) -> Result<(), Failure> {
        match self.options.config.load() {
            Err(error) => tracing::error!("the configuration stays as it was:\n{}", error.render(false)),
            Ok(None) => tracing::warn!("nothing to reload: vrrpd runs on its built-in configuration"),
            Ok(Some(loaded)) => {
                loaded.log();
                let config = loaded.config;
                let modes = modes(&config);
                for (name, mode) in &modes {
                    if self.modes.get(name).is_some_and(|running| running != mode) {
                        tracing::warn!(interface = %name, "a changed xdp_mode takes effect at the next start");
                    }
                }
                self.modes = modes;
                self.owners = owners(&config);
                self.operators = Operators::of(&config);
                self.demands = Demands::of(&config);
                self.debounce.configure(&config);
                self.guarding.configure(&config);
                self.memberships.configure(&config);
                self.inspected = integrity::period(&config);
                self.notifier.configure(&config);
                self.bind_nonlocal(config.ip_nonlocal_bind);
                // A router that goes on from another address finds it known.
                self.sources.configure(&config);
                let addresses = self.netlink.addresses().await.context("cannot list the addresses")?;
                self.tell_sources(&addresses).await;
                tracing::info!(path = %self.options.config, "configuration reloaded");
                let mut tracker = self.tracker.lock().await;
                let trackings = tracker.configure(&config);
                self.send(Command::Reload(Box::new(config), trackings)).await;
                drop(tracker);
                self.refresh(false).await?;
            }
        }
        Ok(())
    }

    /// Becomes the program that is on disk now. What is pinned answers on meanwhile, and the new one goes on with the
    /// roles whose leases are still running (I9).
    async fn replace(&mut self, verdict: Result<String, Refusal>, listener: &Listener) {
        let program = self.options.program.display();
        let version = match verdict {
            Ok(version) => version,
            Err(why) => {
                return tracing::error!(%program, "this program goes on, the new one is not taken: {why}");
            }
        };
        tracing::info!(%program, %version, "replacing the program");
        let mut handed_over = vec![HandoverState::text(STANDINGS, self.tracker.lock().await.hand_over())];
        let found = self.nonlocal_bind.hand_over();
        handed_over.extend(found.map(|found| HandoverState::text(handover::NONLOCAL_BIND, found.to_owned())));
        handed_over.extend(self.notifier.hand_over());
        handed_over.extend(listener.hand_over().await);
        let _nothing_starts = self.launcher.kill_all();
        let error = upgrade::execute(&self.options.program, &handed_over);
        tracing::error!(%program, %error, "this program goes on, it could not be replaced");
    }

    /// This thread cannot go on, so neither can the protocol thread.
    async fn abandon(&mut self, requests: &mut mpsc::Receiver<Request>) {
        self.send(Command::Stop { at_once: true }).await;
        while requests.recv().await.is_some() {}
    }

    /// The doors are closed. Addresses first; the data plane keeps the host silent until they are gone.
    async fn leave(&mut self) {
        self.tracker.lock().await.stop();
        self.bind_nonlocal(false);
        self.holdings.clear();
        // What cannot be seen may still be there: the data plane stays, and keeps the host silent.
        if !self.reconcile().await {
            return;
        }
        self.leave_guard().await;
        for (name, plane) in std::mem::take(&mut self.planes) {
            detach(&name, plane).await;
        }
    }
}

/// The addresses of routers that own them (RFC 9568 §1.7): they may be the host's own.
fn owners(config: &Config) -> BTreeSet<IpAddr> {
    let owners = config.routers.iter().filter(|router| router.priority == Priority::OWNER);
    owners.flat_map(|router| &router.addresses).map(|vip| vip.address).collect()
}

/// Tells the service manager what it waits for with `Type=notify`.
fn tell_service_manager(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager was not told");
    }
}
