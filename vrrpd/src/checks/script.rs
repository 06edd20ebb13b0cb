//! `vrrp_script`: a program that ends with 0 when all is well.

use std::pin::pin;

use tokio::time::{Instant, timeout_at};

use super::{
    periodic::beat,
    reporter::{Finding, Reporter},
};
use crate::program::{Ended, Ending, Job, Launcher, Running};
use vrrp_config::{ScriptCheck, User};

/// Runs it at once, and then once an interval; never twice at a time.
pub(super) async fn watch(
    check: ScriptCheck,
    user: Option<User>,
    launcher: Launcher,
    mut reporter: Reporter,
) {
    let job = Job { program: check.program.clone(), arguments: Vec::new(), user };
    let mut beat = beat(check.interval);
    loop {
        beat.tick().await;
        run(&job, &check, &launcher, &mut reporter).await;
    }
}

/// Returns when the program is gone, reaped, and its result reported. One that is late is reported when its time is
/// over, and killed after that.
async fn run(job: &Job, check: &ScriptCheck, launcher: &Launcher, reporter: &mut Reporter) {
    let began = Instant::now();
    let deadline = began + check.timeout;
    let mut start = pin!(launcher.start(job));
    // Executing can hang as well: on a file system that does not answer.
    let Ok(started) = timeout_at(deadline, &mut start).await else {
        reporter.report(Finding::timed_out(check.timeout));
        if let Ok(late) = start.await {
            late.kill().await;
        }
        return;
    };
    match started {
        Ok(running) => wait(running, deadline, check, reporter).await,
        Err(error) => {
            let why = format!("{:#}", anyhow::Error::new(error));
            reporter.report(Finding::new(Err(why), began.elapsed()));
        }
    }
}

async fn wait(mut running: Running, deadline: Instant, check: &ScriptCheck, reporter: &mut Reporter) {
    if timeout_at(deadline, running.exited()).await.is_ok() {
        let ended = running.reap(false);
        if ended.ending != Ending::CalledOff {
            reporter.report(finding(ended));
        }
    } else {
        reporter.report(Finding::timed_out(check.timeout));
        running.kill().await;
    }
}

fn finding(ended: Ended) -> Finding {
    let what = ended.ending.to_string();
    let result = if ended.succeeded() { Ok(what) } else { Err(what) };
    Finding { output: ended.output, ..Finding::new(result, ended.took) }
}
