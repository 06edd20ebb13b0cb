//! SIGUSR2, signals that come close together, and the end: no signal is lost, none kills, and what cannot take the
//! daemon's place leaves everything as it was.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, mknodat},
    process::Signal,
};
use tests::{
    Lab,
    daemons::{Daemon as _, Router, Vrrpd, binary},
    scenario::{PATIENCE, VRID, until_adverts, until_master},
    wait::{Mark, poll},
};

const ADVERT_INT: Duration = Duration::from_millis(100);

/// A master whose program is a file of its own, which can be exchanged.
struct Upgrade {
    lab: Lab,
    daemon: Vrrpd,
    program: PathBuf,
    config: String,
}

impl Upgrade {
    fn start(before: &str) -> Result<Self> {
        let lab = Lab::with_routers(1)?;
        let program = lab.scratch().path().join("vrrpd");
        fs::copy(binary()?, &program)?;
        let router = Router { advert_int: ADVERT_INT, ..Router::default() };
        let config = format!("{before}\n{}", router.vrrpd("r1"));
        let daemon = Vrrpd::start_with(&program, &lab.host("r1")?.namespace, &lab.scratch(), &config)?;
        until_master(&lab, "r1", Mark::default())?;
        Ok(Self { lab, daemon, program, config })
    }

    /// Puts another file in the program's place, as a package manager does.
    fn exchange(&self, text: impl AsRef<[u8]>) -> Result<()> {
        let next = self.lab.scratch().path().join("next");
        fs::write(&next, text)?;
        fs::set_permissions(&next, fs::Permissions::from_mode(0o755))?;
        Ok(fs::rename(next, &self.program)?)
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        self.daemon.process().signal(signal)
    }

    fn count(&self, words: &str) -> usize {
        self.daemon.log().matches(words).count()
    }

    fn until(&self, words: &str, count: usize) -> Result<()> {
        poll(&format!("{count} × {words:?} in the log"), PATIENCE, || {
            Ok((self.count(words) >= count).then_some(()))
        })
        .with_context(|| self.daemon.log())
    }

    /// Bits of `/proc/PID/status`.
    fn mask(&mut self, key: &str) -> Result<u64> {
        let pid = self.daemon.process().pid()?.as_raw_nonzero();
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)).context("no such line")?;
        Ok(u64::from_str_radix(line.trim_start_matches(':').trim(), 16)?)
    }

    /// Nobody has left, and the adverts go on.
    fn still_master(&self, mark: Mark) -> Result<()> {
        until_adverts(&self.lab, "r1", 3)?;
        self.lab.wire().look(mark, |timeline| {
            ensure!(!timeline.adverts(VRID).any(|(_, advert)| advert.priority == 0), "it has left");
            Ok(())
        })
    }
}

const TAKEN: &str = "replacing the program";
const ATTACHED: &str = "data plane attached";
const REFUSED: &str = "this program goes on";

#[test]
fn signals_milliseconds_apart_are_all_obeyed_and_kill_nobody() -> Result<()> {
    let mut upgrade = Upgrade::start("")?;
    let mark = upgrade.lab.wire().mark();
    for (round, gap) in [0, 1, 3, 10].into_iter().enumerate() {
        for second in [Signal::USR2, Signal::HUP] {
            let (attached, reloaded) = (upgrade.count(ATTACHED), upgrade.count("configuration reloaded"));
            upgrade.signal(Signal::USR2)?;
            thread::sleep(Duration::from_millis(gap));
            upgrade.signal(second)?;
            upgrade.until(ATTACHED, attached + 1).with_context(|| format!("round {round}, {second:?}"))?;
            if second == Signal::HUP {
                upgrade.until("configuration reloaded", reloaded + 1)?;
            }
        }
    }
    upgrade.still_master(mark)?;
    // At the moment of the exchange.
    for second in [Signal::USR2, Signal::HUP, Signal::TERM] {
        let (taken, attached) = (upgrade.count(TAKEN), upgrade.count(ATTACHED));
        let reloaded = upgrade.count("configuration reloaded");
        upgrade.signal(Signal::USR2)?;
        upgrade.until(TAKEN, taken + 1)?;
        upgrade.signal(second)?;
        if second != Signal::TERM {
            upgrade.until(ATTACHED, attached + 1)?;
        }
        if second == Signal::HUP {
            upgrade.until("configuration reloaded", reloaded + 1)?;
        }
    }
    let status = upgrade.daemon.process().ended()?;
    ensure!(status.success(), "{status}\n{}", upgrade.daemon.log());
    Ok(())
}

/// The configuration is a pipe that nobody writes to yet: the daemon stands before everything that it sets up.
#[test]
fn signals_in_the_first_moments_of_a_start_wait_until_it_is_there() -> Result<()> {
    let lab = Lab::with_routers(1)?;
    let host = &lab.host("r1")?.namespace;
    let path = lab.scratch().path().join(format!("{}-vrrpd.toml", host.name()));
    let router = Router { advert_int: ADVERT_INT, ..Router::default() };
    let text = router.vrrpd("r1");
    // The daemon under test writes its file itself; so this one is exchanged for a pipe while it does not run.
    let mut daemon = Vrrpd::start_with(&binary()?, host, &lab.scratch(), &text)?;
    until_master(&lab, "r1", Mark::default())?;
    daemon.terminate()?;
    fs::remove_file(&path)?;
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    daemon.restart()?;
    // Opens when the other end does: the daemon reads.
    let writer = poll("the daemon opens its configuration", PATIENCE, || {
        Ok(rustix::fs::open(&path, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).ok())
    })?;
    daemon.process().signal(Signal::HUP)?;
    daemon.process().signal(Signal::USR2)?;
    fs::remove_file(&path)?;
    fs::write(&path, &text)?;
    let mark = lab.wire().mark();
    rustix::io::write(&writer, text.as_bytes())?;
    drop(writer);
    until_master(&lab, "r1", mark).with_context(|| daemon.log())?;
    for words in ["configuration reloaded", TAKEN] {
        poll(words, PATIENCE, || Ok(daemon.log().contains(words).then_some(())))
            .with_context(|| daemon.log())?;
    }
    daemon.terminate()
}

#[test]
fn what_cannot_take_the_daemon_s_place_changes_nothing() -> Result<()> {
    let check = "[vrrp_script.alive]\nscript = \"/bin/true\"\ninterval = \"100ms\"\n";
    let mut upgrade = Upgrade::start("")?;
    let tracking = upgrade.config.replace("version =", "track_script = [\"alive\"]\nversion =");
    let config = format!("{tracking}\n{check}");
    upgrade.daemon.reload_with(&config)?;
    upgrade.until("configuration reloaded", 1)?;
    let (ignored, blocked) = (upgrade.mask("SigIgn")?, upgrade.mask("SigBlk")?);
    ensure!(ignored & (1 << (libc::SIGPIPE - 1)) != 0, "SIGPIPE is ignored: {ignored:x}");
    let mark = upgrade.lab.wire().mark();
    let genuine = fs::read(&upgrade.program)?;
    let trap = upgrade.lab.scratch().path().join("trap");
    // Says yes, and cannot be executed any more when it comes to it.
    let liar = format!(
        "#!/bin/sh\nif [ \"$1\" = -V ]; then echo vrrpd 9; else chmod 600 {}; fi\n",
        upgrade.program.display()
    );
    let cases = [
        (format!("touch {}\n", trap.display()), "neither a program nor a script"),
        ("\u{7f}ELF".to_owned(), REFUSED),
        ("#!/bin/true\n".to_owned(), "it is no vrrpd"),
        ("#!/bin/sh\nexec sleep 60\n".to_owned(), "it does not answer"),
        (liar, "it could not be replaced"),
    ];
    for (number, (text, words)) in cases.into_iter().enumerate() {
        upgrade.exchange(text)?;
        upgrade.signal(Signal::USR2)?;
        upgrade.until(REFUSED, number + 1)?;
        upgrade.until(words, 1)?;
    }
    ensure!(!trap.exists(), "a shell has run it in the daemon's place");
    upgrade.exchange(&genuine)?;
    let path = config_of(&upgrade)?;
    fs::write(&path, config.replace("priority = 100", "priority = 1000"))?;
    upgrade.signal(Signal::USR2)?;
    upgrade.until("priority = 1000", 1)?;
    ensure!(upgrade.count(TAKEN) == 1, "only the liar was tried:\n{}", upgrade.daemon.log());
    ensure!((ignored, blocked) == (upgrade.mask("SigIgn")?, upgrade.mask("SigBlk")?), "signals");
    upgrade.still_master(mark)?;
    let results =
        |upgrade: &Upgrade| Ok::<_, anyhow::Error>(upgrade.daemon.status()?["checks"][0]["results"].as_u64());
    let before = results(&upgrade)?;
    poll("scripts run again", PATIENCE, || Ok((results(&upgrade)? > before).then_some(())))?;
    ensure!(!upgrade.daemon.log().contains("the check fails"), "{}", upgrade.daemon.log());
    fs::write(&path, &config)?;
    upgrade.signal(Signal::USR2)?;
    upgrade.until(ATTACHED, 2)?;
    upgrade.still_master(mark)
}

fn config_of(upgrade: &Upgrade) -> Result<PathBuf> {
    let name = upgrade.lab.host("r1")?.namespace.name().to_owned();
    Ok(upgrade.lab.scratch().path().join(format!("{name}-vrrpd.toml")))
}

/// Leaving takes up to an interval when there is no successor.
#[test]
fn once_told_to_stop_it_stops_whatever_comes_after() -> Result<()> {
    for signal in [Signal::HUP, Signal::USR2] {
        let mut upgrade = Upgrade::start("")?;
        let slow = upgrade.config.replace("100ms", "1000ms");
        upgrade.daemon.reload_with(&slow)?;
        upgrade.until("configuration reloaded", 1)?;
        until_adverts(&upgrade.lab, "r1", 2)?;
        let other = Router { vrid: 52, addresses: vec!["192.0.2.52/32".into()], ..Router::default() };
        let other = other.vrrpd("r1");
        let section = other.split_once("\n\n").context("a section")?.1;
        fs::write(config_of(&upgrade)?, format!("{slow}\n{section}"))?;
        upgrade.signal(Signal::TERM)?;
        upgrade.signal(signal)?;
        let status = upgrade.daemon.process().ended().with_context(|| upgrade.daemon.log())?;
        ensure!(status.success(), "{status}");
        upgrade.until("the daemon is stopping", 1)?;
    }
    Ok(())
}

/// What `cat` does.
struct Reader {
    file: fs::File,
    text: String,
}

impl Reader {
    fn open(path: &Path) -> Result<Self> {
        let file = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        Ok(Self { file, text: String::new() })
    }

    /// Reads what is there. The end of the file is the end of the reader.
    fn read(&mut self) -> Result<()> {
        let mut buffer = [0; 4_096];
        match self.file.read(&mut buffer) {
            Ok(0) => anyhow::bail!("the reader sees the end of the FIFO after {:?}", self.text),
            Ok(length) => self.text.push_str(str::from_utf8(buffer.get(..length).unwrap_or_default())?),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

#[test]
fn readers_of_the_fifo_go_on_over_an_upgrade_and_it_goes_with_the_last_daemon() -> Result<()> {
    let path = std::env::temp_dir().join(format!("vrrpd-{}-fifo", std::process::id()));
    let second = path.with_extension("second");
    let fifos = format!("notify_fifo = \"{}\"\nvrrp_notify_fifo = \"{}\"", path.display(), second.display());
    let mut upgrade = Upgrade::start(&fifos)?;
    let (mut reader, mut other) = (Reader::open(&path)?, Reader::open(&second)?);
    let mut until = |what: &str, upgrade: &Upgrade, condition: &dyn Fn(&str) -> bool| {
        poll(what, PATIENCE, || {
            reader.read()?;
            other.read()?;
            Ok((condition(&reader.text) && reader.text == other.text).then_some(()))
        })
        .with_context(|| upgrade.daemon.log())
    };
    until("a line", &upgrade, &|text| text.contains("MASTER 100"))?;
    for round in 2..=3 {
        upgrade.signal(Signal::USR2)?;
        until("the next program", &upgrade, &|_| upgrade.count(ATTACHED) >= round)?;
    }
    upgrade.signal(Signal::TERM)?;
    until("the last line", &upgrade, &|text| text.contains("STOP 100"))?;
    upgrade.daemon.process().ended()?;
    ensure!(!path.exists() && !second.exists(), "the daemon has made both, and takes them away");
    Ok(())
}
