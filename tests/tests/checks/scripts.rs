//! `vrrp_script`.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tests::{
    Stamp,
    daemons::Daemon as _,
    scenario::{PATIENCE, VRID, until_state, until_status},
    wait::{Mark, poll},
};

use crate::rig::{Rig, script, set};

const SECOND: Duration = Duration::from_secs(1);
const TENTH: Duration = Duration::from_millis(100);

const FLAG: &str =
    "[vrrp_script.flag]\nscript = \"/usr/bin/test -e {dir}/flag\"\ninterval = \"20ms\"\ntimeout = \"5s\"\n";

fn with_flag(advert_int: Duration, track: &str) -> Result<Rig> {
    let rig = Rig::prepare(advert_int, track, FLAG, |lab| set(lab, "flag", true))?;
    until_state(&rig.r2, "BACKUP")?;
    Ok(rig)
}

#[test]
fn a_weight_is_advertised_at_once_and_the_old_priority_never_again() -> Result<()> {
    let rig = with_flag(SECOND, "track_script = [{ name = \"flag\", weight = -5 }]")?;
    rig.until_priority("r1 is master", Mark::default(), 100)?;
    for (there, priority) in [(false, 95), (true, 100), (false, 95)] {
        // Just after an advert: the next one by the clock is a second away.
        tests::scenario::until_adverts(&rig.lab, "r1", 1)?;
        let mark = rig.lab.wire().mark();
        let changed = Stamp::now();
        rig.set("flag", there)?;
        let at = rig.changes_to("the changed priority", mark, priority)?;
        let took = at.ms_since(changed);
        ensure!(took < 500.0, "advertised {took:.1} ms after the change, with a script every 20 ms");
        println!("priority {priority} advertised {took:.1} ms after the change");
    }
    let status = rig.r1.status()?;
    let router = &status["routers"][0];
    ensure!(router["priority"] == 100 && router["effective_priority"] == 95, "{router:#}");
    let share = &router["track"][0];
    ensure!(
        share["subject"] == "vrrp_script flag" && share["points"] == -5 && share["state"] == "down",
        "{share}"
    );
    let check = &status["checks"][0];
    ensure!(check["state"] == "down" && check["last_reason"] == "exit code 1", "{check:#}");
    Ok(())
}

#[test]
fn a_backup_that_now_ranks_higher_takes_over_and_gives_back() -> Result<()> {
    let rig = with_flag(TENTH, "track_script = [{ name = \"flag\", weight = -20 }]")?;
    rig.until_priority("r1 is master", Mark::default(), 100)?;
    let mark = rig.lab.wire().mark();
    rig.set("flag", false)?;
    rig.until_priority("80", mark, 80)?;
    rig.until_successor(mark)?;
    until_state(&rig.r1, "BACKUP")?;
    let mark = rig.lab.wire().mark();
    rig.set("flag", true)?;
    rig.until_priority("100 again", mark, 100)?;
    until_state(&rig.r2, "BACKUP")
}

#[test]
fn a_failing_script_of_weight_zero_is_a_fault_and_the_successor_waits_for_its_skew_only() -> Result<()> {
    let rig = with_flag(SECOND, "track_script = [\"flag\"]")?;
    rig.until_priority("r1 is master", Mark::default(), 100)?;
    let mark = rig.lab.wire().mark();
    rig.set("flag", false)?;
    let farewell = rig.until_priority("the farewell", mark, 0)?;
    let successor = rig.until_successor(mark)?;
    let skew = Duration::from_secs(1) * (256 - 90) / 256;
    let late = successor.ms_since(farewell + skew);
    ensure!((-1.0..100.0).contains(&late), "{late:.1} ms after the skew");
    until_status(&rig.r1, "the fault and its reason", |status| {
        let router = &status["routers"][0];
        router["state"] == "FAULT"
            && router["fault"] == "vrrp_script flag fails"
            && router["track"][0]["effect"] == "fault"
    })?;
    ensure!(rig.r1.log().contains("\"check\":\"vrrp_script flag\""), "{}", rig.r1.log());
    let mark = rig.lab.wire().mark();
    rig.set("flag", true)?;
    rig.until_priority("r1 takes part again", mark, 100).map(drop)
}

#[test]
fn rise_and_fall_want_results_in_a_row() -> Result<()> {
    let table = format!("{FLAG}rise = 3\nfall = 3\n");
    let rig = Rig::prepare(TENTH, "track_script = [{ name = \"flag\", weight = -5 }]", &table, |lab| {
        set(lab, "flag", true)?;
        // Good, bad, bad, and again.
        script(lab, "flaky", "n=$(cat {dir}/n); echo $((n + 1)) > {dir}/n; test $((n % 3)) = 0")
    })?;
    rig.until_priority("r1 is master", Mark::default(), 100)?;
    let before = rig.r1.status()?["checks"][0]["failures"].as_u64();
    rig.set("flag", false)?;
    let mark = rig.lab.wire().mark();
    rig.until_priority("95", mark, 95)?;
    let after = rig.r1.status()?["checks"][0]["failures"].as_u64();
    ensure!(after >= before.map(|before| before + 3), "{before:?} {after:?}");
    Ok(())
}

#[test]
fn until_the_first_result_the_router_stays_out() -> Result<()> {
    let table = "[vrrp_script.slow]\nscript = \"{dir}/slow\"\ninterval = \"60s\"\n";
    let rig = Rig::prepare(TENTH, "track_script = [\"slow\"]", table, |lab| {
        let go = lab.scratch().path().join("go").display().to_string();
        script(lab, "slow", &format!("until test -e {go}; do sleep 0.02; done"))
    })?;
    until_status(&rig.r1, "r1 waits", |status| {
        let router = &status["routers"][0];
        router["state"] == "INIT" && router["track"][0]["effect"] == "waiting"
    })?;
    let successor = rig.until_successor(Mark::default())?;
    rig.set("go", true)?;
    let first = rig.until_priority("r1 is master", Mark::default(), 100)?;
    ensure!(successor < first, "r2 was master while r1 waited");
    Ok(())
}

#[test]
fn a_hung_script_is_killed_with_its_group_counts_as_failed_and_never_runs_twice() -> Result<()> {
    let table = "[vrrp_script.hung]\nscript = \"{dir}/hung\"\ninterval = \"50ms\"\ntimeout = \"100ms\"\n";
    let mut rig = Rig::prepare(TENTH, "track_script = [{ name = \"hung\", weight = -5 }]", table, |lab| {
        let dir = lab.scratch().path().display().to_string();
        // Says so if another one is there; leaves a child that ends with its group only.
        let text = "mkdir {dir}/lock || echo twice >> {dir}/twice\ntrap 'rmdir {dir}/lock; exit 1' TERM\n\
                    sleep 12345 & echo $! >> {dir}/children\nwait";
        script(lab, "hung", &text.replace("{dir}", &dir))
    })?;
    rig.until_priority("the failure counts", Mark::default(), 95)?;
    rig.until_check("several timeouts", |check| check["timeouts"].as_u64() >= Some(5))?;
    ensure!(!rig.path("twice").exists(), "two of them at a time");
    let reasons = rig.r1.log().matches("no result within").count();
    ensure!(reasons == 1, "said {reasons} times\n{}", rig.r1.log());
    rig.r1.terminate()?;
    let children = fs::read_to_string(rig.path("children"))?;
    ensure!(children.lines().count() >= 5, "{children}");
    for child in children.lines() {
        let gone = || Ok((!Path::new(&format!("/proc/{child}")).exists()).then_some(()));
        poll("every child is gone", PATIENCE, gone)?;
    }
    Ok(())
}

#[test]
fn a_script_that_cannot_run_fails_and_says_why_once() -> Result<()> {
    let cases = [
        ("absent", "there is no such file"),
        ("plain", "not an executable file"),
        ("open", "refused to run as root"),
        ("private", "may not execute it"),
    ];
    let mut tables = String::new();
    for (name, _) in cases {
        tables += &format!("[vrrp_script.{name}]\nscript = \"{{dir}}/{name}\"\ninterval = \"20ms\"\n");
        if name == "private" {
            tables += "user = \"nobody\"\n";
        }
    }
    let track = "track_script = [{ name = \"absent\", weight = -1 }, { name = \"plain\", weight = -2 }, \
                 { name = \"open\", weight = -4 }, { name = \"private\", weight = -8 }]";
    let rig = Rig::prepare(TENTH, track, &tables, |lab| {
        use std::os::unix::fs::PermissionsExt as _;
        for (name, mode) in [("plain", 0o644), ("open", 0o757), ("private", 0o700)] {
            script(lab, name, "exit 0")?;
            fs::set_permissions(lab.scratch().path().join(name), fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    })?;
    rig.until_priority("all of them count", Mark::default(), 85)?;
    until_status(&rig.r1, "many results", |status| {
        status["checks"]
            .as_array()
            .is_some_and(|checks| checks.iter().all(|check| check["failures"].as_u64() >= Some(5)))
    })?;
    let log = rig.r1.log();
    for (name, reason) in cases {
        let said = log.matches(reason).count();
        ensure!(said == 1, "{name}: {reason:?} is said {said} times\n{log}");
    }
    Ok(())
}

#[test]
fn i9_a_reload_leaves_unchanged_checks_running_and_changed_ones_their_standing() -> Result<()> {
    let track = "track_script = [{ name = \"flag\", weight = 10 }]";
    let mut rig = with_flag(TENTH, track)?;
    rig.until_priority("with its weight", Mark::default(), 110)?;
    rig.until_check("many results", |check| check["results"].as_u64() >= Some(20))?;
    let before = rig.r1.status()?;
    let mark = rig.lab.wire().mark();
    let more = format!("{FLAG}[vrrp_script.slow]\nscript = \"/bin/sleep 3\"\ninterval = \"10s\"\n");
    let changed = FLAG.replace("20ms", "30ms");
    for (track, tables) in [
        (track, FLAG.to_owned()),
        ("track_script = [{ name = \"flag\", weight = 10 }, \"slow\"]", more),
        (track, changed),
    ] {
        let text = rig.text(track, &tables);
        let reloads = rig.r1.log().matches("configuration reloaded").count();
        rig.r1.reload_with(&text)?;
        poll("reloaded", PATIENCE, || {
            Ok((rig.r1.log().matches("configuration reloaded").count() > reloads).then_some(()))
        })?;
        tests::scenario::until_adverts(&rig.lab, "r1", 5)?;
        if tables == FLAG {
            let results = rig.r1.status()?["checks"][0]["results"].as_u64();
            ensure!(results >= before["checks"][0]["results"].as_u64(), "it has begun anew: {results:?}");
        }
    }
    rig.lab.wire().settle();
    rig.lab.wire().look(mark, |timeline| {
        let priorities: Vec<_> = timeline.adverts(VRID).map(|(_, advert)| advert.priority).collect();
        ensure!(priorities.iter().all(|priority| *priority == 110), "{priorities:?}");
        Ok(())
    })?;
    ensure!(rig.r1.status()?["routers"][0]["since"] == before["routers"][0]["since"], "the role has moved");
    Ok(())
}

#[test]
fn i9_replacing_the_program_leaves_no_script_behind_and_keeps_what_they_found() -> Result<()> {
    let tables = format!(
        "{FLAG}[vrrp_script.long]\nscript = \"{{dir}}/long\"\ninterval = \"60s\"\ntimeout = \"60s\"\n"
    );
    let track = "track_script = [{ name = \"flag\", weight = 10 }, { name = \"long\", weight = -1 }]";
    let mut rig = Rig::prepare(TENTH, track, &tables, |lab| {
        set(lab, "flag", true)?;
        let dir = lab.scratch().path().display().to_string();
        script(lab, "long", &format!("echo $$ >> {dir}/pids\nexec sleep 54321"))
    })?;
    rig.until_priority("with its weight", Mark::default(), 110)?;
    let pids = |rig: &Rig| fs::read_to_string(rig.path("pids")).unwrap_or_default();
    poll("it runs", PATIENCE, || Ok((pids(&rig).lines().count() == 1).then_some(())))?;
    let mark = rig.lab.wire().mark();
    rig.r1.process().signal(rustix::process::Signal::USR2)?;
    poll("it runs again", PATIENCE, || Ok((pids(&rig).lines().count() == 2).then_some(())))?;
    let all = pids(&rig);
    let first = all.lines().next().unwrap_or_default();
    ensure!(!Path::new(&format!("/proc/{first}")).exists(), "the first one is still there");
    tests::scenario::until_adverts(&rig.lab, "r1", 5)?;
    rig.lab.wire().look(mark, |timeline| {
        let priorities: Vec<_> = timeline.adverts(VRID).map(|(_, advert)| advert.priority).collect();
        ensure!(priorities.iter().all(|priority| *priority == 110), "{priorities:?}");
        Ok(())
    })?;
    let before = Instant::now();
    rig.r1.terminate()?;
    ensure!(before.elapsed() < Duration::from_secs(2), "the script has held the end up");
    let last = all.lines().last().unwrap_or_default();
    ensure!(!Path::new(&format!("/proc/{last}")).exists(), "the script outlives the daemon");
    Ok(())
}
