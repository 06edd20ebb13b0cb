//! What an operator types, and what comes back.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tests::{
    Lab, Stamp,
    daemons::{Daemon as _, Process, Router, Vrrpd, binary},
    scenario::{PATIENCE, VRID, start, until_adverts, until_master, until_state, until_status},
    wait::{Mark, poll},
};

const ADVERT_INT: Duration = Duration::from_millis(100);

/// One router, and the files of commands that are not [`Vrrpd`]s.
struct Desk {
    lab: Lab,
}

impl Desk {
    fn new() -> Result<Self> {
        Ok(Self { lab: Lab::with_routers(1)? })
    }

    fn router() -> Router {
        Router { advert_int: ADVERT_INT, ..Router::default() }
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.lab.scratch().path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
        Ok(self.lab.host("r1")?.namespace.command(program))
    }

    /// Runs the binary to its end.
    fn vrrpd(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(binary()?)?.args(arguments).output()?)
    }
}

fn ends_with(output: &Output, code: i32, words: &[&str]) -> Result<()> {
    let error = String::from_utf8_lossy(&output.stderr);
    let said = format!("{}{error}", String::from_utf8_lossy(&output.stdout));
    ensure!(output.status.code() == Some(code), "{}, not {code}:\n{said}", output.status);
    for word in words {
        ensure!(said.contains(word), "no {word:?} in:\n{said}");
    }
    Ok(())
}

fn text(path: &std::path::Path) -> Result<&str> {
    path.to_str().context("a path of the laboratory")
}

#[test]
fn check_says_0_and_the_derived_timers_or_2_and_what_is_wrong() -> Result<()> {
    let desk = Desk::new()?;
    let router = Router { advert_int: Duration::from_millis(10), ..Router::default() };
    let good = desk.file("good.toml", &router.vrrpd("r1"))?;
    let output = desk.vrrpd(&["check", "--config", text(&good)?])?;
    ends_with(&output, 0, &["VI_51", "192.0.2.51", "36.09", "6.09"])?;
    ensure!(output.stderr.is_empty(), "nothing to warn of: {output:?}");
    fs::set_permissions(&good, fs::Permissions::from_mode(0o666))?;
    let output = desk.vrrpd(&["check", "--config", text(&good)?])?;
    ends_with(
        &output,
        0,
        &["VI_51", "warning: the configuration is not root's alone", "everybody may write"],
    )?;

    let bad = router.vrrpd("r1").replace("priority = 100", "priority = 1000").replace("preempt", "preemt");
    let bad = desk.file("bad.toml", &bad)?;
    for arguments in [vec!["check", "--config", text(&bad)?], vec!["--config", text(&bad)?]] {
        ends_with(&desk.vrrpd(&arguments)?, 2, &["priority = 1000", "preemt", "^^"])?;
    }
    ends_with(&desk.vrrpd(&["--no-such-flag"])?, 2, &["--no-such-flag"])?;
    ends_with(&desk.vrrpd(&["check", "--config", "/nonexistent.toml"])?, 2, &["/nonexistent.toml"])
}

#[test]
fn schema_prints_one_with_the_tables_of_a_configuration() -> Result<()> {
    let output = Desk::new()?.vrrpd(&["schema"])?;
    ends_with(&output, 0, &[])?;
    let schema: Value = serde_json::from_slice(&output.stdout)?;
    let instance = &schema["properties"]["vrrp_instance"]["additionalProperties"];
    ensure!(instance["properties"]["priority"]["maximum"] == 255, "{schema:#}");
    Ok(())
}

#[test]
fn status_without_a_daemon_is_1_and_says_so() -> Result<()> {
    let desk = Desk::new()?;
    ends_with(&desk.vrrpd(&["status"])?, 1, &["no vrrpd listens there", "does it run"])
}

#[test]
fn without_the_capabilities_the_exit_code_is_3_and_they_are_named() -> Result<()> {
    let desk = Desk::new()?;
    let config = desk.file("vrrpd.toml", &Desk::router().vrrpd("r1"))?;
    for (dropped, named) in [("-bpf,-sys_admin,-perfmon", "CAP_BPF"), ("-net_admin", "CAP_NET_ADMIN")] {
        let mut command = desk.command("setpriv")?;
        command.arg(format!("--bounding-set={dropped}")).arg(binary()?).arg("--config").arg(&config);
        ends_with(&command.output()?, 3, &[named])?;
    }
    Ok(())
}

#[test]
fn status_shows_the_same_as_text_and_as_json() -> Result<()> {
    let desk = Desk::new()?;
    let daemon = start(&desk.lab, "r1", &Desk::router())?;
    until_master(&desk.lab, "r1", Mark::default())?;
    until_adverts(&desk.lab, "r1", 3)?;
    let router = daemon.status()?["routers"][0].take();
    let expected: [(&str, Value); 7] = [
        ("state", "MASTER".into()),
        ("virtual_router_id", VRID.into()),
        ("effective_priority", 100.into()),
        ("master_address", "192.0.2.1".into()),
        ("mac", "00:00:5e:00:01:33".into()),
        ("addresses", vec!["192.0.2.51/32"].into()),
        ("version", 3.into()),
    ];
    for (key, value) in expected {
        ensure!(router[key] == value, "{key}: {router:#}");
    }
    let timers = &router["timers"];
    ensure!(timers["master_down_us"] == 360_937, "{timers}");
    let lease = timers["lease_remaining_us"].as_u64().context("lease")?;
    ensure!((100_000..=300_000).contains(&lease), "{timers}");
    let socket =
        desk.lab.scratch().path().join(format!("{}-vrrpd.sock", desk.lab.host("r1")?.namespace.name()));
    let output = desk.vrrpd(&["status", "--socket", text(&socket)?])?;
    let words =
        ["VI_51: MASTER since", "VRID 51", "192.0.2.51/32 at 00:00:5e:00:01:33", "master down 360.937 ms"];
    ends_with(&output, 0, &words)?;
    ends_with(&output, 0, &["BACKUP -> MASTER", "eth0: up, XDP generic"])
}

#[test]
fn every_line_of_a_json_log_is_json_and_a_change_of_state_is_one_line() -> Result<()> {
    let desk = Desk::new()?;
    let mut daemon = start(&desk.lab, "r1", &Desk::router())?;
    until_master(&desk.lab, "r1", Mark::default())?;
    until_adverts(&desk.lab, "r1", 20)?;
    daemon.terminate()?;
    let mut changes = Vec::new();
    for line in daemon.log().lines() {
        let line: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
        ensure!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
        if line["message"] == "state changed" {
            ensure!(line["cause"].is_string() && line["late_us"].is_number(), "{line}");
            changes.push(format!("{} {}", line["from"], line["to"]).replace('"', ""));
        }
    }
    ensure!(changes == ["INIT BACKUP", "BACKUP MASTER", "MASTER LEAVING", "LEAVING STOPPED"], "{changes:?}");
    ensure!(daemon.log().lines().count() < 30, "no line per packet:\n{}", daemon.log());
    Ok(())
}

#[test]
fn a_second_daemon_is_refused_and_the_first_goes_on() -> Result<()> {
    let desk = Desk::new()?;
    let config = desk.file("vrrpd.toml", &Desk::router().vrrpd("r1"))?;
    let mut command = desk.command(binary()?)?;
    command.arg("--config").arg(&config);
    let lab = &desk.lab;
    let mut first = Process::start(command, "first", &lab.host("r1")?.namespace, &lab.scratch())?;
    until_master(lab, "r1", Mark::default())?;
    let config = text(&config)?;
    ends_with(
        &desk.vrrpd(&["--config", config])?,
        1,
        &["another vrrpd runs in this network namespace", "/run/vrrpd/netns-", "/vrrpd.sock"],
    )?;
    let socket = desk.lab.scratch().path().join("other.sock");
    let other = desk.vrrpd(&["--config", config, "--socket", text(&socket)?])?;
    ends_with(&other, 1, &["another vrrpd runs on eth0"])?;
    ends_with(&desk.vrrpd(&["status"])?, 0, &["MASTER"])?;
    until_adverts(lab, "r1", 3)?;
    first.signal(Signal::INT)?;
    ensure!(first.ended()?.success(), "SIGINT stops as SIGTERM does:\n{}", first.log());
    Ok(())
}

/// The program of a daemon that was killed, whose pin somebody has moved away, is anybody's.
#[test]
fn a_foreign_xdp_program_is_named() -> Result<()> {
    let desk = Desk::new()?;
    let mut daemon = start(&desk.lab, "r1", &Desk::router())?;
    until_state(&daemon, "BACKUP")?;
    let pins = daemon.status()?["interfaces"][0]["pins"].as_str().context("pins")?.to_owned();
    daemon.kill()?;
    let moved = format!("/sys/fs/bpf/{}", desk.lab.host("r1")?.namespace.name());
    fs::rename(format!("{pins}/xdp_link"), &moved)?;
    let config = desk.file("vrrpd.toml", &Desk::router().vrrpd("r1"))?;
    let output = desk.vrrpd(&["--config", text(&config)?]);
    fs::remove_file(&moved)?;
    ends_with(&output?, 1, &["eth0 already has an XDP program", "vrrp_ingress", "xdp off"])
}

#[test]
fn an_interface_that_is_missing_at_the_start_is_waited_for() -> Result<()> {
    let desk = Desk::new()?;
    desk.lab.unplug("r1")?;
    let daemon = start(&desk.lab, "r1", &Desk::router())?;
    until_state(&daemon, "FAULT")?;
    // Lines are written by a thread of their own.
    poll("the log says so", PATIENCE, || {
        Ok(daemon.log().contains("there is no such interface; waiting for it").then_some(()))
    })?;
    desk.lab.replug("r1")?;
    until_master(&desk.lab, "r1", Mark::default())?;
    until_state(&daemon, "MASTER")
}

/// A pinned map's entry, as bpftool shows it.
fn dump(pins: &str, map: &str) -> Result<Value> {
    let path = format!("{pins}/{map}");
    let output = Command::new("bpftool").args(["-j", "map", "dump", "pinned", &path]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).context("bpftool map dump")
}

#[test]
fn i1_bpftool_shows_role_and_lease_by_name() -> Result<()> {
    let desk = Desk::new()?;
    let mut daemon = start(&desk.lab, "r1", &Desk::router())?;
    until_master(&desk.lab, "r1", Mark::default())?;
    until_adverts(&desk.lab, "r1", 2)?;
    let pins = daemon.status()?["interfaces"][0]["pins"].as_str().context("pins")?.to_owned();
    let entry =
        || -> Result<Value> { Ok(dump(&pins, "routers")?[usize::from(VRID)]["formatted"]["value"].take()) };
    let (now, master) = (Stamp::now().as_nanos(), entry()?);
    ensure!(master["vrid"] == VRID && master["role"] == 2 && master["family"] == 4, "{master}");
    let lease = master["lease_until_ns"].as_u64().context("lease_until_ns")?;
    ensure!(lease > now && lease < now + 400_000_000, "{lease} at {now}");
    let vips = dump(&pins, "vips")?;
    ensure!(vips.as_array().is_some_and(|vips| vips.len() == 1), "{vips}");
    let counters = dump(&pins, "counters")?.to_string();
    ensure!(counters.contains("arp_answered"), "{counters}");
    // Nobody clears the flag of the dead: the lease does.
    daemon.kill()?;
    poll("the lease is over", PATIENCE, || {
        let lease = entry()?["lease_until_ns"].as_u64().context("lease_until_ns")?;
        Ok((lease < Stamp::now().as_nanos()).then_some(()))
    })?;
    ensure!(entry()?["role"] == 2, "{}", entry()?);
    Ok(())
}

#[test]
fn flags_change_the_built_in_configuration_which_is_printed() -> Result<()> {
    let desk = Desk::new()?;
    let lab = &desk.lab;
    let mut command = desk.command(binary()?)?;
    command.args(["--iface", "eth0", "--priority", "200", "--address", "192.0.2.77/32"]);
    command.args(["--advert-int", "50ms"]);
    let mut daemon = Process::start(command, "flags", &lab.host("r1")?.namespace, &lab.scratch())?;
    until_master(lab, "r1", Mark::default())?;
    let log = daemon.log();
    for words in ["# the built-in configuration", "192.0.2.77/32", "priority = 200"] {
        ensure!(log.contains(words), "no {words:?} in:\n{log}");
    }
    let advert = lab.wire().until("an advert", Mark::default(), PATIENCE, |timeline| {
        timeline.adverts_by(VRID, "r1").next().map(|(_, advert)| advert.clone())
    })?;
    ensure!((advert.priority, advert.interval) == (200, Duration::from_millis(50)), "{advert:?}");
    daemon.signal(Signal::TERM)?;
    ensure!(daemon.ended()?.success(), "{}", daemon.log());
    Ok(())
}

#[test]
fn a_daemon_that_hears_nothing_wrong_counts_nothing_wrong() -> Result<()> {
    let pair = tests::scenario::Pair::start(ADVERT_INT)?;
    until_adverts(&pair.lab, "r1", 10)?;
    let errors = |daemon: &Vrrpd| {
        until_status(daemon, "no errors", |status| {
            let statistics = status["routers"][0]["statistics"].as_object().cloned().unwrap_or_default();
            let wrong =
                |name: &str| name.contains("error") || name.contains("conflict") || name.contains("differ");
            !statistics.is_empty() && statistics.iter().all(|(name, count)| !wrong(name) || *count == 0)
        })
    };
    errors(&pair.r1)?;
    errors(&pair.r2)?;
    until_status(&pair.r2, "adverts are recognised in the kernel", |status| {
        status["routers"][0]["statistics"]["advertisements_recognised_by_xdp"].as_u64() >= Some(8)
    })
}
