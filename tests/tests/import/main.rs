//! keepalived.conf: real keepalived and vrrpd read the same files.

mod settings;

use std::{
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

use self::settings::{CORRECTED, dumped, imported};

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
