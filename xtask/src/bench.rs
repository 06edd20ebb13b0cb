//! `cargo xtask bench`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use ::bench::{Bench, Suite};
use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use crate::setup::{self, Scope};

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to measure; everything if none is named.
    #[arg(value_enum, value_name = "SUITE")]
    suites: Vec<SuiteName>,
    /// Fewer rounds and shorter windows: under four minutes for everything.
    #[arg(long)]
    quick: bool,
    /// Put the figures that matter most into README.md.
    #[arg(long)]
    update_readme: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SuiteName {
    /// The master fails, under load or not: lateness of the successor, time without an answer and with two.
    Takeover,
    /// Many routers: processor time, memory, jitter, false takeovers, takeover of all at once.
    Scale,
    /// A flood of ARP requests: answers per second and losses, time per frame.
    Arp,
    /// HTTP behind the virtual address: requests lost across a takeover, and what the XDP program costs.
    Service,
    /// From the start of a daemon to its first answer: one router, and a thousand.
    Start,
}

impl From<SuiteName> for Suite {
    fn from(name: SuiteName) -> Self {
        match name {
            SuiteName::Takeover => Self::Takeover,
            SuiteName::Scale => Self::Scale,
            SuiteName::Arp => Self::Arp,
            SuiteName::Service => Self::Service,
            SuiteName::Start => Self::Start,
        }
    }
}

/// Measures vrrpd beside keepalived, prints the table, and writes the report beside the build. `VRRPD_BIN` names
/// another vrrpd than that of the working tree.
pub(crate) fn command(arguments: &Arguments) -> anyhow::Result<()> {
    if !setup::is_root() {
        bail!("namespaces and XDP need root. Type\n\n  {}", setup::as_root("bench"));
    }
    let cargo = setup::ensure(Scope::Test)?;
    let vrrpd = match env::var_os("VRRPD_BIN") {
        Some(other) => other.into(),
        None => cargo.build_daemon(true)?,
    };
    let own = env::current_exe()?;
    let target = own.parent().and_then(Path::parent).context("xtask is in no target directory")?;
    let directory = target.join("bench");
    let named: Vec<Suite> = arguments.suites.iter().copied().map(Suite::from).collect();
    let suites = if named.is_empty() { &Suite::ALL[..] } else { &named };

    let report = Bench { vrrpd, quick: arguments.quick }.run(suites)?;
    println!("{}", report.markdown());
    report.write(&directory)?;
    eprintln!("{}", directory.join("report.html").display());
    if arguments.update_readme {
        let readme = readme();
        let text = fs::read_to_string(&readme).with_context(|| format!("reading {}", readme.display()))?;
        fs::write(&readme, between_markers(&text, &report.headlines())?)?;
    }
    Ok(())
}

fn readme() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).join("README.md")
}

/// The text with what is between the markers replaced.
fn between_markers(text: &str, table: &str) -> anyhow::Result<String> {
    let markers = || {
        let (before, rest) = text.split_once(BEGIN)?;
        let (_old, after) = rest.split_once(END)?;
        Some((before, after))
    };
    let (before, after) = markers().with_context(|| format!("README.md has no {BEGIN} … {END}"))?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", table.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::between_markers;

    #[test]
    fn only_what_is_between_the_markers_is_replaced() {
        let text = "a\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nb\n";
        let new = between_markers(text, "new\n").unwrap();
        assert_eq!(new, "a\n<!-- bench:begin -->\nnew\n<!-- bench:end -->\nb\n");
        assert_eq!(between_markers(&new, "new\n").unwrap(), new);
        between_markers("no markers", "new").unwrap_err();
    }
}
