//! A local user without privileges at a daemon's control socket.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// `nobody` and `nogroup`.
const NOBODY: libc::uid_t = 65_534;
/// Connections that are held open.
const HELD: usize = 200;
/// From one round to the next.
const PAUSE: Duration = Duration::from_millis(1);
/// Connections in each round.
const EACH: usize = 4;

/// Connects all the time, says nothing or rubbish, and holds on to what it gets. Gives up after `bound`.
pub(super) fn pester(socket: &Path, bound: Duration, stop: &AtomicBool) {
    if !become_nobody() {
        return;
    }
    let end = Instant::now() + bound;
    let mut held = Vec::new();
    while !stop.load(Ordering::Relaxed) && Instant::now() < end {
        for round in 0..EACH {
            // A daemon that is not there, or refuses, is what it is to be.
            let Ok(mut stream) = UnixStream::connect(socket) else { continue };
            if round == 0 {
                let _ = stream.write_all(b"status\n");
                let _ = stream.set_nonblocking(true);
                let _ = stream.read(&mut [0; 64]);
            }
            held.push(stream);
        }
        held.drain(..held.len().saturating_sub(HELD));
        thread::sleep(PAUSE);
    }
}

/// This thread alone: the C library's own calls would take all threads along.
fn become_nobody() -> bool {
    // SAFETY: no pointers, but an empty list of groups.
    unsafe {
        libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()) == 0
            && libc::syscall(libc::SYS_setresgid, NOBODY, NOBODY, NOBODY) == 0
            && libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY) == 0
    }
}
