//! Scripts and the FIFO, with real programs.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    fifo::{Estate, Fifo},
    *,
};
use vrrp_config::{Hook, Hooks, NotifyFifo, Program};
use vrrp_engine::{State, StateChange, Subject};

/// A directory that only root can write to, with a script that writes what it is told into `log`.
struct Scene {
    directory: PathBuf,
}

impl Scene {
    fn new(script: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = PathBuf::from(format!("/run/vrrpd-notify-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let file = directory.join("script");
        fs::write(&file, format!("#!/bin/sh\ncd {}\n{script}\n", directory.display())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn hook(&self, argument: &str, timeout: Duration) -> Option<Hook> {
        let words = vec![self.path("script").display().to_string(), argument.to_owned()];
        Some(Hook { program: Program::Direct(words), user: None, timeout })
    }

    fn hooks(&self, timeout: Duration) -> Arc<Hooks> {
        Arc::new(Hooks {
            notify_master: self.hook("master", timeout),
            notify_backup: self.hook("backup", timeout),
            notify_fault: None,
            notify_stop: self.hook("stop", timeout),
            notify: self.hook("any", timeout),
            smtp_alert: false,
        })
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        text.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}

const LOGGING: &str = "echo \"$@\" >> log";
const PATIENT: Duration = Duration::from_secs(30);

fn change(name: &str, state: State) -> StateChange {
    StateChange { subject: Subject::Instance(name.into()), state, priority: 100 }
}

fn notifier(scene: &Scene, timeout: Duration) -> Notifier {
    let mut notifier = Notifier::new(Launcher::new());
    notifier.hooks.insert(Subject::Instance("VI_1".into()), scene.hooks(timeout));
    notifier.hooks.insert(Subject::Group("G1".into()), scene.hooks(timeout));
    notifier
}

#[tokio::test]
async fn the_script_of_the_state_comes_first_and_notify_has_keepalived_s_arguments() {
    let scene = Scene::new(LOGGING);
    let mut notifier = notifier(&scene, PATIENT);
    notifier.tell(&change("VI_1", State::Backup));
    notifier.tell(&change("VI_1", State::Master));
    notifier.tell(&change("VI_1", State::Fault));
    notifier.tell(&change("VI_1", State::Stop));
    notifier.finish().await;
    let expected = [
        "backup",
        "any INSTANCE VI_1 BACKUP 100",
        "master",
        "any INSTANCE VI_1 MASTER 100",
        "any INSTANCE VI_1 FAULT 100",
        "stop",
        "any INSTANCE VI_1 STOP 100",
    ];
    assert_eq!(scene.lines(), expected);
}

#[tokio::test]
async fn a_group_says_group_and_priority_0() {
    let scene = Scene::new(LOGGING);
    let mut notifier = notifier(&scene, PATIENT);
    notifier.tell(&StateChange { subject: Subject::Group("G1".into()), state: State::Master, priority: 0 });
    notifier.finish().await;
    assert_eq!(scene.lines(), ["master", "any GROUP G1 MASTER 0"]);
}

#[tokio::test]
async fn when_scripts_are_slow_states_are_left_out_but_never_the_latest() {
    let scene = Scene::new("case \"$*\" in *BACKUP*) sleep 0.3;; esac; echo \"$@\" >> log");
    let mut notifier = notifier(&scene, PATIENT);
    for _ in 0..40 {
        notifier.tell(&change("VI_1", State::Backup));
    }
    notifier.tell(&change("VI_1", State::Master));
    let queue = notifier.queues.remove(&Subject::Instance("VI_1".into())).unwrap();
    queue.finish().await;
    let lines = scene.lines();
    assert_eq!(lines.last().unwrap(), "any INSTANCE VI_1 MASTER 100");
    assert!((10..=40).contains(&lines.len()), "{lines:?}");
}

#[tokio::test]
async fn a_script_that_hangs_is_killed_and_the_next_state_comes() {
    let scene = Scene::new("case \"$*\" in master) exec sleep 60;; esac; echo \"$@\" >> log");
    let mut notifier = notifier(&scene, Duration::from_millis(300));
    notifier.tell(&change("VI_1", State::Master));
    notifier.tell(&change("VI_1", State::Backup));
    let results = Arc::clone(&notifier.results);
    notifier.finish().await;
    assert_eq!(scene.lines().last().unwrap(), "any INSTANCE VI_1 BACKUP 100");
    let results = results.lock().unwrap();
    let key = (Subject::Instance("VI_1".into()), "notify_master");
    assert_eq!(results[&key].outcome, "timed out, killed");
}

#[tokio::test]
async fn at_the_end_nothing_is_waited_for_longer_than_bearable() {
    let scene = Scene::new("exec sleep 60");
    let mut notifier = notifier(&scene, PATIENT);
    notifier.tell(&change("VI_1", State::Stop));
    let began = Instant::now();
    notifier.finish().await;
    assert!(began.elapsed() < LAST_WORDS + Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_script_that_is_missing_is_told_in_the_status() {
    let scene = Scene::new(LOGGING);
    fs::remove_file(scene.path("script")).unwrap();
    let mut notifier = notifier(&scene, PATIENT);
    notifier.tell(&change("VI_1", State::Master));
    let results = Arc::clone(&notifier.results);
    notifier.finish().await;
    let results = results.lock().unwrap();
    let outcome = &results[&(Subject::Instance("VI_1".into()), "notify_master")].outcome;
    assert!(outcome.contains("there is no such file"), "{outcome}");
}

fn fifo(path: &Path, script: Option<Hook>) -> Fifo {
    Fifo::open(NotifyFifo { path: path.to_owned(), script }, Launcher::new(), None, Estate::default())
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn the_fifo_holds_what_nobody_has_read_yet_and_goes_with_the_daemon() {
    let scene = Scene::new(LOGGING);
    let path = scene.path("fifo");
    let fifo = fifo(&path, None);
    until("the FIFO is made", || path.exists()).await;
    fifo.write(&change("VI_1", State::Backup));
    fifo.write(&change("VI_1", State::Master));
    let mut reader = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
    fifo.finish(Instant::now() + LAST_WORDS).await;
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "INSTANCE \"VI_1\" BACKUP 100\nINSTANCE \"VI_1\" MASTER 100\n");
    assert!(!path.exists());
}

#[tokio::test]
async fn without_a_reader_the_fifo_keeps_the_latest_state_of_each() {
    let scene = Scene::new(LOGGING);
    let path = scene.path("fifo");
    let fifo = fifo(&path, None);
    until("the FIFO is made", || path.exists()).await;
    for number in 0..20_000 {
        let state = if number % 2 == 0 { State::Backup } else { State::Fault };
        fifo.write(&change(&format!("VI_{}", number % 10), state));
        if number % 500 == 0 {
            tokio::task::yield_now().await;
        }
    }
    (0..10).for_each(|number| fifo.write(&change(&format!("VI_{number}"), State::Master)));
    let held = fifo.backlog();
    assert!(held <= 1_100, "{held} lines wait");
    let mut reader = fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
    let mut text = String::new();
    let mut buffer = [0; 65_536];
    let end = Instant::now() + Duration::from_secs(10);
    while !(0..10).all(|number| text.contains(&format!("\"VI_{number}\" MASTER"))) {
        assert!(Instant::now() < end, "the latest states have not come");
        if let Ok(length) = reader.read(&mut buffer) {
            text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let last = |number: usize| text.lines().rfind(|line| line.contains(&format!("VI_{number}\""))).unwrap();
    assert!((0..10).all(|number| last(number).contains("MASTER")));
}

#[tokio::test]
async fn the_fifo_s_script_gets_its_path_and_every_line_also_the_last() {
    let scene = Scene::new("exec cat \"$1\" >> log");
    let path = scene.path("fifo");
    let mut hook = scene.hook("", PATIENT).unwrap();
    hook.program = Program::Direct(vec![scene.path("script").display().to_string()]);
    let fifo = fifo(&path, Some(hook));
    fifo.write(&change("VI_1", State::Backup));
    until("the script reads", || scene.lines().len() == 1).await;
    fifo.write(&change("VI_1", State::Stop));
    fifo.finish(Instant::now() + LAST_WORDS).await;
    assert_eq!(scene.lines(), ["INSTANCE \"VI_1\" BACKUP 100", "INSTANCE \"VI_1\" STOP 100"]);
}

/// A reader that is there from the beginning and takes what comes.
fn reader(path: &Path) -> fs::File {
    fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap()
}

async fn until_read(reader: &mut fs::File, expected: &str) {
    let mut text = String::new();
    until(&format!("{expected:?} is read"), || {
        let _more = reader.read_to_string(&mut text);
        text == expected
    })
    .await;
}

#[tokio::test]
async fn a_fifo_that_is_there_is_written_to_and_stays() {
    let scene = Scene::new(LOGGING);
    let path = scene.path("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o640.into(), 0).unwrap();
    let mut reader = reader(&path);
    let fifo = fifo(&path, None);
    fifo.write(&change("VI_1", State::Master));
    until_read(&mut reader, "INSTANCE \"VI_1\" MASTER 100\n").await;
    fifo.finish(Instant::now() + LAST_WORDS).await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640, "the operator's");
}

#[tokio::test]
async fn a_link_to_a_fifo_and_a_file_are_not_written_to() {
    let scene = Scene::new(LOGGING);
    let (real, link, file) = (scene.path("real"), scene.path("link"), scene.path("file"));
    rustix::fs::mknodat(rustix::fs::CWD, &real, rustix::fs::FileType::Fifo, 0o640.into(), 0).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    fs::write(&file, "").unwrap();
    for path in [link, file] {
        let error = pipe::Pipe::open(&path, None, None).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists, "{}", path.display());
        assert!(path.exists());
    }
}

#[tokio::test]
async fn readers_go_on_over_a_reload_that_changes_the_script_and_another_path_takes_the_old_fifo_away() {
    let scene = Scene::new("exec sleep 60");
    let (path, other) = (scene.path("fifo"), scene.path("other"));
    let mut notifier = Notifier::new(Launcher::new());
    let config = |path: &Path, script| NotifyFifo { path: path.to_owned(), script };
    notifier.configure_fifos([Some(&config(&path, None)), None]);
    until("the FIFO is made", || path.exists()).await;
    let mut reader = reader(&path);
    notifier.tell(&change("VI_1", State::Backup));
    until_read(&mut reader, "INSTANCE \"VI_1\" BACKUP 100\n").await;
    notifier.configure_fifos([Some(&config(&path, scene.hook("reader", PATIENT))), None]);
    notifier.tell(&change("VI_1", State::Master));
    until_read(&mut reader, "INSTANCE \"VI_1\" MASTER 100\n").await;
    assert!(path.exists());
    notifier.configure_fifos([Some(&config(&other, None)), None]);
    until("the other is made, and this one gone", || other.exists() && !path.exists()).await;
    notifier.configure_fifos([None, None]);
    until("none is left", || !other.exists()).await;
}

#[tokio::test]
async fn two_fifos_get_every_line_each() {
    let scene = Scene::new("exec sleep 60");
    let (one, other) = (scene.path("one"), scene.path("other"));
    let config = |path: &Path| NotifyFifo { path: path.to_owned(), script: None };
    let mut notifier = Notifier::new(Launcher::new());
    notifier.configure_fifos([Some(&config(&one)), Some(&config(&other))]);
    until("both are made", || one.exists() && other.exists()).await;
    let readers = [&one, &other].map(|path| fs::File::open(path).unwrap());
    notifier.tell(&change("VI_1", State::Master));
    notifier.finish().await;
    for mut reader in readers {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "INSTANCE \"VI_1\" MASTER 100\n");
    }
}
