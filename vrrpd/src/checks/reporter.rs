//! Findings of a check: counted, kept for `vrrpd status`, logged when it changes.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use tokio::sync::mpsc;

use crate::{
    clock::now,
    lock::lock,
    program::Output,
    status::{self, CheckStatus},
};
use vrrp_engine::{Health, RateLimit, Standing};

/// One result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) good: bool,
    /// Finding in words.
    pub(super) what: String,
    pub(super) took: Duration,
    pub(super) timed_out: bool,
    /// Output of a script.
    pub(super) output: Output,
}

impl Finding {
    pub(super) fn new(result: Result<String, String>, took: Duration) -> Self {
        let (good, what) = match result {
            Ok(what) => (true, what),
            Err(why) => (false, why),
        };
        Self { good, what, took, timed_out: false, output: Output::default() }
    }

    /// Nothing came until the timeout.
    pub(super) fn timed_out(timeout: Duration) -> Self {
        let what = format!("no result within {timeout:?}");
        Self { timed_out: true, ..Self::new(Err(what), timeout) }
    }
}

/// Knowledge about a check.
#[derive(Clone, Debug)]
pub(super) struct Reported {
    standing: Standing,
    since: SystemTime,
    last: Option<Finding>,
    results: u64,
    failures: u64,
    timeouts: u64,
}

impl Reported {
    pub(super) fn new(standing: Standing) -> Self {
        Self { standing, since: SystemTime::now(), last: None, results: 0, failures: 0, timeouts: 0 }
    }

    pub(super) const fn standing(&self) -> Standing {
        self.standing
    }

    pub(super) fn status(&self, kind: &str, name: &str) -> CheckStatus {
        let last = self.last.as_ref();
        CheckStatus {
            name: name.to_owned(),
            kind: kind.to_owned(),
            state: self.standing.to_string(),
            since: status::rfc3339(self.since),
            last_result: last.map(|last| if last.good { "good" } else { "bad" }.to_owned()),
            last_reason: last.map(|last| last.what.clone()),
            last_took_us: last.map(|last| u64::try_from(last.took.as_micros()).unwrap_or(u64::MAX)),
            results: self.results,
            failures: self.failures,
            timeouts: self.timeouts,
        }
    }

    fn count(&mut self, finding: &Finding) {
        self.results += 1;
        self.failures += u64::from(!finding.good);
        self.timeouts += u64::from(finding.timed_out);
    }
}

/// The one that speaks for a check.
#[derive(Debug)]
pub(super) struct Reporter {
    name: String,
    health: Health,
    reported: Arc<Mutex<Reported>>,
    changed: mpsc::Sender<()>,
    /// The reason that was logged last, which is not repeated.
    said: Option<String>,
    limit: RateLimit,
}

impl Reporter {
    pub(super) fn new(
        name: String,
        health: Health,
        reported: Arc<Mutex<Reported>>,
        changed: mpsc::Sender<()>,
    ) -> Self {
        Self { name, health, reported, changed, said: None, limit: RateLimit::default() }
    }

    /// Takes in one result.
    pub(super) fn report(&mut self, finding: Finding) {
        let changed = self.health.observe(finding.good);
        if changed {
            self.say_changed(&finding);
        } else if !finding.good && self.said.as_ref() != Some(&finding.what) {
            self.say_failed(&finding);
        }
        self.keep(finding, self.health.standing());
    }

    /// Takes in the number in a file, or that it has none.
    pub(super) fn report_number(&mut self, number: i64, finding: Finding) {
        let standing = Standing::Number(number);
        if lock(&self.reported).standing != standing {
            tracing::info!(check = %self.name, number, reason = %finding.what, "the number has changed");
        }
        self.keep(finding, standing);
    }

    /// Tells whether the check has no standing yet.
    pub(super) fn is_new(&self) -> bool {
        self.health.standing() == Standing::Waiting
    }

    /// Tells whether what is reported has become the standing.
    pub(super) fn agrees(&self, good: bool) -> bool {
        self.health.standing() == if good { Standing::Good } else { Standing::Bad }
    }

    fn keep(&self, finding: Finding, standing: Standing) {
        let mut reported = lock(&self.reported);
        reported.count(&finding);
        reported.last = Some(finding);
        if reported.standing != standing {
            reported.standing = standing;
            reported.since = SystemTime::now();
            drop(reported);
            // Full: whoever receives it has not yet looked, and will see this too.
            let _pending = self.changed.try_send(());
        }
    }

    fn say_changed(&mut self, finding: &Finding) {
        let (check, reason, took) = (&self.name, &finding.what, finding.took);
        if finding.good {
            tracing::info!(%check, %reason, ?took, "the check succeeds");
        } else {
            tracing::warn!(%check, %reason, ?took, "the check fails");
            finding.output.log(check);
        }
        self.said = Some(finding.what.clone());
    }

    /// A failure that changes nothing yet, or for another reason than before.
    fn say_failed(&mut self, finding: &Finding) {
        let Some(repeated) = self.limit.admit(now()) else { return };
        let (check, reason, took) = (&self.name, &finding.what, finding.took);
        tracing::warn!(%check, %reason, ?took, repeated, "a bad result");
        finding.output.log(check);
        self.said = Some(finding.what.clone());
    }
}
