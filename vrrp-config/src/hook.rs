//! What is run or told when a router changes its state, and who it runs as.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

/// Command of a `script` or `notify` key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// An executable with its arguments, run as it is. At least one element; the first is an absolute path.
    Direct(Vec<String>),
    /// A line that needs a shell, `/bin/sh -c LINE`: it has one of ``|&;<>()$`*?[`` or the like outside quotes, sets a
    /// variable, or names its command without a path, which is looked for along PATH.
    Shell(String),
}

/// `user = "nginx"` or `user = "nginx:www-data"`: names or numbers. Looked up when it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name or number of the user.
    pub user: String,
    /// Name or number of the group; that of the user if `None`.
    pub group: Option<String>,
}

/// The `notify` keys of a router or a sync group.
///
/// keepalived's order: first the one of the state, without arguments added; then `notify` with
/// `INSTANCE|GROUP NAME STATE PRIORITY` added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Run on becoming master.
    pub notify_master: Option<Hook>,
    /// Run on becoming backup.
    pub notify_backup: Option<Hook>,
    /// Run on a fault.
    pub notify_fault: Option<Hook>,
    /// Run on stopping.
    pub notify_stop: Option<Hook>,
    /// Run on each change.
    pub notify: Option<Hook>,
    /// `smtp_alert`: a mail on each of them.
    pub smtp_alert: bool,
}

impl Hooks {
    /// The one that all share who have none: most routers.
    pub(super) fn shared(self) -> Arc<Self> {
        static NONE: LazyLock<Arc<Hooks>> = LazyLock::new(Arc::default);
        if self == **NONE { Arc::clone(&NONE) } else { Arc::new(self) }
    }
}

/// `notify_master = "/etc/x.sh"` or `{ script = "/etc/x.sh", user = "nobody", timeout = "30s" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Command to run.
    pub program: Program,
    /// User that runs it; [`Config::script_user`](super::Config::script_user) if `None`.
    pub user: Option<User>,
    /// Time until it is killed. 1 s..=1 h; 30 s unless given.
    pub timeout: Duration,
}

/// `[vrrp_sync_group.NAME]`: routers that change their state together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroup {
    /// NAME.
    pub name: String,
    /// Indexes in [`Config::routers`](super::Config::routers), one or more; no router is in two groups.
    pub members: Vec<usize>,
    /// Tracked for all of them. Only weight 0 unless `tracking_weight`.
    pub track: Vec<super::Tracked>,
    /// `sync_group_tracking_weight`: whether weights of what members track count. Otherwise members track with weight 0
    /// only, and every other weight is left out with a warning, as in keepalived.
    pub tracking_weight: bool,
    /// Run when the group as a whole changes.
    pub hooks: Arc<Hooks>,
}

/// `notify_fifo = "/run/vrrpd.fifo"`, and `notify_fifo_script`, which reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyFifo {
    /// Made if it is not there, and then removed at the end.
    pub path: PathBuf,
    /// Started with the path as its last argument, and started again if it ends.
    pub script: Option<Hook>,
}

/// `notification_email` and its like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// `notification_email`, one or more.
    pub to: Vec<String>,
    /// `notification_email_from`.
    pub from: String,
    /// `smtp_server`: host name or address. 127.0.0.1 unless given.
    pub server: String,
    /// From `smtp_server = "host:port"`. 25 unless given.
    pub port: u16,
    /// `smtp_helo_name`; the host's name if `None`.
    pub helo_name: Option<String>,
    /// `smtp_connect_timeout`. 1 s..=10 min; 30 s unless given.
    pub connect_timeout: Duration,
    /// `smtp_tls`.
    pub tls: MailTls,
}

/// `smtp_tls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// `"none"`: never.
    None,
    /// `"opportunistic"`: STARTTLS where the server offers it, its certificate not looked at. The default.
    Opportunistic,
    /// `"starttls"`: STARTTLS with a valid certificate, or no mail.
    Required,
}
