//! SIGUSR2: becoming the program that is on disk now.
//!
//! The new program is tried first, as a child beside the daemon: it says which version it is, and whether it takes the
//! arguments and the configuration that this one runs on. Only then does it take this one's place. If it cannot, this
//! one goes on as if nothing had been.

use std::{
    env,
    ffi::{CString, OsString},
    fs,
    future::pending,
    io,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use nix::unistd::execve;
use thiserror::Error;
use tokio::task::JoinHandle;

use crate::{
    descriptors,
    handover::{self, HandoverState},
    program::{Ended, Launcher, ProgramError},
};

/// The file that this program was started from, by the name that it was started by if that leads there: where that is
/// a link, it is the link that an upgrade turns.
///
/// # Errors
/// `/proc` does not tell.
pub fn own_program() -> io::Result<PathBuf> {
    let own = env::current_exe()?;
    let file = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    let called = env::args_os().next().map(PathBuf::from);
    let called = called.filter(|called| called.is_absolute() && file(called) == file(&own));
    Ok(called.unwrap_or(own))
}

/// Time that the new program may take for each of its answers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Beginning of the version of a program of ours.
const NAME: &str = "vrrpd ";

/// Reasons for which the new program is not taken.
#[derive(Debug, Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    NotRun(#[from] ProgramError),
    #[error("{0}")]
    NoVrrpd(String),
    #[error("it does not take this daemon's arguments or configuration:\n{0}")]
    Dislikes(String),
    #[error("it does not answer within {PATIENCE:?}")]
    Silent,
    #[error("an argument of this daemon is not UTF-8")]
    NotText,
    #[error("the trial has failed: {0}")]
    Trial(#[from] tokio::task::JoinError),
}

/// Trying the new program, one at a time.
#[derive(Debug, Default)]
pub(super) struct Upgrade {
    trial: Option<JoinHandle<Result<String, Refusal>>>,
}

impl Upgrade {
    /// Starts the trial, unless one is under way.
    pub(super) fn begin(&mut self, launcher: &Launcher, program: &Path) {
        if self.trial.is_some() {
            return tracing::info!("the new program is being tried already");
        }
        tracing::info!(program = %program.display(), "trying the new program");
        self.trial = Some(tokio::spawn(try_out(launcher.clone(), program.to_owned())));
    }

    /// Forgets about it.
    pub(super) fn abandon(&mut self) {
        if let Some(trial) = self.trial.take() {
            trial.abort();
        }
    }

    /// Waits for the end of the trial: the new program's version. For ever if there is none.
    pub(super) async fn tried(&mut self) -> Result<String, Refusal> {
        let Some(trial) = &mut self.trial else { return pending().await };
        let verdict = trial.await;
        self.trial = None;
        verdict?
    }
}

async fn try_out(launcher: Launcher, program: PathBuf) -> Result<String, Refusal> {
    let said = ask(&launcher, &program, vec!["-V".to_owned()]).await?;
    let version = said.output.lines().join(" ");
    if !said.succeeded() || !version.starts_with(NAME) {
        return Err(Refusal::NoVrrpd(format!("it is no vrrpd ({}): {version}", said.ending)));
    }
    let arguments = env::args_os().skip(1).map(OsString::into_string);
    let arguments = arguments.collect::<Result<Vec<_>, _>>().map_err(|_bytes| Refusal::NotText)?;
    let check = ["check".to_owned()].into_iter().chain(arguments).collect();
    let checked = ask(&launcher, &program, check).await?;
    if checked.succeeded() { Ok(version) } else { Err(Refusal::Dislikes(checked.output.lines().join("\n"))) }
}

async fn ask(launcher: &Launcher, program: &Path, arguments: Vec<String>) -> Result<Ended, Refusal> {
    let ended = launcher.run_own(program, arguments, PATIENCE).await?;
    if ended.timed_out { Err(Refusal::Silent) } else { Ok(ended) }
}

/// Executes the program in this one's place, with the same arguments. Returns only if that fails, and then everything
/// is as it was: no shell is asked instead, and no signal is treated otherwise.
pub(super) fn execute(program: &Path, handed_over: &[HandoverState]) -> io::Error {
    let arguments = [program.as_os_str().to_owned()].into_iter().chain(env::args_os().skip(1));
    let strings = |list: &mut dyn Iterator<Item = OsString>| -> Result<Vec<CString>, io::Error> {
        list.map(|one| CString::new(one.into_vec()).map_err(io::Error::other)).collect()
    };
    let prepared = CString::new(program.as_os_str().as_bytes()).map_err(io::Error::other).and_then(|path| {
        let arguments = strings(&mut arguments.into_iter())?;
        Ok((path, arguments, strings(&mut handover::environment(handed_over).into_iter())?))
    });
    match prepared {
        Ok((path, arguments, environment)) => {
            let raised = descriptors::lower();
            let Err(error) = execve(&path, &arguments, &environment);
            drop(raised);
            error.into()
        }
        Err(error) => error,
    }
}
