use std::time::{Duration, Instant};

use super::*;
use vrrp_config::parse;

const INSTANCE: &str = "[vrrp_instance.VI_1]\ninterface = \"eth0\"\nvirtual_router_id = 51\nvirtual_ipaddress = [\"192.0.2.51/32\"]\n";

fn config(text: &str) -> Config {
    parse("a test", &format!("{INSTANCE}{text}")).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn script(name: &str, program: &str, more: &str) -> String {
    format!("[vrrp_script.{name}]\nscript = \"{program}\"\ninterval = \"10ms\"\ntimeout = \"5s\"\n{more}\n")
}

fn id(name: &str) -> CheckId {
    CheckId { table: "vrrp_script", name: name.into() }
}

fn on_main<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn results(checks: &Checks, name: &str) -> u64 {
    let status = checks.status();
    status.iter().find(|check| check.name == name).map_or(0, |check| check.results)
}

#[test]
fn only_what_is_tracked_runs_and_every_change_is_signalled() {
    let text = "track_script = [\"good\", \"bad\"]\n".to_owned()
        + &script("good", "/bin/true", "")
        + &script("bad", "/bin/false", "")
        + &script("idle", "/bin/true", "");
    on_main(async {
        let (mut checks, mut changes) = Checks::new(Launcher::new());
        checks.configure(&config(&text));
        assert_eq!(checks.standing(&id("good")), Standing::Waiting);
        changes.recv().await;
        until("both have a result", || {
            [id("good"), id("bad")].map(|id| checks.standing(&id)) == [Standing::Good, Standing::Bad]
        })
        .await;
        assert_eq!(checks.standing(&id("idle")), Standing::Waiting);
        let names: Vec<_> = checks.status().into_iter().map(|check| check.name).collect();
        assert_eq!(names, ["bad", "good"]);
        checks.stop();
        assert!(checks.status().is_empty());
    });
}

#[test]
fn a_reload_restarts_what_has_changed_and_nothing_else() {
    let tracked = "track_script = [\"one\", \"two\"]\n";
    on_main(async {
        let (mut checks, _changes) = Checks::new(Launcher::new());
        let two = script("two", "/bin/true", "");
        checks.configure(&config(&(tracked.to_owned() + &script("one", "/bin/true", "") + &two)));
        until("results", || results(&checks, "one") > 2 && results(&checks, "two") > 2).await;
        // Another weight is no change of the check.
        checks.configure(&config(
            &(tracked.to_owned()
                + &script("one", "/bin/sleep 10", "")
                + &script("two", "/bin/true", "weight = 5")),
        ));
        assert!(results(&checks, "two") > 2);
        assert_eq!(results(&checks, "one"), 0);
        assert_eq!(checks.standing(&id("one")), Standing::Good, "until there is another result");
        checks.configure(&config(&("track_script = [\"two\"]\n".to_owned() + &two)));
        assert_eq!(checks.standing(&id("one")), Standing::Waiting);
    });
}

#[test]
fn what_was_found_goes_on_to_the_next_program() {
    on_main(async {
        let (mut checks, _changes) = Checks::new(Launcher::new());
        let text = "track_script = [\"good\", \"bad\", \"slow\"]\n".to_owned()
            + &script("good", "/bin/true", "")
            + &script("bad", "/bin/false", "")
            + &script("slow", "/bin/sleep 100", "");
        checks.configure(&config(&text));
        until("results", || results(&checks, "good") > 0 && results(&checks, "bad") > 0).await;
        let left = checks.hand_over();
        assert_eq!(left, r#"{"vrrp_script bad":false,"vrrp_script good":true}"#);
        let (mut next, _changes) = Checks::new(Launcher::new());
        next.inherited = inherited(&left);
        next.configure(&config(&text));
        let standings = [id("good"), id("bad"), id("slow")].map(|id| next.standing(&id));
        assert_eq!(standings, [Standing::Good, Standing::Bad, Standing::Waiting]);
    });
    assert!(inherited("").is_empty() && inherited("{\"x\": 7").is_empty());
}
