//! Health checks, and what routers make of them.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    hook::{Program, User},
    tree::Kind,
};

/// One check: `[vrrp_script.NAME]`, `[vrrp_http.NAME]`, `[vrrp_tcp.NAME]`, `[vrrp_process.NAME]` or `[vrrp_file.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// NAME. Unique among checks of its kind.
    pub name: String,
    /// Subject of the check.
    pub kind: CheckKind,
    /// Effect of its result on the priority of a router that tracks it and says nothing else.
    pub weight: Weight,
    /// Good results in a row that make a failing check succeed. 1..=1000.
    pub rise: u16,
    /// Bad results in a row that make a succeeding check fail. 1..=1000.
    pub fall: u16,
    /// True if it counts as failing until its first result. Otherwise the first result decides alone, and until then
    /// no router that tracks it takes part, as in keepalived.
    pub init_fail: bool,
}

/// Subject of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// A program that ends with 0 when all is well.
    Script(ScriptCheck),
    /// A request that is answered as expected.
    Http(HttpCheck),
    /// A connection that is accepted.
    Tcp(TcpCheck),
    /// Processes that are there.
    Process(ProcessCheck),
    /// A number in a file.
    File(FileCheck),
}

impl CheckKind {
    /// The word in the head of its table: `vrrp_script`.
    #[must_use]
    pub const fn table(&self) -> &'static str {
        self.kind().word()
    }

    /// The kind of table that it is configured in.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Script(_) => Kind::Script,
            Self::Http(_) => Kind::Http,
            Self::Tcp(_) => Kind::Tcp,
            Self::Process(_) => Kind::Process,
            Self::File(_) => Kind::File,
        }
    }
}

/// `[vrrp_script.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptCheck {
    /// `script`.
    pub program: Program,
    /// From one start to the next. 10 ms..=1 h; 1 s unless given.
    pub interval: Duration,
    /// Time after which it is killed and counts as failed. As `interval` unless given.
    pub timeout: Duration,
    /// User that runs it; [`Config::script_user`](super::Config::script_user) if `None`.
    pub user: Option<User>,
}

/// `[vrrp_http.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// `http://` or `https://`.
    pub url: String,
    /// `GET` unless given.
    pub method: String,
    /// Ranges of status codes that are well, ends included. 200..=299 unless given.
    pub status: Vec<(u16, u16)>,
    /// Text that the body must have in it.
    pub body: Option<String>,
    /// The Host header, and the name that the certificate must have; from `url` if `None`.
    pub host: Option<String>,
    /// True if the certificate must be valid (`https` only).
    pub verify: bool,
    /// From one request to the next. 10 ms..=1 h; 1 s unless given.
    pub interval: Duration,
    /// Time after which a request counts as failed. As `interval` unless given.
    pub timeout: Duration,
}

/// `[vrrp_tcp.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpCheck {
    /// Address to connect to.
    pub address: SocketAddr,
    /// From one connection to the next. 10 ms..=1 h; 1 s unless given.
    pub interval: Duration,
    /// Time after which an attempt counts as failed. As `interval` unless given.
    pub timeout: Duration,
}

/// `[vrrp_process.NAME]`, keepalived's `vrrp_track_process`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessCheck {
    /// Which processes count.
    pub process: ProcessName,
    /// Number that there must be at least. 0..=65535; 0 only with `quorum_max`. 1 unless given, 0 with `quorum_max = 0`.
    pub quorum: u16,
    /// Number that there may be at most.
    pub quorum_max: Option<u16>,
    /// Time that it must have been different before it counts, in both directions unless the others say so. 0 s..=1 h.
    pub delay: Duration,
    /// The same for processes that appear; `delay` unless given.
    pub fork_delay: Duration,
    /// The same for processes that end; `delay` unless given.
    pub terminate_delay: Duration,
}

/// Which processes a [`ProcessCheck`] counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessName {
    /// `process = "nginx"`: by the name of the executable as the process was started (the last part of `argv[0]`), or
    /// the kernel's name for it. With arguments, those that `param_match` asks for.
    Command {
        /// The name, 1..=255 bytes; a path is compared whole.
        name: String,
        /// `process = "nginx -g 'daemon off;'"`: the arguments that go with it.
        arguments: Vec<String>,
        /// Comparison of `arguments`; `None`: not at all. `Exact` unless given, if there are arguments.
        param_match: Option<ParamMatch>,
    },
    /// `pid_file`: the one process whose number is in the file.
    PidFile(PathBuf),
}

/// `param_match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamMatch {
    /// All arguments, and no others.
    Exact,
    /// The arguments come first, the last of them perhaps only with its beginning.
    Initial,
    /// The arguments come first.
    Partial,
}

/// `[vrrp_file.NAME]`, keepalived's `track_file`: a number in the file, which the weight multiplies. No file or no number
/// is 0. Weight 0: any number but 0 is a fault. A product of -254 or less is a fault too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCheck {
    /// The file.
    pub file: PathBuf,
    /// `init_file`: written to the file at the start when it is missing; `overwrite` also when it is there.
    pub init: Option<InitFile>,
}

/// `init_file = { value = 0, overwrite = false }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitFile {
    /// The number.
    pub value: i64,
    /// True if a file that is there is overwritten.
    pub overwrite: bool,
}

/// Effect of a result on the priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// -253..=253. 0: failure is a fault. Negative: added while failing. Positive: added while succeeding.
    pub value: i16,
    /// As in keepalived: the sign is turned, and with 0 success is the fault.
    pub reverse: bool,
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.value, if self.reverse { " reverse" } else { "" })
    }
}

/// One entry of `track_script`, `track_http`, `track_tcp`, `track_process`, `track_file` or `track_interface`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// Tracked subject.
    pub subject: Subject,
    /// The entry's own weight, or that of the check. An interface has 0 unless given.
    pub weight: Weight,
}

/// Subject that a router tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Index in [`Config::checks`](super::Config::checks).
    Check(usize),
    /// An interface that is well while it is up, with carrier.
    Interface(String),
}
