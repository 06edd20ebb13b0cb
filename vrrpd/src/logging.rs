//! Logs go to standard error by a thread of their own: a reader that does not keep up costs lines, never time.

use std::io;

use anyhow::Context as _;
use clap::ValueEnum;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that may wait for their reader; more are dropped.
const LINES: usize = 8_192;

/// `--log-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// A filter as `--log-level` takes it.
///
/// # Errors
/// It is not of the form `level` or `level,module=level,…`.
pub fn parse_filter(filter: &str) -> Result<String, String> {
    match EnvFilter::try_new(filter) {
        Ok(_) => Ok(filter.to_owned()),
        Err(error) => Err(format!("{error}: write a level, or level,module=level,…")),
    }
}

/// Starts logging. Lines are written while the guard lives.
///
/// # Errors
/// `filter` is not of the form `level` or `level,module=level,…`.
pub fn start(format: LogFormat, filter: &str) -> anyhow::Result<WorkerGuard> {
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("--log-level {filter:?}: write a level, or level,module=level,…"))?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES)
        .thread_name("log")
        .finish(io::stderr());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        LogFormat::Human => builder.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(guard)
}
