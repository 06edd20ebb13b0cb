//! `track_interface`, an owner, and several at once.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::{
    Stamp,
    scenario::{until_state, until_status},
    wait::Mark,
};

use crate::rig::{Rig, set};

const TENTH: Duration = Duration::from_millis(100);

fn with_second_interface(track: &str) -> Result<Rig> {
    Rig::prepare(TENTH, track, "", |lab| {
        let host = &lab.host("r1")?.namespace;
        host.ip("link add uplink type veth peer name far")?;
        host.ip("link set far up")?;
        host.ip("link set uplink up").map(drop)
    })
}

#[test]
fn an_interface_that_loses_its_carrier_is_a_fault_at_once() -> Result<()> {
    let rig = with_second_interface("track_interface = [\"uplink\"]")?;
    rig.until_priority("r1 is master", Mark::default(), 100)?;
    until_state(&rig.r2, "BACKUP")?;
    let host = &rig.lab.host("r1")?.namespace;
    let mark = rig.lab.wire().mark();
    let cut = Stamp::now();
    host.ip("link set far down")?;
    let farewell = rig.until_priority("the farewell", mark, 0)?;
    println!("farewell {:.1} ms after the cut", farewell.ms_since(cut));
    rig.until_successor(mark)?;
    until_status(&rig.r1, "the reason", |status| status["routers"][0]["fault"] == "interface uplink fails")?;
    let mark = rig.lab.wire().mark();
    host.ip("link set far up")?;
    rig.until_priority("r1 is back", mark, 100)?;
    let mark = rig.lab.wire().mark();
    host.ip("link del uplink")?;
    rig.until_priority("an interface that is gone counts as down", mark, 0).map(drop)
}

#[test]
fn an_interface_with_a_weight_changes_the_priority() -> Result<()> {
    let rig = with_second_interface("track_interface = [{ interface = \"uplink\", weight = -5 }]")?;
    rig.until_priority("r1 is master", Mark::default(), 100)?;
    let host = &rig.lab.host("r1")?.namespace;
    for (state, priority) in [("down", 95), ("up", 100)] {
        let mark = rig.lab.wire().mark();
        host.ip(&format!("link set uplink {state}"))?;
        rig.changes_to(state, mark, priority)?;
    }
    Ok(())
}

#[test]
fn several_add_up_and_the_sum_is_shown_with_each_share() -> Result<()> {
    let flag = |name: &str| {
        format!(
            "[vrrp_script.{name}]\nscript = \"/usr/bin/test -e {{dir}}/{name}\"\ninterval = \"20ms\"\ntimeout = \"5s\"\n"
        )
    };
    let track = "track_script = [{ name = \"a\", weight = 3 }, { name = \"b\", weight = -4 }]\n\
                 track_interface = [{ interface = \"eth0\", weight = 2 }]";
    let tables = flag("a") + &flag("b");
    let rig = Rig::prepare(TENTH, track, &tables, |lab| {
        set(lab, "a", true)?;
        set(lab, "b", true)
    })?;
    rig.until_priority("a and eth0", Mark::default(), 105)?;
    for (name, there, priority) in [("b", false, 101), ("a", false, 98), ("b", true, 102), ("a", true, 105)] {
        let mark = rig.lab.wire().mark();
        rig.set(name, there)?;
        rig.changes_to(name, mark, priority)?;
    }
    let status = rig.r1.status()?;
    let points: Vec<_> = status["routers"][0]["track"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|share| share["points"].as_i64())
        .collect();
    ensure!(points == [Some(3), Some(0), Some(2)], "{points:?}");
    Ok(())
}

#[test]
fn an_owner_keeps_its_priority_and_is_faulted_all_the_same() -> Result<()> {
    let flag = |name: &str| {
        format!(
            "[vrrp_script.{name}]\nscript = \"/usr/bin/test -e {{dir}}/{name}\"\ninterval = \"20ms\"\ntimeout = \"5s\"\n"
        )
    };
    let track = "track_script = [{ name = \"weighted\", weight = -50 }, \"hard\"]";
    let tables = flag("weighted") + &flag("hard");
    let mut rig = Rig::prepare(TENTH, track, &tables, |lab| set(lab, "hard", true))?;
    rig.router.priority = 255;
    let text = rig.text(track, &tables);
    rig.r1.reload_with(&text)?;
    rig.changes_to("the owner's priority", Mark::default(), 255)?;
    let mark = rig.lab.wire().mark();
    rig.set("hard", false)?;
    rig.until_priority("a fault", mark, 0).map(drop)
}

#[test]
fn dont_track_primary_keeps_the_role_on_an_interface_that_is_down() -> Result<()> {
    let rig = Rig::start(TENTH, "dont_track_primary = true", "")?;
    let host = &rig.lab.host("r1")?.namespace;
    let since = rig.r1.status()?["routers"][0]["since"].clone();
    let mark = rig.lab.wire().mark();
    host.ip("link set eth0 down")?;
    until_status(&rig.r1, "it is known", |status| status["interfaces"][0]["up"] == false)?;
    rig.until_successor(mark)?;
    let status = rig.r1.status()?;
    ensure!(
        status["routers"][0]["state"] == "MASTER" && status["routers"][0]["since"] == since,
        "{status:#}"
    );
    let mark = rig.lab.wire().mark();
    host.ip("link set eth0 up")?;
    rig.until_priority("r1 speaks again", mark, 100)?;
    until_state(&rig.r2, "BACKUP")?;
    ensure!(rig.r1.status()?["routers"][0]["since"] == since, "the role has moved");
    Ok(())
}
