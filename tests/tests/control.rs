//! The control socket beside local users who are not to be believed, and over an upgrade.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tests::{
    Lab,
    daemons::{Process, Router, binary},
    scenario::{PATIENCE, VRID, distribution, until_adverts, until_master},
    wait::{Mark, poll},
};

const ADVERT_INT: Duration = Duration::from_millis(100);
const CONNECTIONS: u32 = 1_000;

/// A master with its socket where it is by default.
struct Daemon {
    lab: Lab,
    process: Process,
    socket: PathBuf,
}

impl Daemon {
    fn start() -> Result<Self> {
        let lab = Lab::with_routers(1)?;
        let host = &lab.host("r1")?.namespace;
        let config = lab.scratch().path().join("vrrpd.toml");
        let router = Router { advert_int: ADVERT_INT, ..Router::default() };
        fs::write(&config, router.vrrpd("r1"))?;
        let mut command = host.command(binary()?);
        command.arg("--config").arg(&config);
        let process = Process::start(command, "r1-vrrpd", host, &lab.scratch())?;
        until_master(&lab, "r1", Mark::default())?;
        let inode = host.exec("readlink /proc/self/ns/net")?;
        let inode: String = inode.chars().filter(char::is_ascii_digit).collect();
        let socket = PathBuf::from(format!("/run/vrrpd/netns-{inode}/vrrpd.sock"));
        ensure!(socket.exists(), "{}", socket.display());
        Ok(Self { lab, process, socket })
    }

    fn open_files(&self) -> Result<usize> {
        let pid = self.process.pid()?.as_raw_nonzero();
        Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
    }

    /// Connects again and again as nobody, and keeps what it gets. Prints how many it got.
    fn disturb(&self) -> Result<Process> {
        let script = format!(
            "import socket, time\nkept, got = [], 0\n\
             for _ in range({CONNECTIONS}):\n\
             \x20   one = socket.socket(socket.AF_UNIX)\n\
             \x20   one.settimeout(2)\n\
             \x20   try:\n\
             \x20       one.connect('{}')\n\
             \x20       kept.append(one)\n\
             \x20       got += 1\n\
             \x20   except OSError:\n\
             \x20       pass\n\
             \x20   time.sleep(0.0005)\n\
             print('got', got)\n",
            self.socket.display()
        );
        let host = &self.lab.host("r1")?.namespace;
        let mut command = host.command("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--",
            "/usr/bin/python3",
            "-c",
            &script,
        ]);
        Process::start(command, "nobody", host, &self.lab.scratch())
    }
}

/// Asks as root, and returns how long the answer took.
fn ask(socket: &Path) -> Result<(Duration, Value)> {
    let began = Instant::now();
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"status")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let took = began.elapsed();
    Ok((took, serde_json::from_str(&answer).with_context(|| format!("answer {answer:?}"))?))
}

/// As it is, and when somebody has opened it to all: what keeps strangers off then is the daemon alone.
#[test]
fn a_local_user_s_thousand_connections_cost_the_master_nothing() -> Result<()> {
    for mode in [None, Some(0o666)] {
        let mut daemon = Daemon::start()?;
        if let Some(mode) = mode {
            let directory = daemon.socket.parent().context("its directory")?;
            fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
            fs::set_permissions(&daemon.socket, fs::Permissions::from_mode(mode))?;
        }
        let (lines, files) = (daemon.process.log().lines().count(), daemon.open_files()?);
        let mark = daemon.lab.wire().mark();
        let mut nobody = daemon.disturb()?;
        let (mut took, mut most) = (Vec::new(), 0);
        while nobody.runs()? {
            let (time, status) = ask(&daemon.socket)?;
            ensure!(status["routers"][0]["state"] == "MASTER", "{status:#}");
            took.push(time.as_secs_f64() * 1e3);
            most = most.max(daemon.open_files()?);
            thread::sleep(Duration::from_millis(5));
        }
        took.sort_by(f64::total_cmp);
        println!("socket {mode:?}: {}, {}", distribution(&took), nobody.log().trim());
        ensure!(took.len() >= 20, "only {} questions", took.len());
        ensure!(took[took.len() / 2] <= 50.0, "{}", distribution(&took));
        let got = nobody.log();
        let expected = if mode.is_some() { format!("got {CONNECTIONS}") } else { "got 0".to_owned() };
        ensure!(got.trim() == expected, "{got}");
        ensure!(most <= files + 12, "{most} open files, {files} before");
        let more = daemon.process.log().lines().count() - lines;
        ensure!(more <= 2, "{more} lines:\n{}", daemon.process.log());
        until_adverts(&daemon.lab, "r1", 3)?;
        daemon.lab.wire().look(mark, |timeline| {
            ensure!(!timeline.adverts(VRID).any(|(_, advert)| advert.priority == 0), "it has left");
            Ok(())
        })?;
        daemon.process.signal(Signal::TERM)?;
        daemon.process.ended()?;
        ensure!(!daemon.socket.exists(), "the socket goes with the daemon");
    }
    Ok(())
}

#[test]
fn root_s_status_does_not_believe_who_is_neither_root_nor_itself() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let host = &lab.host("r1")?.namespace;
    let directory = lab.scratch().path().join("theirs");
    fs::create_dir(&directory)?;
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777))?;
    let socket = directory.join("sock");
    let script = format!(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('{}')\ns.listen(8)\n\
         while True:\n    c = s.accept()[0]\n    try:\n        c.sendall(b'{{}}')\n    except OSError:\n        pass\n    c.close()\n",
        socket.display()
    );
    let mut command = host.command("setpriv");
    command.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--",
        "/usr/bin/python3",
        "-c",
        &script,
    ]);
    let _impostor = Process::start(command, "impostor", host, &lab.scratch())?;
    poll("the impostor listens", PATIENCE, || Ok(UnixStream::connect(&socket).ok()))?;
    let output = host.command(binary()?).args(["status", "--json", "--socket"]).arg(&socket).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1) && said.contains("user 65534 answers there"), "{said}");
    ensure!(output.stdout.is_empty(), "{output:?}");
    // And no daemon takes a socket there.
    let config = lab.scratch().path().join("vrrpd.toml");
    fs::write(&config, Router::default().vrrpd("r1"))?;
    let mut command = host.command(binary()?);
    let output = command.arg("--config").arg(&config).arg("--socket").arg(&socket).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1) && said.contains("can be written by others"), "{said}");
    Ok(())
}

/// Who connects while one program becomes the other waits for it.
#[test]
fn clients_are_answered_all_through_an_upgrade() -> Result<()> {
    let mut daemon = Daemon::start()?;
    let done = AtomicBool::new(false);
    let socket = daemon.socket.clone();
    let asked = thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut asked = 0;
            while !done.load(Ordering::Acquire) {
                let (_, status) = ask(&socket).with_context(|| format!("question {asked}"))?;
                ensure!(status["version"].is_string(), "{status:#}");
                asked += 1;
                thread::sleep(Duration::from_millis(1));
            }
            Ok(asked)
        });
        let upgraded = (2..=4).try_for_each(|count| {
            daemon.process.signal(Signal::USR2)?;
            poll("the next program", PATIENCE, || {
                Ok((daemon.process.log().matches("data plane attached").count() >= count).then_some(()))
            })?;
            until_adverts(&daemon.lab, "r1", 2)
        });
        done.store(true, Ordering::Release);
        let asked = client.join().map_err(|_panic| anyhow::anyhow!("the client has panicked"))?;
        upgraded.and(asked)
    })
    .with_context(|| daemon.process.log())?;
    ensure!(asked > 50, "only {asked} questions");
    daemon.process.signal(Signal::KILL)?;
    daemon.process.ended()?;
    ensure!(daemon.socket.exists(), "nobody is left to remove it");
    // The next one has it all the same.
    let host = &daemon.lab.host("r1")?.namespace;
    let config = daemon.lab.scratch().path().join("vrrpd.toml");
    let mut command = host.command(binary()?);
    command.arg("--config").arg(&config);
    let mut next = Process::start(command, "next", host, &daemon.lab.scratch())?;
    poll("the next one answers", PATIENCE, || Ok(ask(&daemon.socket).ok()))?;
    next.signal(Signal::TERM)?;
    next.ended()?;
    ensure!(!daemon.socket.exists());
    Ok(())
}
