//! What is run, written and mailed when a router changes its state, beside keepalived.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tests::{
    Lab,
    daemons::{Daemon, Keepalived, Process, Router},
    scenario::{PATIENCE, start, until_adverts, until_master, until_state, until_status},
    wait::{Mark, poll},
};

/// Version 2, because keepalived's skew at 1 s is the same in both.
const ADVERT_INT: Duration = Duration::from_secs(1);

/// A script in the lab's own directory.
fn script(lab: &Lab, name: &str, text: &str) -> Result<PathBuf> {
    let path = lab.scratch().path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Waits for so many lines in a file.
fn until_lines(path: &Path, count: usize) -> Result<Vec<String>> {
    poll(&format!("{count} lines in {}", path.display()), PATIENCE, || {
        let lines = lines(path);
        Ok((lines.len() >= count).then_some(lines))
    })
    .with_context(|| format!("{:?}", lines(path)))
}

const STATES: [&str; 4] = ["master", "backup", "fault", "stop"];

/// What a daemon tells its hooks when it starts, becomes master, loses its link, has it again, becomes master and is
/// stopped: the lines of the scripts, and those of the FIFO.
struct Told {
    scripts: Vec<String>,
    fifo: Vec<String>,
}

fn tell(
    lab: &Lab,
    name: &str,
    daemon: impl FnOnce(&Path, &Path, &Path) -> Result<Box<dyn Daemon>>,
) -> Result<Told> {
    let file = |suffix: &str| lab.scratch().path().join(format!("{name}.{suffix}"));
    let (log, fifo, read) = (file("told"), file("fifo"), file("read"));
    let notify = script(lab, &format!("{name}.notify"), &format!("echo \"$@\" >> {}", log.display()))?;
    let reader = script(lab, &format!("{name}.reader"), &format!("exec cat \"$1\" >> {}", read.display()))?;
    let mark = lab.wire().mark();
    let mut daemon = daemon(&notify, &fifo, &reader)?;
    until_master(lab, "r1", mark)?;
    until_lines(&log, 4)?;
    lab.cut("r1")?;
    until_lines(&log, 6)?;
    // Within its lease a vrrpd goes on as master at once.
    std::thread::sleep(3 * ADVERT_INT);
    let mark = lab.wire().mark();
    lab.restore("r1")?;
    until_master(lab, "r1", mark)?;
    until_lines(&log, 10)?;
    daemon.terminate().with_context(|| daemon.log())?;
    Ok(Told { scripts: until_lines(&log, 12)?, fifo: lines(&read) })
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[test]
fn scripts_and_the_fifo_are_told_what_keepalived_tells_them() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let host = lab.host("r1")?;
    let theirs = tell(&lab, "keepalived", |notify, fifo, reader| {
        let notify = notify.display();
        let mut extra: Vec<_> =
            STATES.iter().map(|state| format!("notify_{state} \"{notify} {state}\"")).collect();
        extra.push(format!("notify \"{notify} any\""));
        let router = Router { advert_int: ADVERT_INT, extra, ..Router::default() };
        let global = format!(
            "global_defs {{\n  script_user root\n  notify_fifo {}\n  notify_fifo_script {}\n",
            fifo.display(),
            reader.display()
        );
        let text = router.keepalived().replacen("global_defs {\n", &global, 1);
        Ok(Box::new(Keepalived::start_with(&host.namespace, &lab.scratch(), &text)?))
    })?;
    let ours = tell(&lab, "vrrpd", |notify, fifo, reader| {
        let notify = notify.display();
        let mut extra: Vec<_> =
            STATES.iter().map(|state| format!("notify_{state} = \"{notify} {state}\"")).collect();
        extra.push(format!("notify = \"{notify} any\""));
        let router = Router { advert_int: ADVERT_INT, extra, ..Router::default() };
        let text = format!(
            "notify_fifo = \"{}\"\nnotify_fifo_script = \"{}\"\n{}",
            fifo.display(),
            reader.display(),
            router.vrrpd("r1").replace("VI_51", "VI_1"),
        );
        let binary = tests::daemons::binary()?;
        Ok(Box::new(tests::daemons::Vrrpd::start_with(&binary, &host.namespace, &lab.scratch(), &text)?))
    })?;
    let pair = |state: &str| [state.to_lowercase(), format!("any INSTANCE VI_1 {state} 100")];
    let expected: Vec<_> =
        ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "STOP"].into_iter().flat_map(pair).collect();
    ensure!(ours.scripts == expected, "{:?}", ours.scripts);
    // keepalived starts both scripts of a state at once.
    ensure!(sorted(theirs.scripts.clone()) == sorted(expected), "{:?}", theirs.scripts);
    let line = |state: &str| format!("INSTANCE \"VI_1\" {state} 100");
    let expected = ["BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "STOP"].map(line);
    ensure!(ours.fifo == expected, "{:?}", ours.fifo);
    // It ends its reader before that has read the last lines.
    ensure!(theirs.fifo.len() >= 2 && expected.starts_with(&theirs.fifo), "{:?}", theirs.fifo);
    Ok(())
}

/// Nothing of it may cost the role, or the next takeover, or the end.
#[test]
fn hanging_scripts_a_dead_mail_server_and_a_fifo_without_reader_hold_nothing_up() -> Result<()> {
    let lab = Lab::with_routers(2)?;
    let hanging = script(&lab, "hanging", "exec sleep 600")?;
    let fifo = lab.scratch().path().join("nobody-reads");
    let extra =
        ["notify_master", "notify_backup", "notify"].map(|key| format!("{key} = \"{}\"", hanging.display()));
    let first = Router { advert_int: Duration::from_millis(100), extra: extra.to_vec(), ..Router::default() };
    // 192.0.2.99 answers nobody.
    let text = format!(
        "notify_fifo = \"{}\"\nnotification_email = [\"noc@example.org\"]\n\
         notification_email_from = \"vrrpd@example.org\"\nsmtp_server = \"192.0.2.99:25\"\nsmtp_alert = true\n{}",
        fifo.display(),
        first.vrrpd("r1"),
    );
    let r2 = start(&lab, "r2", &Router { priority: 90, extra: Vec::new(), ..first.clone() })?;
    until_master(&lab, "r2", Mark::default())?;
    let host = &lab.host("r1")?.namespace;
    let binary = tests::daemons::binary()?;
    let mut r1 = tests::daemons::Vrrpd::start_with(&binary, host, &lab.scratch(), &text)?;
    until_master(&lab, "r1", Mark::default())?;
    until_state(&r2, "BACKUP")?;
    until_adverts(&lab, "r1", 30)?;
    for _ in 0..3 {
        let mark = lab.wire().mark();
        lab.cut("r1")?;
        until_master(&lab, "r2", mark)?;
        let mark = lab.wire().mark();
        lab.restore("r1")?;
        until_master(&lab, "r1", mark)?;
        until_state(&r2, "BACKUP")?;
    }
    until_status(&r1, "it was never without an advert", |status| status["routers"][0]["state"] == "MASTER")?;
    let began = Instant::now();
    let mark = lab.wire().mark();
    r1.terminate()?;
    until_master(&lab, "r2", mark)?;
    ensure!(began.elapsed() < Duration::from_secs(15), "the end took {:?}", began.elapsed());
    Ok(())
}

/// A real mail server with a certificate that nobody has signed, in the router's namespace.
fn mail_server(lab: &Lab) -> Result<Process> {
    let host = &lab.host("r1")?.namespace;
    let file = |name: &str| lab.scratch().path().join(name);
    let (key, certificate) = (file("key.pem"), file("certificate.pem"));
    host.exec(&format!(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout {} -out {}",
        key.display(),
        certificate.display()
    ))?;
    let mut command = host.command("aiosmtpd");
    command.args(["-n", "-l", "127.0.0.1:2525", "--tlscert"]).arg(&certificate).arg("--tlskey").arg(&key);
    command.env("PYTHONUNBUFFERED", "1");
    let server = Process::start(command, "aiosmtpd", host, &lab.scratch())?;
    poll("the mail server listens", PATIENCE, || {
        Ok(host.exec("ss -Hltn sport = :2525")?.contains("2525").then_some(()))
    })?;
    Ok(server)
}

fn with_mail(tls: &str) -> String {
    let router = Router { advert_int: Duration::from_millis(100), ..Router::default() };
    format!(
        "notification_email = [\"noc@example.org\", \"boss@example.org\"]\n\
         notification_email_from = \"vrrpd@example.org\"\nsmtp_server = \"127.0.0.1:2525\"\n\
         smtp_tls = \"{tls}\"\nsmtp_alert = true\n{}",
        router.vrrpd("gw1"),
    )
}

/// The server takes mail after STARTTLS only.
#[test]
fn mails_go_out_by_starttls_with_keepalived_s_subjects() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let server = mail_server(&lab)?;
    let host = &lab.host("r1")?.namespace;
    let binary = tests::daemons::binary()?;
    let mut r1 =
        tests::daemons::Vrrpd::start_with(&binary, host, &lab.scratch(), &with_mail("opportunistic"))?;
    let subjects = || -> Vec<String> {
        let log = server.log();
        log.lines().filter_map(|line| line.strip_prefix("Subject: ")).map(str::to_owned).collect()
    };
    let until_subjects = |count: usize| {
        poll("mails", PATIENCE, || Ok((subjects().len() >= count).then_some(())))
            .with_context(|| format!("the server:\n{}", server.log()))
    };
    until_subjects(2).with_context(|| r1.log())?;
    r1.terminate()?;
    until_subjects(3)?;
    let expected = ["Entering BACKUP state", "Entering MASTER state", "Stopping"];
    let expected = expected.map(|title| format!("[gw1] VRRP Instance VI_51 - {title}"));
    ensure!(subjects() == expected, "{:?}", subjects());
    let log = server.log();
    for line in [
        "From: vrrpd@example.org",
        "To: noc@example.org, boss@example.org",
        "=> VRRP Instance is now owning VRRP VIPs <=",
    ] {
        ensure!(log.contains(line), "{line:?} is missing in\n{log}");
    }
    Ok(())
}

#[test]
fn a_mail_server_that_nobody_vouches_for_gets_no_mail_when_that_is_required() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let server = mail_server(&lab)?;
    let host = &lab.host("r1")?.namespace;
    let binary = tests::daemons::binary()?;
    let r1 = tests::daemons::Vrrpd::start_with(&binary, host, &lab.scratch(), &with_mail("starttls"))?;
    until_master(&lab, "r1", Mark::default())?;
    poll("the refusal is told", PATIENCE, || {
        let log = r1.log().to_lowercase();
        Ok((log.contains("the mail was not sent") && log.contains("certificate")).then_some(()))
    })
    .with_context(|| r1.log())?;
    ensure!(!server.log().contains("Subject:"), "{}", server.log());
    Ok(())
}

#[test]
fn the_status_shows_how_each_hook_went() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let failing = script(&lab, "failing", "echo no such volume; exit 3")?;
    let extra = vec![
        format!("notify_master = \"{}\"", failing.display()),
        "notify = \"/nonexistent/notify.sh\"".to_owned(),
    ];
    let router = Router { advert_int: Duration::from_millis(100), extra, ..Router::default() };
    let r1 = start(&lab, "r1", &router)?;
    until_status(&r1, "both outcomes", |status| {
        let outcome = |hook: &str| {
            let hooks = status["hooks"].as_array()?;
            let found = hooks.iter().find(|one| one["hook"] == hook && one["state"] == "MASTER")?;
            found["outcome"].as_str().map(str::to_owned)
        };
        outcome("notify_master").is_some_and(|outcome| outcome == "exit code 3")
            && outcome("notify").is_some_and(|outcome| outcome.contains("there is no such file"))
    })?;
    ensure!(r1.log().contains("no such volume"), "its output is not in the log");
    until_state(&r1, "MASTER")
}
