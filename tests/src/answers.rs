//! Who answered, and when nobody or more than one did.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, bail};

use crate::{Mac, Stamp, Timeline, asker::sequence_mac};

/// Requests with their replies, in the order in which they were asked.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// All requests that reached the switch.
    pub requests: Vec<Request>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it reached the switch.
    pub at: Stamp,
    /// In the order of the wire.
    pub replies: Vec<Reply>,
}

/// One reply to one request.
#[derive(Clone, Debug)]
pub struct Reply {
    /// When it reached the switch.
    pub at: Stamp,
    /// Who sent it, by port.
    pub host: Arc<str>,
    /// The MAC that it gives for the address.
    pub mac: Mac,
}

/// Runs of consecutive requests that have something in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// How many requests.
    pub requests: usize,
    /// The longest run, from its first request to the first one that is different.
    pub longest: Duration,
    /// All runs together.
    pub total: Duration,
}

impl Request {
    /// The hosts that replied.
    #[must_use]
    pub fn hosts(&self) -> BTreeSet<&str> {
        self.replies.iter().map(|reply| &*reply.host).collect()
    }
}

impl Answers {
    /// Matches replies to the requests of one asker.
    #[must_use]
    pub fn read(timeline: Timeline<'_>, id: u8, vip: Ipv4Addr) -> Self {
        let ours = sequence_mac(id, 0).0;
        let mut requests: Vec<Request> = Vec::new();
        let mut latest: HashMap<Mac, usize> = HashMap::new();
        for (frame, arp) in timeline.0.iter().filter_map(|frame| Some((frame, frame.arp()?))) {
            if arp.operation == 1 && arp.tpa == vip && arp.sha.0[..4] == ours[..4] {
                latest.insert(arp.sha, requests.len());
                requests.push(Request { at: frame.at, replies: Vec::new() });
            } else if arp.operation == 2 && arp.spa == vip {
                let Some(index) = latest.get(&arp.tha) else { continue };
                let reply = Reply { at: frame.at, host: Arc::clone(&frame.host), mac: arp.sha };
                requests[*index].replies.push(reply);
            }
        }
        Self { requests }
    }

    /// The requests of a window, both ends included.
    #[must_use]
    pub fn within(&self, from: Stamp, to: Stamp) -> Self {
        let requests = self.requests.iter().filter(|request| from <= request.at && request.at <= to);
        Self { requests: requests.cloned().collect() }
    }

    /// Requests that two or more hosts answered. Invariant I1: none, ever, after an unplanned failure.
    #[must_use]
    pub fn answered_by_two(&self) -> Span {
        self.span(|request| request.hosts().len() > 1)
    }

    /// Requests that nobody answered.
    #[must_use]
    pub fn unanswered(&self) -> Span {
        self.span(|request| request.replies.is_empty())
    }

    /// How long two hosts answered at most: from the first reply of the one that came to the last of the one that
    /// went, over a handover in which each has its turn. Zero if they did not overlap.
    #[must_use]
    pub fn overlap(&self, old: &str, new: &str) -> Duration {
        match (self.last_by(old), self.first_by(new)) {
            (Some(last), Some(first)) => last - first,
            _ => Duration::ZERO,
        }
    }

    /// A host's first reply.
    #[must_use]
    pub fn first_by(&self, host: &str) -> Option<Stamp> {
        self.replies().find(|reply| *reply.host == *host).map(|reply| reply.at)
    }

    /// A host's last reply.
    #[must_use]
    pub fn last_by(&self, host: &str) -> Option<Stamp> {
        self.replies().filter(|reply| *reply.host == *host).map(|reply| reply.at).max()
    }

    /// All replies.
    pub fn replies(&self) -> impl Iterator<Item = &Reply> {
        self.requests.iter().flat_map(|request| &request.replies)
    }

    /// Every MAC that was given for the address, with who gave it.
    #[must_use]
    pub fn macs(&self) -> BTreeSet<(Mac, &str)> {
        self.replies().map(|reply| (reply.mac, &*reply.host)).collect()
    }

    /// How many replies each host sent.
    #[must_use]
    pub fn by_host(&self) -> BTreeMap<&str, usize> {
        let mut hosts = BTreeMap::new();
        for reply in self.replies() {
            *hosts.entry(&*reply.host).or_default() += 1;
        }
        hosts
    }

    /// The one host that answered every request, once each.
    ///
    /// # Errors
    /// If there were no requests, if one went unanswered, or if anyone else answered one.
    pub fn sole_owner(&self) -> Result<String> {
        let hosts = self.by_host();
        let unanswered = self.unanswered().requests;
        match (hosts.keys().next(), hosts.len()) {
            (Some(host), 1) if unanswered == 0 && hosts[host] == self.requests.len() => {
                Ok((*host).to_owned())
            }
            _ => bail!("no sole owner: {} requests, {unanswered} unanswered, {hosts:?}", self.requests.len()),
        }
    }

    fn span(&self, marked: impl Fn(&Request) -> bool) -> Span {
        let mut span = Span::default();
        let mut start: Option<Stamp> = None;
        for request in &self.requests {
            if marked(request) {
                span.requests += 1;
                start.get_or_insert(request.at);
            } else if let Some(start) = start.take() {
                span.close(request.at - start);
            }
        }
        if let (Some(start), Some(last)) = (start, self.requests.last()) {
            // The run is open at the end: one more period is the least that it lasted.
            span.close((last.at - start).max(Duration::from_nanos(1)));
        }
        span
    }
}

impl Span {
    fn close(&mut self, run: Duration) {
        self.longest = self.longest.max(run);
        self.total += run;
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests, {:.2} ms in all, {:.2} ms at a stretch",
            self.requests,
            self.total.as_secs_f64() * 1e3,
            self.longest.as_secs_f64() * 1e3
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(pattern: &[&[&str]]) -> Answers {
        let requests = pattern.iter().enumerate().map(|(index, hosts)| {
            let at = Stamp::from_nanos(index as u64 * 1_000_000);
            let reply = |host: &&str| Reply { at, host: Arc::from(*host), mac: Mac::virtual_v4(51) };
            Request { at, replies: hosts.iter().map(reply).collect() }
        });
        Answers { requests: requests.collect() }
    }

    #[test]
    fn one_who_answers_all_is_sole_owner() {
        assert_eq!(answers(&[&["r1"], &["r1"]]).sole_owner().unwrap(), "r1");
    }

    #[test]
    fn nobody_two_hosts_and_a_repeated_answer_are_no_sole_owner() {
        let patterns: [&[&[&str]]; 5] =
            [&[], &[&["r1"], &[]], &[&["r1"], &["r2"]], &[&["r1", "r2"]], &[&["r1", "r1"]]];
        for pattern in patterns {
            answers(pattern).sole_owner().unwrap_err();
        }
    }

    #[test]
    fn spans_run_to_the_first_request_that_is_different() {
        let answers = answers(&[&["r1"], &["r1", "r2"], &["r1", "r2"], &["r2"], &[], &["r2"], &["r1", "r2"]]);
        let two = answers.answered_by_two();
        assert_eq!((two.requests, two.longest), (3, Duration::from_millis(2)));
        assert!(two.total > two.longest, "the open run at the end counts");
        let nobody = answers.unanswered();
        assert_eq!((nobody.requests, nobody.longest), (1, Duration::from_millis(1)));
    }
}
