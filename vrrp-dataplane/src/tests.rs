//! What the tests of several modules have in common.

use std::process::Command;

/// Takes this thread into a network namespace of its own. Whether there is one: that needs root.
pub(crate) fn enter_namespace() -> bool {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: it needs root (cargo xtask test)");
        return false;
    }
    // SAFETY: touches no memory. The thread is the test's own, and ends with it.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0);
    true
}

/// Runs a command and returns what it says.
pub(crate) fn run(command: &str) -> String {
    let mut words = command.split_whitespace();
    let out = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(out.status.success(), "{command}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}
