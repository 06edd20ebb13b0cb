//! The demonstration, on the daemon under test and on keepalived.

use std::io::stdout;

use tests::{
    Lab,
    daemons::{Keepalived, Router},
    demo,
};

#[test]
fn the_demonstration_shows_what_keepalived_leaves_behind() {
    let lab = Lab::with_routers(2).unwrap();
    let second = Router { priority: 90, ..Router::default() };
    let start = |host: &str, router: &Router| {
        Keepalived::start(&lab.host(host).unwrap().namespace, &lab.scratch(), router).unwrap()
    };
    let mut r1 = start("r1", &Router::default());
    let _r2 = start("r2", &second);
    let mut text = Vec::new();
    demo::watch_kill(&lab, &mut r1, &second, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    println!("{text}");
    let two = text.lines().find(|line| line.starts_with("two answered")).unwrap();
    assert!(!two.contains("(0 of"), "the killed master's kernel goes on answering: {two}");
}

#[test]
fn the_demonstration_of_vrrpd_ends_with_a_takeover() {
    demo::run(&tests::daemons::binary().unwrap(), &mut stdout()).unwrap();
}
