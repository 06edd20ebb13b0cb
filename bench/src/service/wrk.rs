//! `wrk`, started and read.

use std::{
    fs,
    process::{Child, Stdio},
    time::Duration,
};

use ::tests::{Lab, lab::CLIENT, scenario::VIP};
use anyhow::{Context as _, Result, ensure};

/// Connections that are open at once, from one thread: more would measure the client's own queue.
pub(super) const CONNECTIONS: usize = 16;

/// `wrk` calls this at its end. A line of numbers is easier read than its report.
const RESULT: &str = r#"
local threads = {}
function setup(thread) table.insert(threads, thread) end
function done(summary, latency, requests)
  local e = summary.errors
  local pause = threads[1]:get("pause") or 0
  io.write(string.format("RESULT %d %d %d %d %d %d %d %d %d %d\n", summary.duration, summary.requests,
    summary.bytes, e.connect + e.read + e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(99), latency.max, pause))
end
"#;

/// And this before every request, which follows an answer at once or is the first of a new connection: nothing was
/// answered in between. (A request whose connection broke has no latency.)
const PAUSES: &str = r#"
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } stamp; int clock_gettime(int clock, stamp *now);")
local monotonic, now, text = 1, ffi.new("stamp"), nil
pause, before = 0, nil
function init(arguments) text = wrk.format() end
function request()
  ffi.C.clock_gettime(monotonic, now)
  local at = tonumber(now.s) * 1e6 + tonumber(now.ns) / 1e3
  if before and at - before > pause then pause = at - before end
  before = at
  return text
end
"#;

/// What the client looks at. The second costs it some of its speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// How long answers take.
    Latency,
    /// Also how long there was none.
    Pauses,
}

/// A request that takes longer is counted as late by `wrk`, and its time not kept.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What one run of the client came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) requests_per_second: f64,
    pub(super) mebibytes_per_second: f64,
    /// Connections that could not be made, or broke while a request was under way; and answers that were refusals.
    pub(super) lost: f64,
    pub(super) median_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
    /// The longest time without an answer on any connection.
    pub(super) pause_ms: f64,
}

/// A client at work.
#[derive(Debug)]
pub(super) struct Wrk(Child);

impl Wrk {
    /// Asks for a page for so long.
    pub(super) fn start(lab: &Lab, page: &str, time: Duration, watch: Watch) -> Result<Self> {
        let script = lab.scratch().path().join("wrk.lua");
        let pauses = if watch == Watch::Pauses { PAUSES } else { "" };
        fs::write(&script, format!("{RESULT}{pauses}"))?;
        let mut command = lab.host(CLIENT)?.namespace.command("wrk");
        // wrk takes whole seconds.
        command.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{}s", time.as_secs().max(1))]);
        command.arg(format!("--timeout={}s", TIMEOUT.as_secs())).arg("-s").arg(&script);
        command.arg(format!("http://{VIP}/{page}"));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("starting wrk")?;
        Ok(Self(child))
    }

    /// Waits for its end.
    pub(super) fn finish(self) -> Result<Outcome> {
        let output = self.0.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "wrk: {}, {}{}", output.status, text.trim(), error.trim());
        parse(&text).with_context(|| format!("what wrk says:\n{text}{error}"))
    }
}

fn parse(text: &str) -> Result<Outcome> {
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT ")).context("no result")?;
    let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [us, requests, bytes, broken, refused, late, median, p99, max, pause] = numbers[..] else {
        anyhow::bail!("{} numbers", numbers.len());
    };
    let seconds = us / 1e6;
    ensure!(seconds > 0.0 && requests > 0.0, "not one request");
    Ok(Outcome {
        requests_per_second: requests / seconds,
        mebibytes_per_second: bytes / seconds / f64::from(1 << 20),
        lost: broken + refused + late,
        median_ms: median / 1e3,
        p99_ms: p99 / 1e3,
        max_ms: max / 1e3,
        pause_ms: pause / 1e3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_script_is_read() {
        let text =
            "Running 1s test @ http://x/\n  1 threads\nRESULT 2000000 1000 4194304 3 1 0 500 900 2000 3000\n";
        let outcome = parse(text).unwrap();
        assert_eq!((outcome.requests_per_second, outcome.mebibytes_per_second), (500.0, 2.0));
        assert_eq!((outcome.lost, outcome.median_ms, outcome.p99_ms, outcome.max_ms), (4.0, 0.5, 0.9, 2.0));
        assert_eq!(outcome.pause_ms, 3.0);
    }

    #[test]
    fn a_client_that_was_not_answered_has_no_outcome() {
        for text in ["", "RESULT 1 2 3\n", "RESULT 1000 0 0 16 0 0 0 0 0 0\n", "RESULT a b c d e f g h i j\n"]
        {
            parse(text).unwrap_err();
        }
    }
}
