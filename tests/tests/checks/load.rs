//! No check delays an advert.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::{
    scenario::{VRID, distribution, until_state, until_status},
    wait::Mark,
};

use crate::rig::{Rig, script};

const ADVERT_INT: Duration = Duration::from_millis(10);

/// A hundred scripts that want to run every 10 ms, far more than the machine can, and five that hang.
#[test]
fn a_hundred_scripts_every_10_ms_and_hung_ones_delay_no_advert_at_10_ms() -> Result<()> {
    let mut tables = String::new();
    let mut track = Vec::new();
    for number in 0..105 {
        let (script, timeout) = if number < 100 { ("/bin/true", "10s") } else { ("{dir}/hung", "200ms") };
        tables += &format!(
            "[vrrp_script.s{number}]\nscript = \"{script}\"\ninterval = \"10ms\"\ntimeout = \"{timeout}\"\n"
        );
        track.push(format!("{{ name = \"s{number}\", weight = -1 }}"));
    }
    let track = format!("track_script = [{}]", track.join(", "));
    let rig = Rig::prepare(ADVERT_INT, &track, &tables, |lab| {
        script(lab, "hung", "trap '' TERM\nexec sleep 1000")
    })?;
    rig.until_priority("those that hang count", Mark::default(), 95)?;
    until_state(&rig.r2, "BACKUP")?;
    until_status(&rig.r1, "every script has run", |status| {
        let checks = status["checks"].as_array().cloned().unwrap_or_default();
        checks.len() == 105 && checks.iter().all(|check| check["results"].as_u64() >= Some(1))
    })?;
    let mark = rig.lab.wire().mark();
    std::thread::sleep(Duration::from_secs(5));
    rig.lab.wire().settle();
    let (mut gaps, masters) = rig.lab.wire().look(mark, |timeline| {
        let stamps: Vec<_> = timeline.adverts_by(VRID, "r1").map(|(frame, _)| frame.at).collect();
        let gaps: Vec<f64> = stamps.windows(2).map(|pair| pair[1].ms_since(pair[0])).collect();
        (gaps, timeline.masters(VRID).len())
    });
    let status = rig.r1.status()?;
    let results: u64 =
        status["checks"].as_array().into_iter().flatten().filter_map(|check| check["results"].as_u64()).sum();
    println!("gaps between adverts: {}; {results} results of scripts", distribution(&gaps));
    gaps.sort_by(f64::total_cmp);
    let most = gaps.last().copied().unwrap_or(f64::MAX);
    ensure!(gaps.len() > 400, "{} adverts in five seconds", gaps.len());
    ensure!(most < 20.0, "an advert was missed: {most:.1} ms between two");
    ensure!(masters == 1, "the role has moved");
    Ok(())
}
