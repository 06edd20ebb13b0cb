//! Logs go to standard error by a thread of their own: a reader that does not keep up costs lines, never time.

use std::io;

use anyhow::Context as _;
use clap::ValueEnum;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

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
    match filter.parse::<Targets>() {
        Ok(_) => Ok(filter.to_owned()),
        Err(error) => Err(format!("{error}: write a level, or level,module=level,…")),
    }
}

/// Starts logging. Lines are written while the guard lives.
///
/// # Errors
/// `filter` is not of the form `level` or `level,module=level,…`.
pub fn start(format: LogFormat, filter: &str) -> anyhow::Result<WorkerGuard> {
    let filter: Targets = filter
        .parse()
        .with_context(|| format!("--log-level {filter:?}: write a level, or level,module=level,…"))?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES)
        .thread_name("log")
        .finish(io::stderr());
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Human => {
            registry.with(lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr()))).init();
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).init(),
    }
    Ok(guard)
}
