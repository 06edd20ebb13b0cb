//! Mails on changes of state, with keepalived's subjects and texts.
//!
//! One task sends them one after the other. A server that is dead or slow holds up other mails and nothing else.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{self, SinglePart, header},
    transport::smtp::{
        self,
        client::{Tls, TlsParameters},
        extension::ClientId,
    },
};
use tokio::time::{Instant, sleep, timeout};

use vrrp_engine::{State, StateChange, Subject};

use super::{
    Task, lock,
    mailbox::{Mailbox, Overflow},
};
use crate::status::{HookStatus, rfc3339};
use vrrp_config::{Mail, MailTls};

/// Mails that wait for the server. When there are more, the oldest are left out.
const WAITING: usize = 128;

/// Pauses before each further try. After the last one the mail is given up.
const RETRIES: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];

/// Time that a server has for one mail once it is connected.
const CONVERSATION: Duration = Duration::from_secs(60);

/// Sends mails.
#[derive(Debug)]
pub(super) struct Mailer {
    config: Arc<Mail>,
    waiting: Arc<Mailbox<Letter>>,
    last: Arc<Last>,
    task: Task,
}

/// Outcome of the last mail.
type Last = Mutex<Option<HookStatus>>;

/// Subject and text of a mail.
#[derive(Clone, Debug)]
struct Letter {
    subject: String,
    text: &'static str,
    change: StateChange,
}

/// Reasons for which a mail was not sent.
#[derive(Debug, thiserror::Error)]
enum MailError {
    #[error("{0:?} is no mail address")]
    Address(String, #[source] lettre::address::AddressError),
    #[error("the mail cannot be written")]
    Compose(#[from] lettre::error::Error),
    #[error(transparent)]
    Smtp(#[from] smtp::Error),
    #[error("the server did not answer within {0:?}")]
    Slow(Duration),
}

impl MailError {
    /// Tells whether another try may help.
    fn is_passing(&self) -> bool {
        match self {
            Self::Address(..) | Self::Compose(_) => false,
            Self::Smtp(error) => !error.is_permanent(),
            Self::Slow(_) => true,
        }
    }
}

impl Mailer {
    pub(super) fn new(config: Mail) -> Self {
        let config = Arc::new(config);
        let (waiting, last) = (Arc::new(Mailbox::new(WAITING, Overflow::Oldest)), Arc::default());
        let task = Task(tokio::spawn(serve(Arc::clone(&config), Arc::clone(&waiting), Arc::clone(&last))));
        Self { config, waiting, last, task }
    }

    pub(super) fn config(&self) -> &Mail {
        &self.config
    }

    /// Takes a mail to be sent, and never waits.
    pub(super) fn send(&self, router_id: &str, change: &StateChange) {
        for old in self.waiting.push(Letter::new(router_id, change.clone())) {
            tracing::warn!(mail = %old.subject, "the mail server is too slow; this mail is left out");
        }
    }

    /// Tells how the last one went.
    pub(super) fn status(&self) -> Option<HookStatus> {
        lock(&self.last).clone()
    }

    /// Returns when everything is sent, each tried once more.
    pub(super) async fn finish(mut self) {
        self.waiting.close();
        // A panic in there is told by the panic itself.
        let _ended = (&mut self.task.0).await;
    }
}

impl Letter {
    fn new(router_id: &str, change: StateChange) -> Self {
        let (word, name) = match &change.subject {
            Subject::Instance(name) => ("Instance", name),
            Subject::Group(name) => ("Group", name),
        };
        let (title, text) = words(&change);
        Self { subject: format!("[{router_id}] VRRP {word} {name} - {title}"), text, change }
    }

    fn message(&self, config: &Mail) -> Result<Message, MailError> {
        let mut builder = Message::builder().from(mailbox(&config.from)?).subject(&self.subject).date_now();
        for to in &config.to {
            builder = builder.to(mailbox(to)?);
        }
        let text = SinglePart::builder().header(header::ContentType::TEXT_PLAIN);
        Ok(builder.singlepart(text.body(format!("{}\r\n", self.text)))?)
    }
}

/// keepalived's.
const fn words(change: &StateChange) -> (&'static str, &'static str) {
    match (&change.subject, change.state) {
        (Subject::Instance(_), State::Master) => {
            ("Entering MASTER state", "=> VRRP Instance is now owning VRRP VIPs <=")
        }
        (Subject::Instance(_), State::Backup) => {
            ("Entering BACKUP state", "=> VRRP Instance is no longer owning VRRP VIPs <=")
        }
        (Subject::Instance(_), State::Fault) => {
            ("Entering FAULT state", "=> VRRP Instance is no longer owning VRRP VIPs <=")
        }
        (Subject::Instance(_), State::Stop) => ("Stopping", "=> VRRP Instance stopping <="),
        (Subject::Instance(_) | Subject::Group(_), State::Split) => {
            ("Master is silent", "=> The master is silent and still answers ARP: its adverts are lost <=")
        }
        (Subject::Group(_), State::Master) => {
            ("Entering MASTER state", "=> All VRRP group instances are now in MASTER state <=")
        }
        (Subject::Group(_), State::Backup) => {
            ("Entering BACKUP state", "=> All VRRP group instances are now in BACKUP state <=")
        }
        (Subject::Group(_), State::Fault) => {
            ("Entering FAULT state", "=> All VRRP group instances are now in FAULT state <=")
        }
        (Subject::Group(_), State::Stop) => ("Stopping", "=> All VRRP group instances are now stopping <="),
    }
}

fn mailbox(text: &str) -> Result<message::Mailbox, MailError> {
    text.parse().map_err(|error| MailError::Address(text.to_owned(), error))
}

async fn serve(config: Arc<Mail>, waiting: Arc<Mailbox<Letter>>, last: Arc<Last>) {
    while let Some(letter) = waiting.next().await {
        let began = Instant::now();
        let at = rfc3339(SystemTime::now());
        let outcome = match deliver(&config, &waiting, &letter).await {
            Ok(()) => "ok".to_owned(),
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::error!(mail = %letter.subject, error, "the mail is given up");
                error
            }
        };
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let (subject, state) = (letter.change.subject.to_string(), letter.change.state.word().to_owned());
        *lock(&last) = Some(HookStatus { subject, hook: "smtp_alert".into(), state, at, outcome, took_us });
    }
}

async fn deliver(config: &Mail, waiting: &Mailbox<Letter>, letter: &Letter) -> Result<(), MailError> {
    let message = letter.message(config)?;
    let mut pauses = RETRIES.into_iter();
    loop {
        let Err(error) = attempt(config, message.clone()).await else { return Ok(()) };
        let pause = pauses.next().filter(|_| error.is_passing() && !waiting.is_closed());
        let Some(pause) = pause else { return Err(error) };
        let why = format!("{:#}", anyhow::Error::new(error));
        tracing::warn!(mail = %letter.subject, error = why, again_in = ?pause, "the mail was not sent");
        tokio::select! {
            () = sleep(pause) => {}
            () = waiting.closed() => {}
        }
    }
}

async fn attempt(config: &Mail, message: Message) -> Result<(), MailError> {
    let limit = config.connect_timeout + CONVERSATION;
    let transport = transport(config)?;
    let sent = timeout(limit, transport.send(message)).await;
    sent.map_err(|_elapsed| MailError::Slow(limit))??;
    Ok(())
}

fn transport(config: &Mail) -> Result<AsyncSmtpTransport<Tokio1Executor>, smtp::Error> {
    let tls = match config.tls {
        MailTls::None => Tls::None,
        MailTls::Opportunistic => Tls::Opportunistic(
            TlsParameters::builder(config.server.clone())
                .dangerous_accept_invalid_certs(true)
                .dangerous_accept_invalid_hostnames(true)
                .build_rustls()?,
        ),
        MailTls::Required => Tls::Required(TlsParameters::new_rustls(config.server.clone())?),
    };
    let name = config
        .helo_name
        .clone()
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.server.clone())
        .port(config.port)
        .tls(tls)
        .hello_name(ClientId::Domain(name))
        .timeout(Some(config.connect_timeout));
    Ok(builder.build())
}
