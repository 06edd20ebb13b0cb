use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use super::*;

const LONG: Duration = Duration::from_secs(10);

/// Kernel work on a current-thread runtime, as on the main thread.
fn on_main<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn shell(line: &str) -> Job {
    Job { program: Program::Shell(line.into()), arguments: Vec::new(), user: None }
}

fn direct(words: &[&str]) -> Job {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Job { program: Program::Direct(words), arguments: Vec::new(), user: None }
}

fn run(job: &Job, timeout: Duration) -> Result<Ended, ProgramError> {
    on_main(Launcher::new().run(job, timeout))
}

fn output_of(job: &Job) -> String {
    run(job, LONG).unwrap().output.lines().join("\n")
}

/// A directory that only root can write, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(format!("/run/vrrpd-test-program-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path.display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn gone(pid: &str) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Path::new(&format!("/proc/{pid}")).exists() {
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if state.contains(") Z ") {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}

#[test]
fn arguments_exit_code_and_output_come_through() {
    let ended = run(&direct(&["/bin/sh", "-c", "echo out; echo err >&2; exit 3"]), LONG).unwrap();
    assert_eq!((ended.ending, ended.timed_out), (Ending::Exited(3), false));
    assert_eq!(ended.output.lines(), ["out", "err"]);
    assert!(!ended.succeeded());
    assert!(run(&direct(&["/bin/true"]), LONG).unwrap().succeeded());
}

#[test]
fn a_word_with_blanks_is_one_word_and_a_shell_line_is_one_line() {
    let mut job = direct(&["/usr/bin/printf", "<%s>"]);
    job.arguments = vec!["INSTANCE".into(), "two words".into(), "$HOME;".into()];
    assert_eq!(output_of(&job), "<INSTANCE><two words><$HOME;>");
    let mut job = shell("true && printf '<%s>'");
    job.arguments = vec!["two words".into(), "$HOME;".into()];
    assert_eq!(output_of(&job), "<two words><$HOME;>");
}

#[test]
fn a_program_has_its_own_group_and_nothing_of_the_daemon_s() {
    // Without signal 32, which the C library keeps for itself and does not let anybody set.
    let text = output_of(&shell(
        "test $$ = $(cut -d' ' -f5 /proc/$$/stat) && echo leader; \
         grep -E 'SigBlk|SigIgn' /proc/self/status | sed 's/[89a-f]\\(.......\\)$/0\\1/'; ls /proc/self/fd | wc -l; pwd; umask; \
         cat /proc/self/oom_score_adj; readlink /proc/self/fd/0",
    ));
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    // ls has its own fd for the directory.
    let zero = "0000000000000000";
    let expected = [
        "leader",
        &format!("SigBlk: {zero}"),
        &format!("SigIgn: {zero}"),
        "4",
        "/",
        "0022",
        "0",
        "/dev/null",
    ];
    assert_eq!(lines.iter().map(|line| line.replace('\t', " ")).collect::<Vec<_>>(), expected);
}

#[test]
fn a_user_is_taken_on_whole_by_name_and_by_number() {
    let user = |user: &str, group: Option<&str>| User { user: user.into(), group: group.map(Into::into) };
    let ids = |user| output_of(&Job { user: Some(user), ..shell("id -u; id -g; id -G; echo $USER $HOME") });
    assert_eq!(ids(user("nobody", None)), "65534\n65534\n65534\nnobody /nonexistent");
    assert_eq!(ids(user("65534", Some("daemon"))), "65534\n1\n1\nnobody /nonexistent");
    assert_eq!(ids(user("54321", Some("54322"))), "54321\n54322\n54322\n54321 /");
}

#[test]
fn a_hung_program_is_killed_with_its_whole_group() {
    let job = shell("trap '' TERM; sleep 1000 & echo $!; echo $$; exec sleep 1000");
    let before = Instant::now();
    let ended = run(&job, Duration::from_millis(100)).unwrap();
    assert!(ended.timed_out && !ended.succeeded());
    assert_eq!(ended.ending, Ending::Signalled(libc::SIGKILL), "it did not hear SIGTERM");
    assert!(before.elapsed() > Duration::from_secs(2), "it had its grace");
    let pids = ended.output.lines();
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| gone(pid)), "{pids:?}");
}

#[test]
fn a_program_that_ends_by_sigterm_gets_no_more() {
    let ended = run(&shell("sleep 1000; true"), Duration::from_millis(50)).unwrap();
    assert_eq!((ended.timed_out, ended.ending), (true, Ending::Signalled(libc::SIGTERM)));
    assert!(ended.took < Duration::from_secs(2));
}

#[test]
fn what_is_dropped_is_killed_and_reaped() {
    on_main(async {
        let launcher = Launcher::new();
        let mut running = launcher.start(&shell("echo $$; exec sleep 1000")).await.unwrap();
        let _elapsed = tokio::time::timeout(Duration::from_millis(100), running.exited()).await;
        drop(running);
        let left = || lock(&launcher.shared.running).len();
        let deadline = Instant::now() + LONG;
        while left() > 0 && Instant::now() < deadline {
            launcher.shared.sweep();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(left(), 0);
    });
}

#[test]
fn nothing_is_left_when_the_daemon_is_replaced() {
    on_main(async {
        let launcher = Launcher::new();
        let _one = launcher.start(&shell("trap '' TERM; sleep 1000; true")).await.unwrap();
        let _two = launcher.start(&direct(&["/bin/sleep", "1000"])).await.unwrap();
        let halted = launcher.kill_all();
        assert_eq!(lock(&launcher.shared.running).len(), 0);
        let job = shell("true");
        let later = launcher.run(&job, LONG);
        assert!(tokio::time::timeout(Duration::from_millis(50), later).await.is_err(), "started meanwhile");
        drop(halted);
        assert!(launcher.run(&job, LONG).await.unwrap().succeeded());
    });
}

#[test]
fn a_service_that_a_script_starts_does_not_hold_the_script_up_and_lives_on() {
    let scratch = Scratch::new();
    let mark = scratch.0.join("mark").display().to_string();
    on_main(async {
        let line = format!("setsid sh -c 'sleep 0.3; echo late; touch {mark}' & echo early");
        let ended = Launcher::new().run(&shell(&line), LONG).await.unwrap();
        assert!(ended.succeeded() && ended.took < Duration::from_millis(250), "{ended:?}");
        assert_eq!(ended.output.lines(), ["early"]);
        let deadline = Instant::now() + LONG;
        while !Path::new(&mark).exists() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(Path::new(&mark).exists(), "killed by SIGPIPE");
    });
}

#[test]
fn output_is_bounded_and_a_full_pipe_stops_nobody() {
    let ended = run(&shell("head -c 3000000 /dev/zero | tr '\\0' x; echo; seq 100"), LONG).unwrap();
    assert!(ended.succeeded());
    let lines = ended.output.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines.last().unwrap(), "(0 more lines and 2992101 more bytes)");
    let lines = run(&shell("seq 100; printf 'a\\033[31mb'"), LONG).unwrap().output.lines();
    assert_eq!((lines.len(), lines[20].as_str()), (21, "(81 more lines and 0 more bytes)"));
}

#[test]
fn what_cannot_run_says_why() {
    let scratch = Scratch::new();
    let why = |job: &Job| run(job, LONG).unwrap_err().to_string();
    let file = |name, text, mode| direct(&[&scratch.file(name, text, mode)]);
    assert_eq!(why(&direct(&["/no/such/file"])), "/no/such/file: there is no such file");
    assert_eq!(why(&direct(&["relative"])), "a program needs an absolute path");
    assert!(why(&file("plain", "#!/bin/sh\n", 0o644)).ends_with("plain: not an executable file (chmod +x)"));
    let no_interpreter = why(&file("odd", "#!/no/such/shell\n", 0o755));
    assert!(no_interpreter.ends_with("odd: the program that its first line names (#!) is missing"));
    assert!(why(&file("bare", "echo\n", 0o755)).contains("neither a program nor a script"));
    assert!(why(&file("open", "#!/bin/sh\n", 0o757)).starts_with("refused to run as root: "));
    let nobody = User { user: "nobody".into(), group: None };
    let private = Job { user: Some(nobody), ..file("private", "#!/bin/sh\n", 0o700) };
    assert!(why(&private).ends_with("private: user nobody may not execute it"));
    let unknown = |user: &str, group: Option<&str>| {
        why(&Job { user: Some(User { user: user.into(), group: group.map(Into::into) }), ..shell("true") })
    };
    assert_eq!(unknown("no-such-user", None), "there is no user \"no-such-user\"");
    assert_eq!(unknown("nobody", Some("no-such-group")), "there is no group \"no-such-group\"");
    assert!(unknown("54321", None).contains("name its group too"));
}

/// The daemon was to be replaced, and could not be.
#[test]
fn what_was_killed_for_the_next_program_is_no_result_when_that_does_not_come() {
    on_main(async {
        let launcher = Launcher::new();
        let mut running = launcher.start(&direct(&["/bin/sleep", "1000"])).await.unwrap();
        drop(launcher.kill_all());
        running.exited().await;
        assert_eq!(running.reap(false).ending, Ending::CalledOff);
        assert!(lock(&launcher.shared.called_off).is_empty());
        assert!(launcher.run(&shell("true"), LONG).await.unwrap().succeeded());
    });
}

#[test]
fn the_daemon_s_own_program_runs_where_the_daemon_is_and_others_begin_with_the_daemon_s_first_limits() {
    let here = std::env::current_dir().unwrap().display().to_string();
    let arguments = vec!["-c".into(), "pwd".into()];
    let ended = on_main(Launcher::new().run_own(Path::new("/bin/sh"), arguments, LONG)).unwrap();
    assert_eq!(ended.output.lines(), [here]);
    let before = output_of(&shell("ulimit -Sn"));
    crate::descriptors::raise();
    let raised = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    assert_eq!(output_of(&shell("ulimit -Sn")), before);
    assert!(raised.current >= before.parse().ok(), "{raised:?}");
    let lowered = crate::descriptors::lower();
    assert_eq!(rustix::process::getrlimit(rustix::process::Resource::Nofile).current, before.parse().ok());
    drop(lowered);
}

/// Starts in the background what writes its number into a file and stays, in four disguises.
const HIDING: &str = "setsid sh -c 'echo $$ >> PIDS; exec sleep 1000' & \
     (setsid sh -c '(setsid sh -c \"echo \\$\\$ >> PIDS; exec sleep 1000\" &)' &) ; \
     env -i /usr/bin/setsid /bin/sh -c '(echo $$ >> PIDS; exec /bin/sleep 1000) &' & \
     sh -c '(trap \"\" TERM; setsid sh -c \"trap \\\"\\\" TERM; echo \\$\\$ >> PIDS; while :; do sleep 1; done\" &)' & ";

fn hiding(scratch: &Scratch) -> (String, PathBuf) {
    let pids = scratch.0.join("pids");
    (HIDING.replace("PIDS", &pids.display().to_string()), pids)
}

fn numbers(pids: &Path, count: usize) -> Vec<String> {
    let deadline = Instant::now() + LONG;
    loop {
        let found: Vec<_> = fs::read_to_string(pids).unwrap_or_default().lines().map(str::to_owned).collect();
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "only {found:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn after_a_timeout_nothing_of_a_script_is_left_and_nothing_of_others_is_lost() {
    let scratch = Scratch::new();
    let (line, pids) = hiding(&scratch);
    let other = scratch.0.join("other");
    on_main(async {
        let launcher = Launcher::new();
        let neighbour =
            format!("setsid sh -c 'echo $$ > {}; exec sleep 1000' & exec sleep 1000", other.display());
        let neighbour = launcher.start(&shell(&neighbour)).await.unwrap();
        let kept = numbers(&other, 1);
        for (round, end) in
            ["exec sleep 1000", "trap 'exit 0' TERM; sleep 1000 & wait"].into_iter().enumerate()
        {
            let job = shell(&format!("{line} {end}"));
            let ended = launcher.run(&job, Duration::from_millis(400)).await.unwrap();
            assert!(ended.timed_out);
            let left = numbers(&pids, 4 * (round + 1));
            assert!(left.iter().all(|pid| gone(pid)), "{left:?}");
        }
        assert!(kept.iter().all(|pid| Path::new(&format!("/proc/{pid}")).exists()));
        neighbour.kill().await;
        assert!(kept.iter().all(|pid| gone(pid)));
    });
}

/// Its last act on SIGTERM is to start something that hides, and the leader is gone before that is looked for.
#[test]
fn nor_of_what_it_starts_when_it_is_told_to_end() {
    let scratch = Scratch::new();
    let pids = scratch.0.join("pids");
    let path = pids.display();
    let act = format!(
        "setsid sh -c 'echo $$ >> {path}; exec sleep 1000' & while ! test -s {path}; do sleep 0.01; done; exit 0"
    );
    let file = scratch.file("act", &format!("{act}\n"), 0o755);
    let job = shell(&format!("trap '. {file}' TERM; while :; do sleep 0.01; done"));
    run(&job, Duration::from_millis(100)).unwrap();
    assert!(numbers(&pids, 1).iter().all(|pid| gone(pid)));
}

#[test]
fn nor_of_one_that_is_dropped_or_ended_before_the_daemon_is_replaced() {
    let scratch = Scratch::new();
    let (line, pids) = hiding(&scratch);
    on_main(async {
        let launcher = Launcher::new();
        let job = shell(&format!("{line} exec sleep 1000"));
        let running = launcher.start(&job).await.unwrap();
        let first = numbers(&pids, 4);
        drop(running);
        assert!(tokio::task::spawn_blocking(move || first.iter().all(|pid| gone(pid))).await.unwrap());
        let _running = launcher.start(&job).await.unwrap();
        let second = numbers(&pids, 8);
        drop(launcher.kill_all());
        assert!(second.iter().all(|pid| gone(pid)), "{second:?}");
    });
}
