//! The daemon's executable.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Parser as _;
use vrrpd::{
    cli::{CONFIG, Cli, Command, Run},
    config::{self, Config},
    control,
    failure::Failure,
    logging,
    status::Status,
    supervisor::{self, Options},
};

fn main() -> ExitCode {
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
    match &cli.command {
        None => run(&cli.run),
        Some(Command::Check { config }) => print(&config::describe(&load(config)?)),
        Some(Command::Status { json, socket }) => status(*json, socket),
    }
}

fn run(options: &Run) -> Result<(), Failure> {
    let coloured = io::stderr().is_terminal();
    let (config, path) = match (&options.config, options.overrides()) {
        (None, Some(overrides)) => {
            let config = overrides.apply().map_err(|problems| Failure::Config(problems.render(coloured)))?;
            print(&format!("# the built-in configuration\n{}", overrides.to_toml()))?;
            (config, None)
        }
        (path, _) => {
            let path = path.clone().unwrap_or_else(|| PathBuf::from(CONFIG));
            (load(&path)?, Some(path))
        }
    };
    let _guard = logging::start(options.log_format, &options.log_level)?;
    let program = std::env::current_exe().context("cannot find the program's own file")?;
    supervisor::run(&config, &Options { config: path, socket: options.socket.clone(), program })
}

fn load(path: &Path) -> Result<Config, Failure> {
    config::load(path).map_err(|error| Failure::Config(error.render(io::stderr().is_terminal())))
}

fn status(json: bool, socket: &str) -> Result<(), Failure> {
    let answer = control::ask(socket, "status").map_err(|error| {
        let hint = if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            "vrrpd is there but does not answer; is it frozen?"
        } else {
            "no vrrpd listens there; does it run in this network namespace?"
        };
        anyhow::Error::new(error).context(format!("control socket {socket}: {hint}"))
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
