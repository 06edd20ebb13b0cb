//! The command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::logging::{LogFormat, parse_filter};
use vrrp_config::Overrides;

fn parse_socket(path: &str) -> Result<PathBuf, String> {
    if path.starts_with('@') {
        return Err("any local user can take an abstract socket: name a path".to_owned());
    }
    Ok(path.into())
}

/// Where the configuration is unless `--config` says otherwise.
pub const CONFIG: &str = "/etc/vrrpd/vrrpd.toml";

/// Keeps virtual IP addresses alive across two or more machines, by VRRP (RFC 9568, RFC 3768), with an XDP program
/// that answers ARP for them while this machine is master, and keeps silent when it is not.
///
/// Without a command it runs in the foreground. SIGTERM and SIGINT hand the addresses over and end it (a second one
/// ends it at once), SIGHUP reads the configuration again, SIGUSR2 replaces the program by the one that is on disk
/// now, without a change of master if it is back within the lease (just under three intervals).
///
/// Exit codes: 0 stopped, 1 failed, 2 wrong configuration or arguments, 3 a privilege or kernel feature is missing;
/// 4 is `import`'s.
#[derive(Debug, Parser)]
#[command(name = "vrrpd", disable_version_flag = true, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do instead of running.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run.
    #[command(flatten)]
    pub run: Run,
    /// Print the program's version and exit.
    #[arg(short = 'V', action = ArgAction::SetTrue)]
    pub print_version: bool,
}

/// Commands beside running.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Validate a configuration and print the effective settings with the derived timers.
    ///
    /// It takes what running takes, and looks at all of it: `vrrpd check` with the arguments of a service says whether
    /// the service can start with them.
    Check {
        /// What would be run.
        #[command(flatten)]
        run: Box<Run>,
        /// Print nothing if it is valid.
        #[arg(short, long)]
        quiet: bool,
    },
    /// Ask the running daemon for its routers: state, priority, timers, lease, counters, last transitions.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The daemon's control socket [default: /run/vrrpd/vrrpd.sock, or /run/vrrpd/netns-INODE/vrrpd.sock in a
        /// network namespace].
        #[arg(long, value_name = "PATH", value_parser = parse_socket)]
        socket: Option<PathBuf>,
    },
    /// Convert a keepalived.conf: TOML to standard output or a file, and on standard error what is not carried over,
    /// with its lines.
    ///
    /// Exit codes: 0 everything is carried over, or what is not is harmless; 4 something is not supported or behaves
    /// differently: the TOML is written, read the report; 2 the file is broken, or its settings do not go together
    /// here; 1 it cannot be read or written.
    Import {
        /// The keepalived.conf.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where the TOML goes instead of standard output.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// What @id lines are compared with, as keepalived's -i [default: the name of the host].
        #[arg(long, value_name = "ID")]
        config_id: Option<String>,
    },
    /// Print a JSON Schema of the configuration, with which an editor completes keys and underlines what is wrong.
    Schema,
}

/// How to run the daemon.
#[derive(Debug, Args)]
pub struct Run {
    /// The configuration file [default: /etc/vrrpd/vrrpd.toml, or the built-in one with --iface and its like].
    #[arg(long, value_name = "FILE", conflicts_with_all = ["iface", "vrid", "priority", "address", "advert_int", "version"])]
    pub config: Option<PathBuf>,
    /// Run a keepalived.conf as it stands; what is not carried over is logged. SIGHUP reads it again.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "iface", "vrid", "priority", "address", "advert_int", "version"])]
    pub keepalived_conf: Option<PathBuf>,
    /// What @id lines of keepalived.conf are compared with, as keepalived's -i [default: the name of the host].
    #[arg(long, value_name = "ID", requires = "keepalived_conf")]
    pub config_id: Option<String>,
    /// Run the built-in configuration on this interface, and print it.
    #[arg(long, value_name = "NAME")]
    pub iface: Option<String>,
    /// Virtual router identifier for the built-in configuration, 1..=255 [default: 51].
    #[arg(long, value_name = "VRID")]
    pub vrid: Option<String>,
    /// Priority for the built-in configuration, 1..=255 [default: 100].
    #[arg(long, value_name = "PRIORITY")]
    pub priority: Option<String>,
    /// Virtual address for the built-in configuration, as 192.0.2.51/32; may be repeated.
    #[arg(long, value_name = "ADDRESS")]
    pub address: Vec<String>,
    /// Advertisement interval for the built-in configuration, with its unit [default: 1s].
    #[arg(long, value_name = "INTERVAL")]
    pub advert_int: Option<String>,
    /// VRRP version for the built-in configuration, 2 or 3 [default: 3].
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// What is logged: a level (error, warn, info, debug, trace), or level,module=level,…
    #[arg(long, value_name = "FILTER", default_value = "info", env = "VRRPD_LOG", value_parser = parse_filter)]
    pub log_level: String,
    /// The control socket, in a directory that only root can write [default: /run/vrrpd/vrrpd.sock, or
    /// /run/vrrpd/netns-INODE/vrrpd.sock in a network namespace].
    #[arg(long, value_name = "PATH", value_parser = parse_socket)]
    pub socket: Option<PathBuf>,
}

impl Run {
    /// What the flags change in the built-in configuration; `None` when there are none of them.
    #[must_use]
    pub fn overrides(&self) -> Option<Overrides> {
        let overrides = Overrides {
            iface: self.iface.clone(),
            vrid: self.vrid.clone(),
            priority: self.priority.clone(),
            addresses: self.address.clone(),
            advert_int: self.advert_int.clone(),
            version: self.version.clone(),
        };
        (overrides != Overrides::default()).then_some(overrides)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_file_of_keepalived_stands_alone() {
        assert!(Cli::try_parse_from(["vrrpd", "--keepalived-conf", "x", "--config", "y"]).is_err());
        assert!(Cli::try_parse_from(["vrrpd", "--keepalived-conf", "x", "--vrid", "7"]).is_err());
        assert!(Cli::try_parse_from(["vrrpd", "--config-id", "gw1"]).is_err());
        let cli = Cli::try_parse_from(["vrrpd", "--keepalived-conf", "x", "--config-id", "gw1"]).unwrap();
        assert_eq!(cli.run.config_id.as_deref(), Some("gw1"));
    }

    #[test]
    fn an_abstract_socket_is_refused() {
        let refused = Cli::try_parse_from(["vrrpd", "--socket", "@vrrpd"]).unwrap_err().to_string();
        assert!(refused.contains("any local user can take an abstract socket"), "{refused}");
        assert!(Cli::try_parse_from(["vrrpd", "status", "--socket", "@vrrpd"]).is_err());
    }

    #[test]
    fn a_file_and_overrides_exclude_each_other() {
        assert!(Cli::try_parse_from(["vrrpd", "--config", "x", "--vrid", "7"]).is_err());
        let cli = Cli::try_parse_from(["vrrpd", "--iface", "lan0", "--version", "2"]).unwrap();
        assert_eq!(cli.run.overrides().unwrap().version.as_deref(), Some("2"));
    }
}
