//! The shipped unit under a real systemd, with the nginx example and scripts as operators write them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::{
    gateway::example,
    lab::CLIENT,
    scenario::{PATIENCE, VIP, until_master, until_state},
    wait::poll,
};

mod pair;

use pair::{Pair, Set, UNIT, shipped};

/// Where the pins of a host are, whatever the unit's sandbox.
const PINS: &str = "/sys/fs/bpf/vrrpd/v1/eth0";

/// Beside the example's own check: one that runs as nobody, and what else reaches outside of the daemon.
const FEATURES: &str = r#"
[vrrp_script.as_nobody]
script = "/etc/vrrpd/as-nobody.sh"
interval = "1s"
timeout = "900ms"
user = "nobody"

[vrrp_process.nginx]
process = "nginx"

[vrrp_tcp.web]
address = "127.0.0.1:80"
interval = "1s"

[vrrp_file.maintenance]
file = "/run/vrrpd/maintenance"
weight = 1
init_file = { value = 0 }
"#;

/// The example's configuration for gw1, with all of [`FEATURES`].
fn configuration() -> Result<String> {
    let text = example("gw1.toml")?;
    ensure!(text.contains("track_script = [\"chk_nginx\"]"), "the example tracks something else");
    let tracked = "track_script = [\"chk_nginx\", \"as_nobody\"]\ntrack_process = [\"nginx\"]\n\
                   track_tcp = [\"web\"]\ntrack_file = [\"maintenance\"]";
    let text = text.replace("track_script = [\"chk_nginx\"]", tracked);
    let global = "notify_fifo = \"/run/vrrpd/notify\"\nscript_user = \"www-data\"\nip_nonlocal_bind = true\n";
    Ok(format!("{global}{text}{FEATURES}"))
}

const IS_NOBODY: &str = "#!/bin/sh\n[ \"$(id -un)\" = nobody ]\n";

/// A box with all of that, whose nginx is there before its checks ask for it.
fn with_features() -> Result<Set> {
    let order = "[Unit]\nAfter=nginx.service\n";
    let set = Set::new(&configuration()?)?.with("etc/vrrpd/as-nobody.sh", IS_NOBODY, 0o755)?;
    set.with("etc/systemd/system/vrrpd.service.d/order.conf", order, 0o644)
}

fn healthy(pair: &Pair) -> Result<()> {
    pair.until_status("all checks have a result", |status| {
        let good = |check: &serde_json::Value| check["state"] == "up" || check["state"] == "0";
        status["checks"].as_array().is_some_and(|checks| checks.len() == 5 && checks.iter().all(good))
    })?;
    let journal = pair.r1.journal(UNIT)?;
    let is_warning = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
    let warnings: Vec<_> = journal.lines().filter(is_warning).collect();
    ensure!(warnings.is_empty(), "at a start at which nothing is wrong:\n{}", warnings.join("\n"));
    // Outside of whatever mounts the unit has.
    let pins = pair.r1.exec(&format!("ls {PINS}"))?;
    ensure!(
        ["routers", "vips", "xdp_link"].iter().all(|pin| pins.lines().any(|line| line == *pin)),
        "{pins}"
    );
    ensure!(pair.r1.exec("stat -c %F:%U /run/vrrpd/notify")? == "fifo:www-data");
    ensure!(pair.r1.exec("cat /proc/sys/net/ipv4/ip_nonlocal_bind")? == "1");
    Ok(())
}

/// What the unit must do whatever is forbidden to it: all of its life but its end.
fn lives(pair: &Pair) -> Result<()> {
    healthy(pair)?;
    let (pid, mark) = (pair.main_pid()?, pair.lab.wire().mark());
    pair.r1.exec(&format!("systemctl kill --kill-whom=main --signal=USR2 {UNIT}"))?;
    poll("the program is replaced", PATIENCE, || {
        Ok((pair.r1.journal(UNIT)?.matches("data plane attached").count() == 2).then_some(()))
    })?;
    ensure!(pair.main_pid()? == pid, "systemd follows another process");
    pair.kept_the_role(mark)?;

    let mark = pair.lab.wire().mark();
    pair.kill()?;
    pair.kept_the_role(mark)?;
    ensure!(pair.r1.property(UNIT, "NRestarts")? == "1");
    Ok(())
}

#[test]
fn the_shipped_unit_runs_checks_upgrades_and_i9_is_back_within_the_lease() -> Result<()> {
    lives(&with_features()?.start()?)
}

#[test]
fn the_hardened_unit_runs_checks_upgrades_and_i9_is_back_within_the_lease() -> Result<()> {
    let drop_in = "etc/systemd/system/vrrpd.service.d/hardened.conf";
    lives(&with_features()?.with(drop_in, &shipped("vrrpd-hardened.conf")?, 0o644)?.start()?)
}

/// Whether the daemon has read the address that a reload has added.
fn has_another_address(status: &serde_json::Value) -> bool {
    status.to_string().contains("192.0.2.52")
}

#[test]
fn i9_reload_takes_a_good_file_and_fails_on_a_bad_one_and_a_stop_hands_over() -> Result<()> {
    let config = example("gw1.toml")?;
    let pair = Set::new(&config)?.start()?;
    let mark = pair.lab.wire().mark();
    let more = config.replace("[\"192.0.2.51/24\"]", "[\"192.0.2.51/24\", \"192.0.2.52/24\"]");
    ensure!(more != config, "the example has another address");
    pair.r1.write("/etc/vrrpd/vrrpd.toml", &more, 0o600)?;
    pair.r1
        .exec(&format!("systemctl reload {UNIT}"))
        .with_context(|| pair.r1.journal(UNIT).unwrap_or_default())?;
    pair.until_status("the new address", has_another_address)?;
    let noise = pair.r1.journal(UNIT)?;
    ensure!(!noise.contains("master down time"), "a reload prints the configuration:\n{noise}");

    pair.r1.write("/etc/vrrpd/vrrpd.toml", more.replace("priority = 100", "priority = 300"), 0o600)?;
    let refused = pair.r1.exec(&format!("systemctl reload {UNIT}"));
    ensure!(refused.is_err(), "systemd has reloaded a broken file");
    let told = pair.r1.journal(UNIT)?;
    ensure!(told.contains("priority"), "the journal does not say what is wrong:\n{told}");
    pair.until_status("it goes on", has_another_address)?;
    ensure!(pair.r1.property(UNIT, "ActiveState")? == "active");
    pair.kept_the_role(mark)?;

    let mark = pair.lab.wire().mark();
    pair.r1.exec(&format!("systemctl stop {UNIT}"))?;
    until_master(&pair.lab, "r2", mark)?;
    until_state(&pair.r2, "MASTER")?;
    ensure!(pair.r1.property(UNIT, "Result")? == "success");
    let left = pair.r1.exec(&format!("ip -o address show; ls -d {PINS} || true"))?;
    ensure!(!left.contains("192.0.2.51") && !left.contains(PINS), "it has left behind:\n{left}");
    Ok(())
}

#[test]
fn a_wrong_configuration_ends_the_unit_and_is_not_tried_again() -> Result<()> {
    let broken = example("gw1.toml")?.replace("priority = 100", "priority = 300");
    let set = Set::new(&broken)?;
    let r1 = set.boot()?;
    // Ten times the pause before a restart.
    std::thread::sleep(Duration::from_secs(1));
    let properties = ["ActiveState", "ExecMainStatus", "NRestarts"].map(|name| r1.property(UNIT, name));
    let [state, status, restarts] = properties;
    ensure!((&*state?, &*status?, &*restarts?) == ("failed", "2", "0"), "{}", r1.journal(UNIT)?);
    Ok(())
}

/// nginx as a child of its check, beside one that SIGTERM does not move.
const STUBBORN: &str = r#"
[vrrp_script.stubborn]
script = "/etc/vrrpd/stubborn.sh"
interval = "30s"
timeout = "30s"
weight = 1
"#;

#[test]
fn what_checks_have_started_outlives_restart_and_stop_and_i9_none_holds_them_up() -> Result<()> {
    let tracked = "track_script = [\"chk_nginx\", \"stubborn\"]";
    let config = example("gw1.toml")?.replace("track_script = [\"chk_nginx\"]", tracked) + STUBBORN;
    let direct = example("check_nginx.sh")?.replace("systemctl start nginx", "/usr/sbin/nginx");
    let set = Set::new(&config)?.with("etc/vrrpd/check_nginx.sh", &direct, 0o755)?;
    let set = set.with("etc/vrrpd/stubborn.sh", "#!/bin/sh\ntrap '' TERM\nsleep 30\nsleep 30\n", 0o755)?;
    // A link to it would mask it; an empty unit does as well.
    let set = set.with("etc/systemd/system/nginx.service", "", 0o644)?;
    let pair = set.start()?;
    let nginx = pair.r1.exec("cat /run/nginx.pid")?;
    let group = pair.r1.exec(&format!("cat /proc/{nginx}/cgroup"))?;
    ensure!(group.contains(UNIT), "nginx is not the check's child: {group}");
    poll("the stubborn check runs", PATIENCE, || {
        Ok(pair.r1.exec("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")?.contains("stubborn.sh").then_some(()))
    })?;
    let mark = pair.lab.wire().mark();
    pair.kill()?;
    pair.kept_the_role(mark)?;
    ensure!(pair.r1.exec("cat /run/nginx.pid")? == nginx, "the restart has cost another nginx");

    let mark = pair.lab.wire().mark();
    pair.r1.exec(&format!("systemctl stop {UNIT}"))?;
    until_master(&pair.lab, "r2", mark)?;
    pair.r1.exec(&format!("kill -0 {nginx}")).context("nginx is gone with the unit")?;
    // The kernel's killer of processes is not to be had here: systemd has no memory controller in the box.
    ensure!(pair.r1.property(UNIT, "OOMPolicy")? == "continue");
    Ok(())
}

/// Scripts as keepalived's users have them: what they do must not be forbidden.
const AS_ROOT: &str = r#"#!/bin/sh
exec 2>/run/as-root.err
set -ex
ip netns add scratch
ip netns exec scratch ip link set lo up
ip netns delete scratch
mkdir -p /var/lib/site /usr/local/nginx
echo master > /var/lib/site/state
echo master > /usr/local/nginx/state
chown www-data /var/lib/site/state
chmod 2755 /var/lib/site
su -s /bin/sh www-data -c 'id -un' | grep -q www-data
mount -t tmpfs none /mnt
umount /mnt
[ -e /tmp/flag ]
systemctl is-active nginx
ping -c 1 -W 1 192.0.2.2
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ]
ls -l /proc/1/exe
"#;

/// The same for who is not root: a program with privileges of its own.
const AS_OPERATOR: &str = r#"#!/bin/sh
exec 2>/tmp/as-operator.err
set -ex
[ "$(id -un)" = www-data ]
grep -q key /home/operator/key
ping -c 1 -W 1 192.0.2.2
"#;

const OPERATORS: &str = r#"
[vrrp_script.as_root]
script = "/root/as-root.sh"
interval = "1s"
timeout = "900ms"
user = "root"

[vrrp_script.as_operator]
script = "/home/operator/check.sh"
interval = "1s"
timeout = "900ms"
user = "www-data"

[vrrp_file.flag]
file = "/tmp/flag"
weight = 1
"#;

#[test]
fn scripts_may_do_under_the_shipped_unit_what_they_may_do_under_keepalived() -> Result<()> {
    let tracked = "track_script = [\"chk_nginx\", { name = \"as_root\", weight = 1 }, { name = \"as_operator\", \
                   weight = 1 }]\ntrack_file = [\"flag\"]";
    let config = example("gw1.toml")?.replace("track_script = [\"chk_nginx\"]", tracked) + OPERATORS;
    let pair = Set::new(&config)?
        .with("root/as-root.sh", AS_ROOT, 0o755)?
        .with("home/operator/check.sh", AS_OPERATOR, 0o755)?
        .with("home/operator/key", "key\n", 0o644)?
        .start()?;
    pair.r1.exec("echo 7 > /tmp/flag")?;
    let ran = pair.until_status("all checks have succeeded", |status| {
        let good = |check: &serde_json::Value| check["state"] == "up" || check["state"] == "7";
        status["checks"].as_array().is_some_and(|checks| checks.len() == 4 && checks.iter().all(good))
    });
    ran.with_context(|| pair.r1.exec("cat /run/as-root.err /tmp/as-operator.err").unwrap_or_default())?;
    pair.lab.host(CLIENT)?.namespace.exec(&format!("ping -c 1 -W 1 {VIP}"))?;
    Ok(())
}
