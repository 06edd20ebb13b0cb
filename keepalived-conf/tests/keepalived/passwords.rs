//! Passwords that are not ASCII.

use keepalived_conf::Severity;

use crate::memory::{convert, instance, run, said};

fn with(password: &str) -> String {
    instance(&format!("authentication {{\nauth_type PASS\nauth_pass {password}\n}}"))
}

#[test]
fn a_password_has_the_bytes_that_it_has_in_keepalived() {
    let bytes = |password: &str| run(&with(password)).routers[0].auth_pass.unwrap();
    assert_eq!(bytes("sch\u{f6}n"), *b"sch\xc3\xb6n\0\0");
    assert_eq!(bytes("p\u{e4}ssw\u{f6}rd"), *b"p\xc3\xa4ssw\xc3\xb6", "cut after a character");
}

#[test]
fn one_that_is_cut_within_a_character_is_named_and_nobody_is_master_without_it() {
    let imported = convert(&with("p\u{e4}ssww\u{f6}rd"));
    let told = said(&imported);
    assert_eq!((imported.routers, told[0].0), (0, Severity::Unsupported), "{}", imported.report);
    assert!(imported.report.to_string().contains("its password"), "{}", imported.report);
    // In version 3 it is none of anybody's concern.
    assert_eq!(convert(&with("p\u{e4}ssww\u{f6}rd").replace("VI {", "VI {\nversion 3")).routers, 1);
}
