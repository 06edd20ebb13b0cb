//! The daemon's executable.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Parser as _;
use keepalived_conf::{ImportError, Severity, Surroundings as _};
use vrrpd::{
    cli::{CONFIG, Cli, Command, Run},
    control,
    failure::Failure,
    logging,
    origin::{Loaded, Origin},
    realtime, signals,
    status::Status,
    supervisor::{self, Options},
    surroundings::ThisHost,
};

fn main() -> ExitCode {
    // Before anything else: one that comes now is to be waited for, not died of.
    signals::hold();
    match dispatch(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.to_string().trim_end());
            failure.exit_code()
        }
    }
}

fn dispatch(cli: &Cli) -> Result<(), Failure> {
    if cli.print_version {
        return print(concat!("vrrpd ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    let Some(command) = &cli.command else { return run(&cli.run) };
    signals::release();
    match command {
        Command::Check { run, quiet } => check(run, *quiet),
        Command::Import { file, output, config_id } => import(file, config_id.as_deref(), output.as_deref()),
        Command::Schema => print(&vrrp_config::schema()),
        Command::Status { json, socket } => status(*json, socket.as_deref()),
    }
}

fn run(options: &Run) -> Result<(), Failure> {
    let Setting { loaded, origin, built_in } = setting(options)?;
    if let Some(text) = built_in {
        print(&text)?;
    }
    let _guard = logging::start(options.log_format, &options.log_level)?;
    loaded.log();
    realtime::give_memory_back();
    let program = supervisor::own_program().context("cannot find the program's own file")?;
    supervisor::run(&loaded.config, &Options { config: origin, socket: options.socket.clone(), program })
}

fn check(options: &Run, quiet: bool) -> Result<(), Failure> {
    let Setting { loaded, .. } = setting(options)?;
    loaded.warnings().for_each(|warning| eprintln!("warning: {warning}"));
    if quiet {
        return Ok(());
    }
    if loaded.report.worst().is_some() {
        eprint!("{}", loaded.report);
    }
    print(&vrrp_config::describe(&loaded.config))
}

/// Settings that a command line leads to.
struct Setting {
    loaded: Loaded,
    origin: Origin,
    /// The built-in configuration as it would stand in a file, if it is that.
    built_in: Option<String>,
}

fn setting(options: &Run) -> Result<Setting, Failure> {
    if let Some(overrides) = options.overrides() {
        let config = overrides
            .apply(&ThisHost.host_name())
            .map_err(|problems| Failure::Config(problems.render(coloured())))?;
        let built_in = Some(format!("# the built-in configuration\n{}", overrides.to_toml()));
        return Ok(Setting { loaded: Loaded::built_in(config), origin: Origin::BuiltIn, built_in });
    }
    let origin = origin(options);
    let loaded = origin.load().map_err(|error| Failure::Config(error.render(coloured())))?;
    let loaded = loaded.context("the built-in configuration needs --iface")?;
    Ok(Setting { loaded, origin, built_in: None })
}

fn origin(options: &Run) -> Origin {
    match &options.keepalived_conf {
        Some(path) => Origin::Keepalived { path: path.clone(), config_id: options.config_id.clone() },
        None => Origin::Toml(options.config.clone().unwrap_or_else(|| PathBuf::from(CONFIG))),
    }
}

fn coloured() -> bool {
    io::stderr().is_terminal()
}

/// Converts. What does not run is not written.
fn import(file: &Path, config_id: Option<&str>, output: Option<&Path>) -> Result<(), Failure> {
    let failed = |error: ImportError| match error {
        ImportError::Unreadable { .. } => Failure::Other(anyhow::Error::new(error)),
        ImportError::Broken(_) => Failure::Config(error.render(coloured())),
    };
    let imported = keepalived_conf::import(file, config_id, &ThisHost).map_err(failed)?;
    eprint!("{}", imported.report);
    if imported.routers == 0 {
        let text = format!("{}: no vrrp_instance that vrrpd can run", file.display());
        return Err(Failure::Incomplete(text));
    }
    imported.config().map_err(failed)?;
    match output {
        Some(path) => {
            fs::write(path, imported.toml()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => print(&imported.toml())?,
    }
    match imported.report.worst() {
        None | Some(Severity::Harmless) => Ok(()),
        Some(Severity::Different | Severity::Unsupported) => {
            Err(Failure::Incomplete("not everything is carried over as it stands: see above".to_owned()))
        }
    }
}

fn status(json: bool, socket: Option<&Path>) -> Result<(), Failure> {
    let path = control::path(socket, vrrp_dataplane::namespace().as_deref());
    let answer = control::ask(&path, "status").map_err(|error| {
        let hint = if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            "vrrpd is there but does not answer; is it frozen?"
        } else if error.kind() == io::ErrorKind::PermissionDenied {
            "only root and the daemon's own user may ask and answer"
        } else {
            "no vrrpd listens there; does it run in this network namespace?"
        };
        anyhow::Error::new(error).context(format!("control socket {}: {hint}", path.display()))
    })?;
    if json {
        return print(&(answer + "\n"));
    }
    let status: Status = serde_json::from_str(&answer).context("the daemon's answer is not understood")?;
    print(&status.to_string())
}

/// Writes to standard output; a reader that has gone away is no error.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output").into())
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
