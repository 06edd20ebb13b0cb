//! The `notify` scripts of one router or group: one after the other, in keepalived's order.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use vrrp_engine::{State, StateChange};

use super::{
    Results, Task, lock,
    mailbox::{Mailbox, Overflow},
};
use crate::{
    program::{Ended, Job, Launcher, ProgramError},
    status::{HookStatus, rfc3339},
};
use vrrp_config::{Hook, Hooks, User};

/// Changes of state that wait while a script runs. When there are more, the oldest are left out: the latest always
/// comes, and comes last.
const WAITING: usize = 16;

/// Lists what is run for a state: the one of the state as it is written, then `notify` with arguments.
pub(super) fn hooks_of(hooks: &Hooks, state: State) -> impl Iterator<Item = (&'static str, &Hook)> {
    let own = match state {
        State::Master => Some(("notify_master", &hooks.notify_master)),
        State::Backup => Some(("notify_backup", &hooks.notify_backup)),
        State::Fault => Some(("notify_fault", &hooks.notify_fault)),
        State::Stop => Some(("notify_stop", &hooks.notify_stop)),
        State::Split => None,
    };
    let all = own.into_iter().chain([(NOTIFY, &hooks.notify)]);
    all.filter_map(|(key, hook)| Some((key, hook.as_ref()?)))
}

/// The one that gets arguments.
const NOTIFY: &str = "notify";

/// A change that waits for its scripts.
#[derive(Debug)]
struct Item {
    change: StateChange,
    hooks: Arc<Hooks>,
    script_user: Option<User>,
}

/// Runs the scripts of one subject.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Arc<Mailbox<Item>>,
    task: Task,
}

impl Queue {
    pub(super) fn start(launcher: Launcher, results: Results) -> Self {
        let waiting = Arc::new(Mailbox::new(WAITING, Overflow::Oldest));
        let task = Task(tokio::spawn(serve(Arc::clone(&waiting), launcher, results)));
        Self { waiting, task }
    }

    pub(super) fn push(&self, change: StateChange, hooks: Arc<Hooks>, script_user: Option<User>) {
        for old in self.waiting.push(Item { change, hooks, script_user }) {
            let (subject, state) = (&old.change.subject, old.change.state.word());
            tracing::warn!(%subject, state, "its scripts are too slow; this state is left out");
        }
    }

    /// Tells whether something runs or waits.
    pub(super) fn is_live(&self) -> bool {
        !self.waiting.is_idle()
    }

    /// Returns when everything has run. Dropped before, what runs is killed.
    pub(super) async fn finish(mut self) {
        self.waiting.close();
        // A panic in there is told by the panic itself.
        let _ended = (&mut self.task.0).await;
    }
}

async fn serve(waiting: Arc<Mailbox<Item>>, launcher: Launcher, results: Results) {
    while let Some(Item { change, hooks, script_user }) = waiting.next().await {
        for (key, hook) in hooks_of(&hooks, change.state) {
            let arguments = if key == NOTIFY { super::arguments(&change) } else { Vec::new() };
            let user = hook.user.clone().or_else(|| script_user.clone());
            let job = Job { program: hook.program.clone(), arguments, user };
            let began = SystemTime::now();
            let ended = launcher.run(&job, hook.timeout).await;
            let outcome = outcome(&ended);
            log(&change, key, &ended, &outcome);
            let took = ended.map_or(Duration::ZERO, |ended| ended.took);
            remember(
                &results,
                key,
                &change,
                HookStatus {
                    subject: change.subject.to_string(),
                    hook: key.into(),
                    state: change.state.word().into(),
                    at: rfc3339(began),
                    outcome,
                    took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                },
            );
        }
    }
}

fn outcome(ended: &Result<Ended, ProgramError>) -> String {
    match ended {
        Ok(ended) if ended.succeeded() => "ok".into(),
        Ok(ended) if ended.timed_out => "timed out, killed".into(),
        Ok(ended) => ended.ending.to_string(),
        Err(error) => format!("not run: {error}"),
    }
}

fn log(change: &StateChange, key: &str, ended: &Result<Ended, ProgramError>, outcome: &str) {
    let (subject, state) = (&change.subject, change.state.word());
    match ended {
        Ok(ended) => {
            ended.output.log(&format!("{key} of {subject}"));
            if ended.succeeded() {
                tracing::debug!(%subject, state, hook = key, took = ?ended.took, "script has ended");
            } else {
                tracing::warn!(%subject, state, hook = key, outcome, took = ?ended.took, "script has failed");
            }
        }
        Err(error) => tracing::error!(%subject, state, hook = key, %error, "script was not run"),
    }
}

fn remember(results: &Results, key: &'static str, change: &StateChange, status: HookStatus) {
    lock(results).insert((change.subject.clone(), key), status);
}
