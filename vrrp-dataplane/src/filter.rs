//! Programs as filters on the clsact qdisc, for kernels before 6.6. aya speaks that dialect of netlink.

use std::{
    error::Error,
    fs, io,
    os::fd::{AsFd as _, BorrowedFd},
    path::Path,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use aya::programs::{
    SchedClassifier, TcAttachType,
    tc::{NlOptions, TcAttachOptions},
};

use crate::{
    bpffs::{self, BPFFS},
    error::AttachError,
    host, sys,
};

/// Attaches a program. It stays by itself.
pub(crate) fn attach(
    program: BorrowedFd<'_>,
    interface: &str,
    place: TcAttachType,
    options: NlOptions,
) -> io::Result<()> {
    let mut program = classifier(program)?;
    let attached = program.attach_with_options(interface, place, TcAttachOptions::Netlink(options));
    let link = attached.and_then(|id| program.take_link(id)).map_err(|error| errno_of(&error))?;
    // Dropped, it would be removed.
    std::mem::forget(link);
    Ok(())
}

/// A program as aya has it, which takes none by its descriptor: by a pin that is gone again at once.
fn classifier(program: BorrowedFd<'_>) -> io::Result<SchedClassifier> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(BPFFS).join(format!("vrrpd-{}-{number}", process::id()));
    let program = program.try_clone_to_owned()?;
    let shown = path.clone();
    let failed = move |source| AttachError::Pin {
        action: "pin a program for a moment as",
        path: shown.clone(),
        source,
    };
    let pinned = host::in_mounts_of_the_host(move || {
        bpffs::ensure()?;
        sys::pin(program.as_fd(), &path).map_err(&failed)?;
        let classifier = SchedClassifier::from_pin(&path);
        fs::remove_file(&path).map_err(&failed)?;
        Ok(classifier)
    });
    let classifier = pinned.map_err(|error| errno_of(&error))?;
    classifier.map_err(|error| errno_of(&error))
}

/// The errno at the root of an error.
pub(crate) fn errno_of(error: &(dyn Error + 'static)) -> io::Error {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(errno) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return io::Error::from_raw_os_error(errno);
        }
        cause = error.source();
    }
    io::Error::other(error.to_string())
}
