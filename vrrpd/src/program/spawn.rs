//! Starting a process without copying the daemon.
//!
//! `fork` copies the page tables of the whole process, and holds its memory map meanwhile, which makes the protocol
//! thread wait: 0.3 ms and more each time. Here the child borrows the memory until it is another program
//! (`CLONE_VM | CLONE_VFORK`, as `posix_spawn` does it, which however cannot change the user). Only the thread that
//! starts it stands still.

use std::{
    ffi::{CStr, CString, OsString, c_char, c_int, c_void},
    io,
    mem::zeroed,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::Path,
    ptr,
};

use rustix::process::Rlimit;

use super::{Ending, ProgramError, account::Account};
use crate::descriptors;

/// Bytes; the child calls the kernel and nothing else.
const STACK: usize = 65_536;

/// Signals that have a number.
const SIGNALS: c_int = 64;

/// Everything the child needs, made before it exists: it must not allocate.
struct Plan {
    path: CString,
    argv: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    input: RawFd,
    output: RawFd,
    uid: u32,
    gid: u32,
    groups: Option<Vec<u32>>,
    /// Entered first.
    directory: &'static CStr,
    /// Says whether it is given the orphans among what it starts.
    adopts: bool,
    /// Open files: the daemon may have raised its own.
    files: Option<libc::rlimit>,
    failure: Option<(Step, c_int)>,
}

/// Steps at which a child can fail.
#[derive(Clone, Copy, Debug)]
enum Step {
    Prepare,
    Privileges,
    Execute,
}

/// Program that is to be executed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Execution<'a> {
    pub(super) file: &'a Path,
    pub(super) argv: &'a [String],
    pub(super) environment: &'a [OsString],
    pub(super) account: &'a Account,
    /// Directory that it runs in: `.` is the daemon's own directory.
    pub(super) directory: &'static CStr,
    /// Says whether it is given the orphans among what it starts.
    pub(super) adopts: bool,
}

/// Starts a process in a group of its own and returns its number and a file descriptor that is readable at its end.
pub(super) fn spawn(
    execution: Execution<'_>,
    output: &OwnedFd,
) -> Result<(libc::pid_t, OwnedFd), ProgramError> {
    let Execution { file, argv, environment, account, directory, adopts } = execution;
    let path = zero_ended(file.as_os_str().as_bytes().to_vec())?;
    let argv =
        argv.iter().map(|word| zero_ended(word.clone().into_bytes())).collect::<Result<Vec<_>, _>>()?;
    let environment =
        environment.iter().map(|word| zero_ended(word.clone().into_vec())).collect::<Result<Vec<_>, _>>()?;
    let failed = |source| ProgramError::Start { path: file.to_owned(), source };
    let input = std::fs::File::open("/dev/null").map_err(failed)?;
    let mut plan = Plan {
        path,
        argv: pointers(&argv),
        environment: pointers(&environment),
        input: input.as_raw_fd(),
        output: output.as_raw_fd(),
        uid: account.uid,
        gid: account.gid,
        groups: account.groups.clone(),
        directory,
        adopts,
        files: descriptors::found().map(|found| limit(&found)),
        failure: None,
    };
    let child = clone_into(&mut plan).map_err(failed)?;
    let Some((step, errno)) = plan.failure else { return Ok(child) };
    let _status = wait(child.0, 0);
    Err(explain(step, errno, file, account))
}

fn zero_ended(bytes: Vec<u8>) -> Result<CString, ProgramError> {
    CString::new(bytes)
        .map_err(|error| ProgramError::ZeroByte(String::from_utf8_lossy(&error.into_vec()).into_owned()))
}

fn limit(found: &Rlimit) -> libc::rlimit {
    let number = |limit: Option<u64>| limit.unwrap_or(libc::RLIM_INFINITY);
    libc::rlimit { rlim_cur: number(found.current), rlim_max: number(found.maximum) }
}

fn pointers(words: &[CString]) -> Vec<*const c_char> {
    words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect()
}

fn clone_into(plan: &mut Plan) -> io::Result<(libc::pid_t, OwnedFd)> {
    let mut stack = vec![0u128; STACK / size_of::<u128>()];
    let mut pidfd: RawFd = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    // No handler of the daemon may run in the child, which shares its memory.
    let before = block_signals();
    // SAFETY: the stack, the plan and the file descriptor's place outlive the child's use of them, because this thread
    // stands still until the child has another memory or is gone. The child only calls the kernel.
    let pid = unsafe {
        let top = stack.as_mut_ptr_range().end.cast::<c_void>();
        libc::clone(child, top, flags, ptr::from_mut(plan).cast(), &raw mut pidfd)
    };
    let error = io::Error::last_os_error();
    // SAFETY: the pointer is to a signal set.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
    if pid < 0 {
        return Err(error);
    }
    // SAFETY: the kernel has made it for us, and nobody else has it.
    Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// Blocks all signals for this thread and returns those that were blocked before.
fn block_signals() -> libc::sigset_t {
    // SAFETY: signal sets are plain memory, and the pointers are to them.
    unsafe {
        let (mut all, mut before) = (zeroed(), zeroed());
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        before
    }
}

/// Runs in the child, on its own stack, in the daemon's memory.
extern "C" fn child(plan: *mut c_void) -> c_int {
    // SAFETY: `clone_into` hands over its plan and does not touch it before this is over.
    let plan = unsafe { &mut *plan.cast::<Plan>() };
    let step = match enter(plan) {
        Ok(()) => Step::Execute,
        Err(step) => step,
    };
    plan.failure = Some((step, errno()));
    // SAFETY: it does not return, and runs nothing of the daemon's.
    unsafe { libc::_exit(127) }
}

/// Returns only when it fails.
fn enter(plan: &Plan) -> Result<(), Step> {
    reset_signals();
    reset_scheduling();
    reset_files(plan);
    adopt(plan);
    spare_nobody();
    connect(plan).map_err(|()| Step::Prepare)?;
    take_on(plan).map_err(|()| Step::Privileges)?;
    // SAFETY: the set is plain memory; path and lists end with zero and live in the plan's makers.
    unsafe {
        let mut none = zeroed();
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
        libc::execve(plan.path.as_ptr(), plan.argv.as_ptr(), plan.environment.as_ptr());
    }
    Ok(())
}

/// The child has its own table of handlers. What the daemon ignores, the program shall not inherit.
fn reset_signals() {
    for signal in 1..=SIGNALS {
        // SAFETY: an all-zero action is the default one. Those that cannot be set are refused.
        unsafe {
            let action: libc::sigaction = zeroed();
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
    }
}

fn reset_scheduling() {
    // SAFETY: 0 is the child, and the pointer is to a sched_param.
    unsafe {
        let parameter: libc::sched_param = zeroed();
        libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameter);
        if libc::getpriority(libc::PRIO_PROCESS, 0) < 0 {
            libc::setpriority(libc::PRIO_PROCESS, 0, 0);
        }
    }
}

fn reset_files(plan: &Plan) {
    if let Some(files) = &plan.files {
        // SAFETY: the pointer is to a limit. Lowering is always permitted.
        let _lowered = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, files) };
    }
}

/// The kernel keeps it over the execution, and does not hand it down.
fn adopt(plan: &Plan) {
    if plan.adopts {
        // SAFETY: it takes no pointers.
        let _since_linux_3_4 = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    }
}

/// The daemon may be protected from the kernel's killer of processes; its scripts are not.
fn spare_nobody() {
    // SAFETY: the path ends with zero, and the length is that of the text.
    unsafe {
        let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file >= 0 {
            libc::write(file, c"0".as_ptr().cast(), 1);
            libc::close(file);
        }
    }
}

/// Group, directory, standard input and output; nothing else stays open.
fn connect(plan: &Plan) -> Result<(), ()> {
    // SAFETY: file descriptors are numbers, and the path ends with zero. The daemon's own 0 to 2 are always open, so
    // that neither end is one of them.
    let done = unsafe {
        libc::umask(0o022);
        libc::setpgid(0, 0) == 0
            && libc::chdir(plan.directory.as_ptr()) == 0
            && libc::dup2(plan.input, 0) == 0
            && libc::dup2(plan.output, 1) == 1
            && libc::dup2(plan.output, 2) == 2
            // Everything of ours is closed at execution anyway; this is for what is not ours. Old kernels lack it.
            && (libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) == 0 || errno() == libc::ENOSYS)
    };
    if done { Ok(()) } else { Err(()) }
}

/// By the kernel's own calls: those of the C library would change every thread of the daemon.
fn take_on(plan: &Plan) -> Result<(), ()> {
    let Some(groups) = &plan.groups else { return Ok(()) };
    // SAFETY: the list has the length that is given.
    let done = unsafe {
        libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) == 0
            && libc::syscall(libc::SYS_setresgid, plan.gid, plan.gid, plan.gid) == 0
            && libc::syscall(libc::SYS_setresuid, plan.uid, plan.uid, plan.uid) == 0
    };
    if done { Ok(()) } else { Err(()) }
}

fn errno() -> c_int {
    // SAFETY: it is this thread's.
    unsafe { *libc::__errno_location() }
}

/// Says what is behind the error number.
fn explain(step: Step, errno: c_int, file: &Path, account: &Account) -> ProgramError {
    let (path, source) = (file.to_owned(), io::Error::from_raw_os_error(errno));
    match (step, errno) {
        (Step::Privileges, _) => ProgramError::Privileges { user: account.name.clone(), source },
        (Step::Execute, libc::ENOENT | libc::ENOTDIR) if !file.exists() => ProgramError::Missing(path),
        (Step::Execute, libc::ENOENT) => ProgramError::NoInterpreter(path),
        (Step::Execute, libc::ENOEXEC) => ProgramError::NoFormat(path),
        (Step::Execute, libc::EACCES) if !is_executable(file) => ProgramError::NotExecutable(path),
        (Step::Execute, libc::EACCES) => ProgramError::NotPermitted { path, user: account.name.clone() },
        (Step::Prepare | Step::Execute, _) => ProgramError::Start { path, source },
    }
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Signals a process group whose leader is not reaped.
pub(super) fn kill_group(pid: libc::pid_t, signal: c_int) {
    // SAFETY: it takes no pointers. That nobody is left is no error.
    let _sent = unsafe { libc::kill(-pid, signal) };
}

/// Takes the status of a child if it has ended.
pub(super) fn reap(pid: libc::pid_t) -> Option<Ending> {
    wait(pid, libc::WNOHANG)
}

fn wait(pid: libc::pid_t, options: c_int) -> Option<Ending> {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to an int.
        match unsafe { libc::waitpid(pid, &raw mut status, options) } {
            0 => return None,
            -1 if errno() == libc::EINTR => {}
            -1 => return Some(Ending::Unknown),
            _ if libc::WIFSIGNALED(status) => return Some(Ending::Signalled(libc::WTERMSIG(status))),
            _ => return Some(Ending::Exited(libc::WEXITSTATUS(status))),
        }
    }
}

/// Sees to it that the kernel keeps the status of children: who started the daemon may have told it not to.
pub(super) fn keep_children() {
    // SAFETY: the default action for a signal that nothing here handles.
    let _previous = unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}
