//! Mail addresses that nothing can be sent to or from.

use keepalived_conf::Severity;

use crate::memory::{convert, instance, run, said};

fn global(settings: &str) -> String {
    format!("global_defs {{\n notification_email {{\n a@example.net\n }}\n{settings}\n}}\n{}", instance(""))
}

#[test]
fn an_address_that_is_none_is_left_out_and_named() {
    for settings in [
        "notification_email_from root",
        "notification_email_from \"Name a@example.org\"",
        "notification_email_from \"Name <a@example.org>\"",
        "smtp_helo_name \"a b\"",
    ] {
        let imported = convert(&global(settings));
        let keyword = settings.split(' ').next().unwrap();
        assert_eq!(said(&imported), [(Severity::Unsupported, 5, keyword.to_owned())], "{settings}");
        assert!(imported.toml().contains(&format!("# keepalived.conf:5: {keyword}")), "{}", imported.toml());
        let mail = imported.config().unwrap().mail.unwrap();
        assert!(mail.from.starts_with("vrrpd@") && mail.helo_name.is_none());
    }
    assert_eq!(run(&global("notification_email_from c@example.org")).mail.unwrap().from, "c@example.org");
}

#[test]
fn whom_no_mail_reaches_is_named_and_the_others_get_theirs() {
    let text = global("").replace("a@example.net", "root \"Name b@example.net\" a@example.net");
    assert_eq!(run(&text).mail.unwrap().to, ["a@example.net"]);
    let told = said(&convert(&text));
    assert_eq!(
        told,
        [
            (Severity::Unsupported, 3, "notification_email".to_owned()),
            (Severity::Unsupported, 3, "notification_email".to_owned())
        ]
    );
}
