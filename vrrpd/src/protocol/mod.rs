//! The protocol thread: waits, hands what has come to the [engine](vrrp_engine::Engine), and is its clock and its hands.
//!
//! It never waits for netlink, a file or a log: those live on the supervisor's thread, behind two bounded channels.
//! Nothing else writes the data plane's tables.

mod plane;
mod wait;

use std::{io, thread, time::Duration, time::SystemTime};

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use vrrp_common::time::Time;
use vrrp_config::Config;
use vrrp_engine::{Attached, Engine, Outside, Request, Trackings, status::Status};

use self::{plane::OpenPort, wait::wait};
use crate::{
    clock::{Timer, now},
    readiness::watch,
    realtime,
};

pub(crate) use plane::Port;

/// Inputs of the engine.
pub(crate) type Command = vrrp_engine::Command<OpenPort>;

/// Messages and requests that may be under way. The supervisor waits when it is full; the protocol thread does not,
/// and tells again later what found no room.
const CHANNEL: usize = 8_192;

/// Messages of the supervisor to the protocol thread.
#[derive(Debug)]
pub(crate) enum Message {
    /// For the engine.
    Command(Box<Command>),
    /// The data plane is attached to an interface, or is no more.
    Port {
        /// The interface's name.
        interface: String,
        /// Where its frames come from and go to.
        port: Option<Box<(Port, Attached)>>,
    },
    /// For `vrrpd status`.
    Status(oneshot::Sender<Status>),
}

impl From<Command> for Message {
    fn from(command: Command) -> Self {
        Self::Command(Box::new(command))
    }
}

/// The protocol thread, seen from the supervisor.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) messages: mpsc::Sender<Message>,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) thread: thread::JoinHandle<io::Result<()>>,
}

/// Starts the thread, whose routers do not take part before `delay` is over. It ends by itself when all routers have stopped after
/// [`Command::Stop`](vrrp_engine::Command::Stop).
///
/// # Errors
/// The thread cannot be made.
pub(crate) fn spawn(config: Config, trackings: Trackings, delay: Duration) -> io::Result<Handle> {
    let (messages, message_queue) = mpsc::channel(CHANNEL);
    let (request_queue, requests) = mpsc::channel(CHANNEL);
    let thread = thread::Builder::new().name("protocol".into()).spawn(move || {
        realtime::enter();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async {
            let engine = Engine::new(Kernel { requests: request_queue }, config, trackings, delay);
            run(engine, message_queue).await
        })
    })?;
    Ok(Handle { messages, requests, thread })
}

/// Turns the engine until all routers have stopped.
async fn run(mut engine: Engine<Kernel>, mut messages: mpsc::Receiver<Message>) -> io::Result<()> {
    let timer = watch(Timer::new()?)?;
    while !engine.is_over() {
        timer.get_ref().arm(engine.deadline())?;
        let command = match wait(&timer, engine.planes(), &mut messages).await? {
            None => None,
            Some(Message::Command(command)) => Some(*command),
            Some(Message::Port { interface, port }) => Some(open(interface, port)),
            Some(Message::Status(answer)) => {
                // Who asks may have gone.
                let _gone = answer.send(engine.status());
                None
            }
        };
        engine.turn(command);
    }
    Ok(())
}

/// Has the events of a data plane wake this thread.
fn open(interface: String, port: Option<Box<(Port, Attached)>>) -> Command {
    let opened = port.map(|port| {
        let (port, attachment) = *port;
        Ok((OpenPort::new(port)?, attachment))
    });
    let attached = opened.transpose().unwrap_or_else(|error: io::Error| {
        tracing::error!(interface, %error, "the data plane's events cannot be waited for");
        None
    });
    Command::Plane { interface, attached }
}

/// The surroundings of the engine that ships: the kernel's clocks and interfaces, and the supervisor.
#[derive(Debug)]
struct Kernel {
    requests: mpsc::Sender<Request>,
}

impl Outside for Kernel {
    type Plane = OpenPort;

    fn now(&self) -> Time {
        now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn request(&mut self, request: Request) -> Result<(), Request> {
        match self.requests.try_send(request) {
            // Nobody is left who could do anything about it.
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
            Err(TrySendError::Full(request)) => Err(request),
        }
    }
}
