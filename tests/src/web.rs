//! A client that fetches a page from the virtual address, again and again, and notes how long it gets none.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use crate::{Namespace, wait::poll};

/// How long a connection and an answer may take before the client tries again. Shorter than a lost SYN's first
/// repetition, which is a second.
const PATIENCE: Duration = Duration::from_millis(25);

/// Between an answer and the next request.
const PAUSE: Duration = Duration::from_millis(2);

/// One request.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// When it began.
    pub began: Instant,
    /// When it was answered, or given up.
    pub ended: Instant,
    /// The host that the page names, or why there is none.
    pub page: Result<String, String>,
}

/// Time without service: from the last page to the next one.
#[derive(Clone, Debug)]
pub struct Outage {
    /// The end of the last request that was answered.
    pub from: Instant,
    /// The end of the next one.
    pub to: Instant,
    /// Who answered before.
    pub before: String,
    /// Who answered after.
    pub after: String,
}

impl Outage {
    /// How long it was.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.to - self.from
    }
}

/// What came of the requests.
#[derive(Clone, Debug)]
pub struct Fetches(pub Vec<Fetch>);

impl Fetches {
    /// How many pages each host has sent.
    #[must_use]
    pub fn hosts(&self) -> BTreeMap<&str, usize> {
        let mut hosts = BTreeMap::new();
        for host in self.0.iter().filter_map(|fetch| fetch.page.as_deref().ok()) {
            *hosts.entry(host).or_default() += 1;
        }
        hosts
    }

    /// Every stretch with at least one request that was not answered.
    #[must_use]
    pub fn outages(&self) -> Vec<Outage> {
        let good: Vec<_> = self.0.iter().enumerate().filter(|(_, fetch)| fetch.page.is_ok()).collect();
        let apart = good.windows(2).filter(|pair| pair[1].0 > pair[0].0 + 1);
        let outage = |pair: &[(usize, &Fetch)]| Outage {
            from: pair[0].1.ended,
            to: pair[1].1.ended,
            before: pair[0].1.page.clone().unwrap_or_default(),
            after: pair[1].1.page.clone().unwrap_or_default(),
        };
        apart.map(outage).collect()
    }

    /// The longest time without service, if there was any.
    #[must_use]
    pub fn longest_outage(&self) -> Option<Outage> {
        self.outages().into_iter().max_by_key(Outage::length)
    }
}

/// Fetches on a thread of its own, until it is stopped or dropped.
#[derive(Debug)]
pub struct Fetcher {
    stop: Arc<AtomicBool>,
    fetches: Arc<Mutex<Vec<Fetch>>>,
    thread: Option<JoinHandle<()>>,
}

impl Fetcher {
    /// Starts to fetch `http://ADDRESS/` from a namespace.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(client: &Arc<Namespace>, address: Ipv4Addr) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let fetches = Arc::new(Mutex::new(Vec::new()));
        let thread = std::thread::Builder::new().name("fetcher".into()).spawn({
            let (client, stop, fetches) = (Arc::clone(client), Arc::clone(&stop), Arc::clone(&fetches));
            move || {
                if let Err(error) = client.enter() {
                    eprintln!("the fetcher cannot start: {error:#}");
                    return;
                }
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let page = page(address.into()).map_err(|error| format!("{error:#}"));
                    let fetch = Fetch { began, ended: Instant::now(), page };
                    fetches.lock().unwrap_or_else(PoisonError::into_inner).push(fetch);
                    std::thread::sleep(PAUSE);
                }
            }
        })?;
        Ok(Self { stop, fetches, thread: Some(thread) })
    }

    /// What came of the requests so far.
    #[must_use]
    pub fn so_far(&self) -> Fetches {
        Fetches(self.fetches.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Waits for a page from this host that was asked for after `since`.
    ///
    /// # Errors
    /// After `limit`, with the last request.
    pub fn until_served_by(&self, host: &str, since: Instant, limit: Duration) -> Result<Instant> {
        let answered = poll(&format!("a page from {host}"), limit, || {
            let fetches = self.fetches.lock().unwrap_or_else(PoisonError::into_inner);
            let late = fetches.iter().rev().take_while(|fetch| fetch.began > since);
            let from_host = late.filter(|fetch| fetch.page.as_deref().is_ok_and(|page| page == host));
            Ok(from_host.last().map(|fetch| fetch.ended))
        });
        let last = self.so_far().0.pop();
        answered.map_err(|error| error.context(format!("the last request: {last:?}")))
    }

    /// Stops fetching and says what came of the requests.
    #[must_use]
    pub fn finish(mut self) -> Fetches {
        self.halt();
        self.so_far()
    }

    fn halt(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.halt();
    }
}

/// The body of `http://ADDRESS/`, which is the name of the host that serves it.
fn page(address: std::net::IpAddr) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(address, 80), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: gateway\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("no answer: {answer:?}") };
    ensure!(head.starts_with("HTTP/1.1 200 "), "not 200: {head}");
    Ok(body.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_from_the_last_page_to_the_next_one() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let fetch = |ms: u64, page: Result<&str, &str>| Fetch {
            began: at(ms),
            ended: at(ms + 1),
            page: page.map(ToOwned::to_owned).map_err(ToOwned::to_owned),
        };
        let fetches = Fetches(vec![
            fetch(0, Ok("r1")),
            fetch(10, Ok("r1")),
            fetch(20, Err("refused")),
            fetch(30, Err("timed out")),
            fetch(40, Ok("r2")),
            fetch(50, Ok("r2")),
        ]);
        let outages = fetches.outages();
        assert_eq!(outages.len(), 1);
        assert_eq!(outages[0].length(), Duration::from_millis(30));
        assert_eq!((outages[0].before.as_str(), outages[0].after.as_str()), ("r1", "r2"));
        assert_eq!(fetches.hosts(), BTreeMap::from([("r1", 2), ("r2", 2)]));
    }
}
