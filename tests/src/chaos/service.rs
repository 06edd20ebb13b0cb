//! A web server on every router and a client that asks for a page at the virtual address all the time, on a new
//! connection each time.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};

use crate::{Namespace, Stamp, realtime};

const PORT: u16 = 80;
/// How long one request may take before the next is made.
pub const ATTEMPT: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(5);
/// From one request to the next.
pub const PERIOD: Duration = Duration::from_millis(5);
/// How long a server waits for a client, and so how long it outlives its owner.
const IDLE: Duration = Duration::from_millis(20);

/// A server on port 80 of all addresses of a host, whose every page is the host's name.
#[derive(Debug)]
pub struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts to serve.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn start(namespace: &Arc<Namespace>, name: &str) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let listener = namespace.run(|| {
            let listener =
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).context("listening on port 80")?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        })?;
        let thread = thread::Builder::new().name("server".into()).spawn({
            let (stop, name) = (Arc::clone(&stop), name.to_owned());
            move || serve(&listener, &name, &stop)
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, name: &str, stop: &AtomicBool) {
    let _ = realtime::enter(1);
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            // A client that has given up is no fault.
            Ok((stream, _)) => drop(page(stream, name)),
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn page(mut stream: TcpStream, name: &str) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(IDLE))?;
    let mut request = [0; 512];
    let _length = stream.read(&mut request)?;
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{name}", name.len())
}

/// One request that was answered.
#[derive(Clone, Debug)]
pub struct Page {
    /// When the page was there.
    pub at: Stamp,
}

/// Asks for a page until it is dropped.
#[derive(Debug)]
pub struct Visitor {
    pages: Arc<Mutex<Vec<Page>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Visitor {
    /// Starts to ask from a host.
    ///
    /// # Errors
    /// If the thread cannot be made.
    pub fn start(namespace: &Arc<Namespace>, vip: Ipv4Addr) -> Result<Self> {
        let (pages, stop) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let (ready, entered) = std::sync::mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("visitor".into()).spawn({
            let (namespace, pages, stop) = (Arc::clone(namespace), Arc::clone(&pages), Arc::clone(&stop));
            move || {
                let inside = namespace.enter();
                let go = inside.is_ok();
                drop(ready.send(inside));
                if go {
                    visit(vip, &pages, &stop);
                }
            }
        })?;
        let visitor = Self { pages, stop, thread: Some(thread) };
        entered.recv().map_err(|_| anyhow!("the visitor died"))??;
        Ok(visitor)
    }

    /// The longest time from one page to the next in a window. The ends of the window count as pages.
    #[must_use]
    pub fn longest_gap(&self, from: Stamp, to: Stamp) -> (Stamp, Duration) {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let mut times: Vec<_> =
            pages.iter().map(|page| page.at).filter(|at| (from..=to).contains(at)).collect();
        times.push(to);
        times.iter().scan(from, |before, at| Some((std::mem::replace(before, *at), *at))).fold(
            (from, Duration::ZERO),
            |longest, (before, at)| {
                if at - before > longest.1 { (before, at - before) } else { longest }
            },
        )
    }

    /// Waits for a page after a moment, 5 s at most: that there was none is for the judge to see.
    pub fn until_page(&self, after: Stamp) {
        let end = Instant::now() + PATIENCE;
        let seen = || {
            self.pages
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .last()
                .is_some_and(|page| page.at > after)
        };
        while !seen() && Instant::now() < end {
            thread::sleep(PERIOD);
        }
    }

    /// Forgets what was before.
    pub fn forget(&self, before: Stamp) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).retain(|page| page.at >= before);
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn visit(vip: Ipv4Addr, pages: &Mutex<Vec<Page>>, stop: &AtomicBool) {
    let _ = realtime::enter(1);
    while !stop.load(Ordering::Relaxed) {
        let next = Instant::now() + PERIOD;
        if fetch(SocketAddr::from((vip, PORT))).is_ok() {
            pages.lock().unwrap_or_else(PoisonError::into_inner).push(Page { at: Stamp::now() });
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn fetch(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, ATTEMPT)?;
    stream.set_read_timeout(Some(ATTEMPT))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: vip\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}
