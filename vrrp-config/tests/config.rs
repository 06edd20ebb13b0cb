//! The configuration as its users meet it: every fault with its rendering, the examples, the documentation, and
//! texts that nobody would write.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read is a failed test")]

use std::{env, fs, path::Path};

use vrrp_config::{Config, Problems};

fn load(path: &Path) -> Result<Config, Problems> {
    vrrp_config::read(&path.display().to_string(), &fs::read(path).unwrap(), "gw1")
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Each `NAME.toml` beside this file renders as `NAME.txt`. `UPDATE_EXPECT=1` writes the latter.
#[test]
fn every_fault_is_shown_as_expected() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let mut seen = 0;
    for file in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = file.file_name().unwrap().to_string_lossy();
        let problems = vrrp_config::parse(&name, &fs::read_to_string(&file).unwrap()).unwrap_err();
        let rendered = problems.render(false);
        let expected = file.with_extension("txt");
        if env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&expected, &rendered).unwrap();
        }
        assert_eq!(rendered, fs::read_to_string(expected).unwrap_or_default(), "{name}");
        seen += 1;
    }
    assert!(seen >= 15, "only {seen} files");
}

#[test]
fn a_file_with_fourteen_faults_reports_them_all_in_one_run() {
    let text = include_str!("config/fourteen_faults.toml");
    let problems = vrrp_config::parse("vrrpd.toml", text).unwrap_err();
    assert_eq!(problems.count(), 14, "{problems}");
    let rendered = problems.render(false);
    for line in [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14] {
        assert!(rendered.contains(&format!("--> vrrpd.toml:{line}:")), "line {line}:\n{rendered}");
    }
}

/// `UPDATE_EXPECT=1` writes the expected text.
#[test]
fn the_effective_settings_are_described_as_expected() {
    let config = load(&root().join("examples/every-key.toml")).unwrap();
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/every-key.describe.txt");
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&expected, vrrp_config::describe(&config)).unwrap();
    }
    assert_eq!(vrrp_config::describe(&config), fs::read_to_string(expected).unwrap());
}

#[test]
fn no_password_is_ever_shown() {
    let text = include_str!("config/version_2.toml");
    for coloured in [false, true] {
        let rendered = vrrp_config::parse("vrrpd.toml", text).unwrap_err().render(coloured);
        assert!(!rendered.contains("123456789") && !rendered.contains("swrd"), "{rendered}");
    }
}

#[test]
fn every_example_is_a_configuration() {
    let mut seen = 0;
    for file in fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        if let Err(error) = load(&file) {
            panic!("{}", error.render(false));
        }
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} examples");
}

#[test]
fn every_block_of_the_documentation_is_a_configuration() {
    let text = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let blocks: Vec<&str> =
        text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5, "only {} blocks", blocks.len());
    for block in blocks {
        if let Err(problems) = vrrp_config::parse("docs/configuration.md", block) {
            panic!("{block}\n{problems}");
        }
    }
}

#[test]
fn the_documentation_has_every_key() {
    let text = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let config = load(&root().join("examples/every-key.toml")).unwrap();
    let written = vrrp_config::to_toml(&config);
    let lines = written.lines().filter_map(|line| line.split_once(" = "));
    let keys: Vec<&str> = lines.map(|(key, _)| key).filter(|key| !key.starts_with([' ', '['])).collect();
    assert!(keys.len() > 80, "only {} keys", keys.len());
    let garp = ["repeat", "delay", "refresh", "lower_prio_repeat", "lower_prio_delay"];
    let garp = garp.map(|key| format!("garp.{key}"));
    let within =
        ["auth_type", "auth_pass", "init_file.value"].into_iter().chain(garp.iter().map(String::as_str));
    let more =
        ["address", "dev", "brd", "label", "scope", "no_track", "min_ttl", "max_ttl", "name", "interface"];
    for key in keys.into_iter().chain(within).chain(more).chain(["init_file.overwrite", "smtp_alert"]) {
        assert!(text.contains(&format!("`{key}`")), "{key}");
    }
}

#[test]
fn the_name_of_the_host_is_the_default_of_who_speaks() {
    let text = "notification_email = [\"root@example.net\"]\n[vrrp_instance.A]\ninterface = \"eth0\"\n\
                virtual_router_id = 1\nvirtual_ipaddress = [\"192.0.2.1\"]\n";
    let config = vrrp_config::read("vrrpd.toml", text.as_bytes(), "gw 1").unwrap();
    assert_eq!((config.router_id.as_str(), config.mail.unwrap().from.as_str()), ("gw 1", "vrrpd@gw1"));
    assert_eq!(vrrp_config::parse("vrrpd.toml", text).unwrap().router_id, "localhost");
}

#[test]
fn a_huge_text_of_faults_is_answered_in_bounded_time_and_space() {
    let text = "priority = 300\n".repeat(50_000);
    let problems = vrrp_config::parse("big.toml", &text).unwrap_err();
    let rendered = problems.render(false);
    assert!(rendered.contains("more not shown"));
    assert!(rendered.len() < 100_000, "{} bytes", rendered.len());
}
