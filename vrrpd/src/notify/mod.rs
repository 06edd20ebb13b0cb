//! Telling the outside of changes of state: scripts, the FIFO, mails.
//!
//! Lives on the main thread, in tasks that nobody waits for; only at the end they are given a moment. Knows nothing of
//! why a state has changed.

mod fifo;
mod mail;
mod mailbox;
mod pipe;
mod script;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use self::{fifo::Outlet, mail::Mailer, script::Queue};
use crate::{
    handover::{self, HandoverState},
    lock::lock,
    program::Launcher,
    status::HookStatus,
};
use vrrp_config::{Config, NotifyFifo, User};
use vrrp_engine::{StateChange, Subject};

/// Time that everything that is under way has at the end, together.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Makes the arguments that `notify` gets.
fn arguments(change: &StateChange) -> Vec<String> {
    let StateChange { subject, state, priority } = change;
    vec![subject.word().into(), subject.name().into(), state.word().into(), priority.to_string()]
}

/// Makes the line that is written to the FIFO.
fn line(change: &StateChange) -> String {
    let StateChange { subject, state, priority } = change;
    format!("{} \"{}\" {} {priority}\n", subject.word(), subject.name(), state.word())
}

/// The last outcome of each hook, for `vrrpd status`.
type Results = Arc<Mutex<BTreeMap<(Subject, &'static str), HookStatus>>>;

/// Tells what is to be told to whom it is to be told.
#[derive(Debug)]
pub(crate) struct Notifier {
    launcher: Launcher,
    router_id: String,
    script_user: Option<User>,
    hooks: BTreeMap<Subject, Arc<vrrp_config::Hooks>>,
    /// As they were before the last reload: what it has taken out still says that it stops.
    former: BTreeMap<Subject, Arc<vrrp_config::Hooks>>,
    /// One for each subject that has a script.
    queues: BTreeMap<Subject, Queue>,
    /// `notify_fifo` and `vrrp_notify_fifo`.
    outlets: [Outlet; 2],
    mailer: Option<Mailer>,
    results: Results,
}

impl Notifier {
    pub(crate) fn new(launcher: Launcher) -> Self {
        Self {
            launcher,
            router_id: String::new(),
            script_user: None,
            hooks: BTreeMap::new(),
            former: BTreeMap::new(),
            queues: BTreeMap::new(),
            outlets: [handover::FIFO, handover::VRRP_FIFO].map(Outlet::new),
            mailer: None,
            results: Results::default(),
        }
    }

    /// Goes by this configuration from now on. What is under way goes on.
    pub(crate) fn configure(&mut self, config: &Config) {
        self.router_id.clone_from(&config.router_id);
        self.script_user.clone_from(&config.script_user);
        let routers = config.routers.iter();
        let routers = routers.map(|router| (Subject::Instance(router.name.clone()), &router.hooks));
        let groups = config.sync_groups.iter();
        let groups = groups.map(|group| (Subject::Group(group.name.clone()), &group.hooks));
        let hooks = routers.chain(groups).map(|(subject, hooks)| (subject, Arc::clone(hooks)));
        self.former = std::mem::replace(&mut self.hooks, hooks.collect());
        let Self { hooks, former, queues, .. } = self;
        let known = |subject: &Subject| hooks.contains_key(subject) || former.contains_key(subject);
        queues.retain(|subject, queue| known(subject) || queue.is_live());
        lock(&self.results).retain(|(subject, _), _| known(subject));
        self.configure_fifos([config.notify_fifo.as_ref(), config.vrrp_notify_fifo.as_ref()]);
        if self.mailer.as_ref().map(Mailer::config) != config.mail.as_ref() {
            self.mailer = config.mail.as_ref().map(|mail| Mailer::new(mail.clone()));
        }
    }

    /// Hands over what the program that takes this one's place goes on with.
    pub(crate) fn hand_over(&self) -> impl Iterator<Item = HandoverState> {
        self.outlets.iter().filter_map(Outlet::hand_over)
    }

    fn configure_fifos(&mut self, configs: [Option<&NotifyFifo>; 2]) {
        for (outlet, config) in self.outlets.iter_mut().zip(configs) {
            outlet.configure(config, &self.launcher, self.script_user.as_ref());
        }
    }

    /// Tells of a change of state. Returns at once.
    pub(crate) fn tell(&mut self, change: &StateChange) {
        self.outlets.iter().for_each(|outlet| outlet.write(change));
        let hooks = self.hooks.get(&change.subject).or_else(|| self.former.get(&change.subject));
        let Some(hooks) = hooks else { return };
        if let Some(mailer) = self.mailer.as_ref().filter(|_| hooks.smtp_alert) {
            mailer.send(&self.router_id, change);
        }
        if script::hooks_of(hooks, change.state).next().is_some() {
            let queue = self
                .queues
                .entry(change.subject.clone())
                .or_insert_with(|| Queue::start(self.launcher.clone(), Arc::clone(&self.results)));
            queue.push(change.clone(), Arc::clone(hooks), self.script_user.clone());
        }
    }

    /// Tells how each hook went last.
    pub(crate) fn status(&self) -> Vec<HookStatus> {
        let mail = self.mailer.iter().filter_map(Mailer::status);
        lock(&self.results).values().cloned().chain(mail).collect()
    }

    /// Gives what is under way a moment, and ends it.
    pub(crate) async fn finish(mut self) {
        let deadline = Instant::now() + LAST_WORDS;
        for (subject, queue) in std::mem::take(&mut self.queues) {
            if timeout_at(deadline, queue.finish()).await.is_err() {
                tracing::warn!(%subject, "scripts have not ended; they are killed");
            }
        }
        for outlet in &mut self.outlets {
            outlet.finish(deadline).await;
        }
        if let Some(mailer) = self.mailer.take()
            && timeout_at(deadline, mailer.finish()).await.is_err()
        {
            tracing::warn!("mails are left behind: the server has not taken them in time");
        }
    }
}

/// A task that ends with its owner.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
