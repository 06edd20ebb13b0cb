//! The samples that Debian's keepalived package installs.

use std::{collections::BTreeMap, fs, path::Path};

use keepalived_conf::{ImportError, Severity};

use crate::memory::Host;

const DIRECTORY: &str = "/usr/share/doc/keepalived/samples";

/// What is not supported in each sample, and nothing else is: keyword and line. `*`: it is broken there.
const UNSUPPORTED: &[(&str, &[(&str, usize)])] = &[
    (
        "HTTP_GET.port",
        &[
            ("notification_email", 5),
            ("notification_email_from", 7),
            ("smtp_server", 8),
            ("smtp_connect_timeout", 9),
            ("virtual_server", 13),
        ],
    ),
    ("IPv6", &[("virtual_server_group", 7), ("virtual_server", 13)]),
    (
        "PING_CHECK",
        &[
            ("notification_email", 6),
            ("notification_email_from", 8),
            ("smtp_server", 9),
            ("smtp_connect_timeout", 10),
            ("virtual_server", 14),
        ],
    ),
    (
        "SMTP_CHECK",
        &[
            ("notification_email", 17),
            ("notification_email_from", 19),
            ("smtp_server", 20),
            ("smtp_connect_timeout", 21),
            ("virtual_server", 25),
        ],
    ),
    (
        "SSL_GET",
        &[
            ("notification_email", 5),
            ("notification_email_from", 7),
            ("smtp_server", 8),
            ("smtp_connect_timeout", 9),
            ("authentication", 20),
            ("virtual_server", 30),
            ("virtual_server", 55),
        ],
    ),
    (
        "UDP_CHECK",
        &[
            ("notification_email", 6),
            ("notification_email_from", 8),
            ("smtp_server", 9),
            ("smtp_connect_timeout", 10),
            ("virtual_server", 14),
        ],
    ),
    ("conditional_conf", &[("net_namespace", 3)]),
    ("fwmark", &[("virtual_server", 7)]),
    (
        "inhibit",
        &[
            ("notification_email", 5),
            ("notification_email_from", 7),
            ("smtp_server", 8),
            ("smtp_connect_timeout", 9),
            ("virtual_server", 13),
        ],
    ),
    (
        "misc_check",
        &[
            ("notification_email", 6),
            ("notification_email_from", 8),
            ("smtp_server", 9),
            ("smtp_connect_timeout", 10),
            ("virtual_server", 14),
        ],
    ),
    (
        "misc_check_arg",
        &[
            ("notification_email", 5),
            ("notification_email_from", 7),
            ("smtp_server", 8),
            ("smtp_connect_timeout", 9),
            ("virtual_server", 13),
        ],
    ),
    ("quorum", &[("virtual_server", 23)]),
    (
        "sample",
        &[
            ("notification_email", 5),
            ("notification_email_from", 7),
            ("smtp_server", 8),
            ("smtp_connect_timeout", 9),
            ("virtual_server", 26),
        ],
    ),
    (
        "status_code",
        &[
            ("notification_email", 6),
            ("notification_email_from", 8),
            ("smtp_server", 9),
            ("smtp_connect_timeout", 10),
            ("virtual_server", 14),
        ],
    ),
    ("track_interface", &[("static_routes", 7)]),
    (
        "virtual_server_group",
        &[
            ("notification_email", 5),
            ("notification_email_from", 7),
            ("smtp_server", 8),
            ("smtp_connect_timeout", 9),
            ("virtual_server_group", 13),
            ("virtual_server", 22),
        ],
    ),
    (
        "virtualhost",
        &[
            ("notification_email", 5),
            ("notification_email_from", 7),
            ("smtp_server", 8),
            ("smtp_connect_timeout", 9),
            ("virtual_server", 13),
        ],
    ),
    (
        "vrrp",
        &[
            ("notification_email", 5),
            ("notification_email_from", 7),
            ("smtp_server", 8),
            ("smtp_connect_timeout", 9),
            ("smtp_alert", 17),
            ("smtp_alert", 38),
            ("smtp_alert", 52),
            ("smtp_alert", 69),
        ],
    ),
    ("vrrp.localcheck", &[]),
    ("vrrp.lvs_syncd", &[("vrrp_sync_group", 3), ("lvs_sync_daemon_interface", 11), ("virtual_server", 50)]),
    ("vrrp.routes", &[("static_routes", 7), ("virtual_routes", 30)]),
    ("vrrp.rules", &[("*", 26)]),
    ("vrrp.scripts", &[]),
    ("vrrp.static_ipaddress", &[("static_ipaddress", 7)]),
    ("vrrp.sync", &[]),
];

#[test]
fn every_sample_is_imported_or_has_its_unsupported_keywords_listed() {
    let installed = Path::new("/usr/sbin/keepalived").exists();
    let samples: Vec<_> = match fs::read_dir(DIRECTORY) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(error) => {
            assert!(!installed, "keepalived is installed and {DIRECTORY} is not there: {error}");
            return;
        }
    };
    let listed: BTreeMap<_, _> = UNSUPPORTED.iter().copied().collect();
    let mut seen = 0;
    for path in samples {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(name) = name.strip_prefix("keepalived.conf.") else { continue };
        let expected =
            listed.get(name).unwrap_or_else(|| panic!("{name} is a sample that nobody has looked at"));
        let expected: Vec<_> =
            expected.iter().map(|(keyword, line)| ((*keyword).to_owned(), *line)).collect();
        assert_eq!(unsupported(&path), expected, "{name}");
        seen += 1;
    }
    assert_eq!(seen, listed.len(), "samples are missing in {DIRECTORY}");
}

/// What the report lists; the TOML that goes with it is a configuration if there is a router in it.
fn unsupported(path: &Path) -> Vec<(String, usize)> {
    let imported = match Host::of_files(path.parent().unwrap()).import_at(path, Some("high")) {
        Ok(imported) => imported,
        Err(error @ ImportError::Broken(_)) => {
            let text = error.render(false);
            let place = text.split(".rules:").nth(1).unwrap_or_else(|| panic!("{text}"));
            let line = place.split(':').next().unwrap().parse().unwrap();
            return vec![("*".to_owned(), line)];
        }
        Err(error) => panic!("{error}"),
    };
    if imported.routers > 0 {
        let config = imported.config();
        config.unwrap_or_else(|error| panic!("{}\n{}", imported.toml(), error.render(false)));
    }
    let entries = imported.report.entries().iter();
    let unsupported = entries.filter(|entry| entry.severity == Severity::Unsupported);
    unsupported.map(|entry| (entry.keyword.clone(), entry.line)).collect()
}
