//! keepalived.conf: real keepalived and vrrpd read the same files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use anyhow::{Result, ensure};
use rustix::process::Signal;
use tests::{
    Lab,
    daemons::{Daemon as _, Keepalived, Process, binary},
    scenario::{PATIENCE, VRID, until_adverts, until_master},
    wait::poll,
    wire::Advert,
};

/// Files that use the language, and whether they are in order. `eth0` is the laboratory's interface.
const FILES: &[(&str, bool)] = &[
    (PLAIN, true),
    (LANGUAGE, true),
    (REPEATED, true),
    (CHECKS, true),
    (
        "vrrp_instance A {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n 192.0.2.51\n }\n",
        false,
    ),
    (
        "vrrp_instance A {\n interface eth0\n virtual_router_id 0\n virtual_ipaddress {\n 192.0.2.51\n }\n}\n",
        false,
    ),
    ("vrrp_instance A {\n interface eth0\n virtual_router_id 51\n priority 256\n}\n", false),
    (
        "vrrp_instance A {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n 192.0.2.51/33\n }\n}\n",
        false,
    ),
    (
        "vrrp_instance A {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n 192.0.2.300\n }\n}\n",
        false,
    ),
    (
        "vrrp_instance A {\n interface eth0\n virtual_router_id 51\n track_script {\n nobody\n }\n}\n}\n",
        false,
    ),
    ("global_defs {\n router_id \"open\n}\n", false),
];

const PLAIN: &str = "! comment\nglobal_defs { router_id gw # more\n}\nvrrp_instance VI_1\n{\n state MASTER\n interface eth0\n \
    virtual_router_id 51\n priority 150\n advert_int 1\n authentication {\n auth_type PASS\n auth_pass secret\n }\n \
    virtual_ipaddress { 192.0.2.51/24\n 192.0.2.52/32 dev eth0 }\n}\n";

const LANGUAGE: &str = "$VRID=51\n$NET=192.0.2\n$VI= \\\n vrrp_instance VI_${N} { \\\n  state MASTER \\\n  interface eth0 \\\n  \
    virtual_router_id $VRID \\\n  \\\n  @main priority 120 \\\n  @^main priority 90 \\\n  advert_int 2 \\\n  virtual_ipaddress { \\\n   \
    ${NET}.51/28 \\\n   ${NET}.${N} \\\n  } \\\n }\n$N=77\n$VI\n";

const REPEATED: &str = "vrrp_instance VI_1 {\n state MASTER\n interface eth0\n version 3\n virtual_router_id 51\n priority 77\n advert_int 0.5\n \
    virtual_ipaddress {\n ~SEQ(I, 51, 2, 55) 192.0.2.$I\n ~LST({A, B}, {6, 1}, {7, 2}) 192.0.2.${A}${B}\n \
    ~SEQx(H, 0x63, 0x64) 192.0.2.${H}\n }\n}\n";

const CHECKS: &str = "global_defs {\n enable_script_security\n}\nvrrp_script ok {\n script \"/bin/true 'a b' \\\"c d\\\" $HOME\"\n interval 2\n weight 10\n rise 2\n fall 3\n user root\n}\n\
    vrrp_instance VI_1 {\n state MASTER\n interface eth0\n virtual_router_id 51\n priority 100\n track_script { ok\n }\n \
    virtual_ipaddress { 192.0.2.51 }\n}\n";

/// What keepalived says something about and takes for something else. Each instance has a number of its own.
const CORRECTED: &[&str] = &[
    "vrrp_instance OWNER {\n state MASTER\n interface eth0\n virtual_router_id 1\n nopreempt\n virtual_ipaddress {\n 192.0.2.61\n }\n}\n\
     vrrp_instance SILENT {\n interface eth0\n virtual_router_id 2\n priority 255\n garp_master_repeat 0\n virtual_ipaddress {\n 192.0.2.62\n }\n}\n\
     vrrp_instance STRICT {\n strict_mode\n state MASTER\n priority 100\n nopreempt\n accept\n preempt_delay 5\n interface eth0\n virtual_router_id 3\n\
      authentication {\n auth_type PASS\n auth_pass 1111\n }\n virtual_ipaddress {\n 192.0.2.63\n }\n}\n\
     vrrp_instance TWICE {\n interface eth0\n virtual_router_id 4\n state MASTER\n state BACKUP\n priority 7\n version 3\n version 2\n virtual_ipaddress {\n 192.0.2.64\n }\n}\n\
     vrrp_instance SOURCE {\n interface eth0\n virtual_router_id 5\n unicast_src_ip 192.0.2.71/24\n mcast_src_ip 192.0.2.72/24\n unicast_peer {\n 192.0.2.73/24\n 192.0.2.73\n }\n\
      authentication {\n auth_type PASS\n auth_pass p\u{e4}ssw\u{f6}rd\n }\n virtual_ipaddress {\n 192.0.2.65\n }\n}\n\
     vrrp_instance ALONE {\n interface eth0\n virtual_router_id 6\n unicast_peer {\n }\n virtual_ipaddress {\n 192.0.2.66\n }\n}\n",
    "global_defs {\n vrrp_strict\n vrrp_garp_master_repeat 0\n}\n$VI= \\\n vrrp_instance V_${N} { \\\n# between \\\n interface eth0 \\\n virtual_router_id ${N} \\\n\
      priority 9 # why \\\n authentication { \\\n auth_type PASS \\\n auth_pass 1111 \\\n } \\\n virtual_ipaddress { \\\n 192.0.2.1${N} \\\n } \\\n }\n\
     ~SEQ(N, 11, 14) $VI\n",
];

/// One laboratory with files.
struct Desk {
    lab: Lab,
}

impl Desk {
    fn new() -> Result<Self> {
        Ok(Self { lab: Lab::with_routers(2)? })
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.lab.scratch().path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Result<Output> {
        Ok(self.lab.host("r1")?.namespace.command(program).args(arguments).output()?)
    }

    fn import(&self, path: &Path) -> Result<Output> {
        self.run(&binary()?, &["import", "--config-id", "main", &path.to_string_lossy()])
    }

    /// vrrpd on `host` with a keepalived.conf.
    fn start(&self, host: &str, path: &Path) -> Result<Process> {
        let namespace = &self.lab.host(host)?.namespace;
        let socket = self.lab.scratch().path().join(format!("{host}.sock"));
        let mut command = namespace.command(binary()?);
        command.args(["--config-id", "main", "--keepalived-conf"]).arg(path).arg("--socket").arg(socket);
        Process::start(command, &format!("{host}-imported"), namespace, &self.lab.scratch())
    }

    /// The first advert of a host after it has been started by `start`.
    fn advert<T>(&self, host: &str, start: impl FnOnce() -> Result<T>) -> Result<(T, Advert)> {
        let mark = self.lab.wire().mark();
        let daemon = start()?;
        let advert = self.lab.wire().until(&format!("{host} speaks"), mark, PATIENCE, |timeline| {
            timeline
                .adverts_by(VRID, host)
                .find(|(_, advert)| advert.priority > 0)
                .map(|(_, advert)| advert.clone())
        })?;
        Ok((daemon, advert))
    }
}

fn shown(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn what_keepalived_accepts_is_imported_and_what_it_refuses_is_not() -> Result<()> {
    let desk = Desk::new()?;
    for (index, (text, good)) in FILES.iter().enumerate() {
        let path = desk.file(&format!("{index}.conf"), text)?;
        let theirs =
            desk.run(Path::new("keepalived"), &["-t", "-i", "main", "-f", &path.to_string_lossy()])?;
        ensure!(
            theirs.status.success() == *good,
            "keepalived: {}\n{text}\n{}",
            theirs.status,
            shown(&theirs)
        );
        let ours = desk.import(&path)?;
        let expected = if *good { 0 } else { 2 };
        ensure!(ours.status.code() == Some(expected), "vrrpd: {}\n{text}\n{}", ours.status, shown(&ours));
    }
    Ok(())
}

/// What an instance comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Settings {
    /// By keepalived's word for it.
    settings: BTreeMap<&'static str, String>,
    addresses: Vec<String>,
}

/// What is compared: keepalived's word, the key in TOML, and what it is where TOML says nothing.
const COMPARED: [(&str, &str, &str); 9] = [
    ("Virtual Router ID", "virtual_router_id", ""),
    ("VRRP Version", "version", ""),
    ("Wantstate", "state", ""),
    ("Priority", "priority", "100"),
    ("Gratuitous ARP repeat", "garp", "5"),
    ("Accept", "accept", "enabled"),
    ("Preempt", "preempt", "enabled"),
    ("Authentication type", "authentication", "none"),
    ("Using src_ip", "src_ip", "192.0.2.1"),
];

/// From what keepalived logs with `-d`; every line starts with the time.
fn dumped(log: &str) -> BTreeMap<String, Settings> {
    let (mut all, mut name, mut listing) = (BTreeMap::<String, Settings>::new(), String::new(), false);
    for line in log.lines().filter_map(|line| line.get(26..)) {
        let setting = line.trim().split_once(" = ");
        listing &= line.starts_with("     ");
        let known = setting
            .and_then(|(word, value)| Some((COMPARED.iter().find(|compared| compared.0 == word)?.0, value)));
        match (setting, known) {
            (Some(("VRRP Instance", value)), _) => value.clone_into(&mut name),
            (_, Some((word, value))) if !name.is_empty() => {
                let value = value.split(" (from").next().unwrap_or_default();
                let value = if value == "SIMPLE_PASSWORD" { "PASS" } else { value };
                all.entry(name.clone()).or_default().settings.insert(word, value.to_owned());
            }
            _ if line.trim().starts_with("Virtual IP (") => listing = true,
            _ if listing => {
                let address = line.split_whitespace().next().unwrap_or_default();
                let prefix = if address.contains('/') { "" } else { "/32" };
                all.entry(name.clone()).or_default().addresses.push(format!("{address}{prefix}"));
            }
            _ => {}
        }
    }
    // Version 3 has none, and keepalived does not say so.
    for settings in all.values_mut() {
        settings.settings.entry("Authentication type").or_insert_with(|| "none".to_owned());
    }
    all
}

/// From the TOML that vrrpd makes.
fn imported(toml: &str) -> BTreeMap<String, Settings> {
    let mut all = BTreeMap::<String, Settings>::new();
    let mut name = String::new();
    let defaults = || COMPARED.map(|(word, _, default)| (word, default.to_owned())).into_iter().collect();
    for line in toml.lines() {
        let value = line.split("  # ").next().unwrap_or_default();
        if let Some(head) = value.strip_prefix("[vrrp_instance.") {
            head.trim_matches([']', '"']).clone_into(&mut name);
            all.insert(name.clone(), Settings { settings: defaults(), addresses: Vec::new() });
        } else if value.starts_with('[') {
            name.clear();
        } else if let Some((key, value)) = value.split_once(" = ")
            && let Some((word, ..)) = COMPARED
                .iter()
                .find(|(_, ours, _)| key.trim_start_matches("mcast_").trim_start_matches("unicast_") == *ours)
            && let Some(settings) = all.get_mut(&name)
        {
            settings.settings.insert(word, spelled(key, value));
        } else if value.starts_with("    ")
            && value.contains('/')
            && let Some(settings) = all.get_mut(&name)
        {
            settings.addresses.push(value.split('"').nth(1).unwrap_or_default().to_owned());
        }
    }
    all
}

/// A value as keepalived shows it.
fn spelled(key: &str, value: &str) -> String {
    match (key, value) {
        (_, "true") => "enabled".to_owned(),
        (_, "false") => "disabled".to_owned(),
        ("garp", _) => {
            let repeat = value.split("repeat = ").nth(1).unwrap_or("5");
            repeat.chars().take_while(char::is_ascii_digit).collect()
        }
        ("authentication", _) => "PASS".to_owned(),
        (_, _) => value.trim_matches('"').to_owned(),
    }
}

/// Starts keepalived until it has shown what it has read.
fn keepalived_s_view(desk: &Desk, path: &Path, name: &str) -> Result<String> {
    let (namespace, scratch) = (&desk.lab.host("r1")?.namespace, desk.lab.scratch());
    let mut command = namespace.command("keepalived");
    command.args(["-n", "-l", "-P", "-d", "-i", "main", "-f"]).arg(path);
    command.arg("-p").arg(scratch.path().join("k.pid")).arg("-r").arg(scratch.path().join("kv.pid"));
    let mut process = Process::start(command, name, namespace, &scratch)?;
    let log = poll("keepalived's dump", PATIENCE, || {
        let log = process.log();
        Ok(log.contains("< Interfaces >").then_some(log))
    })?;
    process.signal(Signal::TERM)?;
    process.ended()?;
    Ok(log)
}

#[test]
fn the_same_file_comes_to_the_same_settings() -> Result<()> {
    let desk = Desk::new()?;
    for (index, (text, _)) in FILES.iter().enumerate().filter(|(_, (_, good))| *good) {
        let path = desk.file(&format!("{index}.conf"), text)?;
        let log = keepalived_s_view(&desk, &path, &format!("dump-{index}"))?;
        let ours = desk.import(&path)?;
        let (theirs, ours) = (dumped(&log), imported(&String::from_utf8_lossy(&ours.stdout)));
        ensure!(theirs == ours && !ours.is_empty(), "{text}\nkeepalived: {theirs:?}\nvrrpd: {ours:?}\n{log}");
    }
    for (index, text) in CORRECTED.iter().enumerate() {
        let path = desk.file(&format!("corrected-{index}.conf"), text)?;
        let log = keepalived_s_view(&desk, &path, &format!("corrected-{index}"))?;
        let output = desk.import(&path)?;
        let (theirs, ours) = (dumped(&log), imported(&String::from_utf8_lossy(&output.stdout)));
        ensure!(
            theirs == ours && ours.len() > 3,
            "{text}\nkeepalived: {theirs:#?}\nvrrpd: {ours:#?}\n{}",
            shown(&output)
        );
    }
    let path = desk.file("checks.conf", CHECKS)?;
    let log = keepalived_s_view(&desk, &path, "dump-checks")?;
    ensure!(
        log.contains("Command = '/usr/bin/true' 'a b' 'c d' '$HOME'")
            || log.contains("'/bin/true' 'a b' 'c d' '$HOME'"),
        "{log}"
    );
    let toml = String::from_utf8_lossy(&desk.import(&path)?.stdout).into_owned();
    ensure!(toml.contains("script = \"/bin/true 'a b' 'c d' '$HOME'\""), "{toml}");
    Ok(())
}

#[test]
fn the_same_file_gives_the_same_adverts() -> Result<()> {
    for text in [PLAIN, LANGUAGE, REPEATED] {
        let desk = Desk::new()?;
        let path = desk.file("same.conf", text)?;
        let (namespace, scratch) = (&desk.lab.host("r1")?.namespace, desk.lab.scratch());
        let plain = text
            .replace("@main ", "")
            .lines()
            .filter(|line| !line.contains("@^main"))
            .collect::<Vec<_>>()
            .join("\n");
        let (mut theirs, their_advert) =
            desk.advert("r1", || Keepalived::start_terse(namespace, &scratch, &(plain.clone() + "\n")))?;
        theirs.terminate()?;
        let (mut ours, our_advert) = desk.advert("r2", || desk.start("r2", &path))?;
        let same = Advert { source: their_advert.source, ..our_advert.clone() };
        ensure!(same == their_advert, "{text}\nkeepalived: {their_advert:?}\nvrrpd: {our_advert:?}");
        ours.signal(Signal::TERM)?;
        ensure!(ours.ended()?.success(), "{}", ours.log());
    }
    Ok(())
}

#[test]
fn a_keepalived_conf_runs_as_it_stands_and_is_read_again() -> Result<()> {
    let desk = Desk::new()?;
    let text = |priority: u8| {
        format!(
            "vrrp_instance VI_1 {{\n state MASTER\n interface eth0\n version 3\n virtual_router_id {VRID}\n priority {priority}\n \
             advert_int 0.1\n track_bfd {{\n b\n }}\n virtual_ipaddress {{\n 192.0.2.51\n }}\n}}\n"
        )
    };
    let path = desk.file("keepalived.conf", &text(100))?;
    let mark = desk.lab.wire().mark();
    let mut daemon = desk.start("r1", &path)?;
    until_master(&desk.lab, "r1", mark)?;
    ensure!(daemon.log().contains("keepalived.conf:8:2: not supported: track_bfd"), "{}", daemon.log());

    let mark = desk.lab.wire().mark();
    fs::write(&path, text(120))?;
    daemon.signal(Signal::HUP)?;
    desk.lab.wire().until("the new priority", mark, PATIENCE, |timeline| {
        timeline.adverts_by(VRID, "r1").find(|(_, advert)| advert.priority == 120).map(drop)
    })?;
    fs::write(&path, text(120).replace("priority 120", "priority 1200"))?;
    daemon.signal(Signal::HUP)?;
    poll("the broken file is refused", PATIENCE, || {
        Ok(daemon.log().contains("bad value `1200`").then_some(()))
    })?;

    fs::write(&path, text(120))?;
    daemon.signal(Signal::USR2)?;
    poll("the program is replaced", PATIENCE, || {
        Ok((daemon.log().matches("data plane attached").count() == 2).then_some(()))
    })?;
    until_adverts(&desk.lab, "r1", 3)?;
    desk.lab.wire().look(mark, |timeline| {
        let left = timeline.adverts(VRID).any(|(_, advert)| advert.priority == 0);
        ensure!(!left, "the role was given up");
        Ok(())
    })?;
    daemon.signal(Signal::TERM)?;
    ensure!(daemon.ended()?.success(), "{}", daemon.log());
    Ok(())
}

#[test]
fn import_says_by_its_exit_code_what_is_lost() -> Result<()> {
    let desk = Desk::new()?;
    let good = desk.file("good.conf", PLAIN)?;
    let out = desk.lab.scratch().path().join("out.toml");
    let (good, out) = (good.to_string_lossy(), out.to_string_lossy());
    let output = desk.run(&binary()?, &["import", &good, "-o", &out])?;
    ensure!(output.status.code() == Some(0) && output.stdout.is_empty(), "{}", shown(&output));
    let checked = desk.run(&binary()?, &["check", "--config", &out])?;
    ensure!(checked.status.success(), "{}", shown(&checked));

    let lost =
        desk.file("lost.conf", &PLAIN.replace(" priority 150", " priority 150\n track_bfd {\n b\n }"))?;
    let output = desk.import(&lost)?;
    ensure!(output.status.code() == Some(4), "{}", shown(&output));
    let report = String::from_utf8(output.stderr)?;
    ensure!(report.contains("lost.conf:10:2: not supported: track_bfd: there is no BFD"), "{report}");
    ensure!(String::from_utf8(output.stdout)?.contains("# lost.conf:10: track_bfd"), "the TOML says it too");

    let broken = desk.file("broken.conf", &PLAIN.replace("192.0.2.51/24", "192.0.2.51/240"))?;
    let output = desk.import(&broken)?;
    let said = shown(&output);
    ensure!(
        output.status.code() == Some(2) && said.contains("broken.conf:15:22") && said.contains("^^^^"),
        "{said}"
    );

    let output = desk.import(Path::new("/nonexistent.conf"))?;
    ensure!(
        output.status.code() == Some(1) && shown(&output).contains("/nonexistent.conf"),
        "{}",
        shown(&output)
    );
    Ok(())
}

#[test]
fn what_does_not_run_is_not_written_and_says_why() -> Result<()> {
    let desk = Desk::new()?;
    let out = desk.lab.scratch().path().join("out.toml");
    let lvs = desk.file("lvs.conf", "virtual_server 192.0.2.1 80 {\n}\n")?;
    let clash =
        desk.file("clash.conf", &PLAIN.replace(" priority 150", " priority 150\n mcast_src_ip 192.0.2.51"))?;
    for (path, code, reason) in
        [(&lvs, 4, "lvs.conf:1:1: not supported: virtual_server"), (&clash, 2, "clash.conf:10:2")]
    {
        let output =
            desk.run(&binary()?, &["import", &path.to_string_lossy(), "-o", &out.to_string_lossy()])?;
        ensure!(output.status.code() == Some(code) && !out.exists(), "{}", shown(&output));
        ensure!(shown(&output).contains(reason), "{}", shown(&output));
        let checked = desk.run(&binary()?, &["check", "--keepalived-conf", &path.to_string_lossy()])?;
        ensure!(checked.status.code() == Some(2) && shown(&checked).contains(reason), "{}", shown(&checked));
    }
    Ok(())
}
