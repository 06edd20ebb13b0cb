//! Asking again and again.

use std::time::Duration;

use tokio::time::{self, Instant, Interval, MissedTickBehavior};

use super::reporter::{Finding, Reporter};

/// Something that can be asked. A question that takes too long is dropped.
pub(super) trait Probe {
    /// Tells what was found, or why it is not well.
    fn ask(&mut self) -> impl Future<Output = Result<String, String>> + Send;
}

/// Asks at once, and then once an interval. What takes longer than its interval is asked again at the next one.
pub(super) async fn watch(
    mut probe: impl Probe,
    interval: Duration,
    timeout: Duration,
    mut reporter: Reporter,
) {
    let mut beat = beat(interval);
    loop {
        beat.tick().await;
        let began = Instant::now();
        let finding = match time::timeout(timeout, probe.ask()).await {
            Ok(result) => Finding::new(result, began.elapsed()),
            Err(_elapsed) => Finding::timed_out(timeout),
        };
        reporter.report(finding);
    }
}

/// The first beat is at once.
pub(super) fn beat(interval: Duration) -> Interval {
    let mut beat = time::interval(interval);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    beat
}
