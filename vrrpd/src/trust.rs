//! Trust in a file: who else could change it, by writing to it, or by putting another in its place.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, Metadata},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Component, Path, PathBuf},
};

use rustix::process::geteuid;
use thiserror::Error;

/// As the kernel's own bound.
const LINKS: u32 = 40;

/// A file or directory that others than root and the daemon's own user can change.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} can be written by others than root ({why})", path.display())]
pub(crate) struct Exposed {
    pub(crate) path: PathBuf,
    pub(crate) why: Unsafe,
}

/// Somebody who can write a file or directory that nobody but root should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Unsafe {
    #[error("it belongs to user {0}")]
    Owner(u32),
    #[error("its group {0} may write")]
    Group(u32),
    #[error("everybody may write")]
    Everybody,
    #[error("too many symbolic links")]
    Links,
}

/// Looks at the file, at all directories on the way there and at the links among them. What does not exist is no
/// matter.
pub(crate) fn check(file: &Path) -> Result<(), Exposed> {
    resolve(file, End::Judged).map(drop)
}

/// Tells where a file is, or would be, without links on the way. Others may be able to write to the file and to its
/// directory, but they cannot lead whoever opens the answer with `O_NOFOLLOW` anywhere else.
pub(crate) fn place(file: &Path) -> Result<PathBuf, Exposed> {
    resolve(file, End::Open)
}

/// Demand on the last part of a path and the directory that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The last part is asked the same as everything before.
    Judged,
    /// Nothing, unless it is a link.
    Open,
}

/// Follows the path by hand, so that links that others could turn elsewhere are found too. A relative one begins in the
/// daemon's directory.
fn resolve(file: &Path, end: End) -> Result<PathBuf, Exposed> {
    let absolute = std::path::absolute(file).unwrap_or_else(|_none| file.to_owned());
    let mut ahead: VecDeque<OsString> = names(&absolute);
    let mut path = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            path.pop();
            continue;
        }
        let entry = path.join(&name);
        let target = fs::read_link(&entry).ok();
        if target.is_some() || !ahead.is_empty() || end == End::Judged {
            judge(&path)?;
        }
        let Some(target) = target else {
            path = entry;
            continue;
        };
        judge_link(&entry)?;
        links += 1;
        if links > LINKS {
            return Err(Exposed { path: absolute, why: Unsafe::Links });
        }
        if target.is_absolute() {
            path = PathBuf::from("/");
        }
        names(&target).into_iter().rev().for_each(|name| ahead.push_front(name));
    }
    if end == End::Judged {
        judge(&path)?;
    }
    Ok(path)
}

fn names(path: &Path) -> VecDeque<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(_) | Component::ParentDir => Some(component.as_os_str().to_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    path.components().filter_map(name).collect()
}

fn judge(path: &Path) -> Result<(), Exposed> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    writable_by_others(&found).map_or(Ok(()), |why| Err(Exposed { path: path.to_owned(), why }))
}

/// In a sticky directory everybody may have made it.
fn judge_link(path: &Path) -> Result<(), Exposed> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if is_trusted(found.uid()) {
        return Ok(());
    }
    Err(Exposed { path: path.to_owned(), why: Unsafe::Owner(found.uid()) })
}

fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == geteuid().as_raw()
}

fn writable_by_others(found: &Metadata) -> Option<Unsafe> {
    let mode = found.mode();
    // In such a directory nobody can rename or remove what is not his own.
    let sticky = found.is_dir() && mode & libc::S_ISVTX != 0;
    if !is_trusted(found.uid()) {
        Some(Unsafe::Owner(found.uid()))
    } else if sticky {
        None
    } else if mode & libc::S_IWOTH != 0 {
        Some(Unsafe::Everybody)
    } else if found.gid() != 0 && mode & libc::S_IWGRP != 0 {
        Some(Unsafe::Group(found.gid()))
    } else {
        None
    }
}

/// Tells whether nobody but root and the daemon's own user can make or remove anything in this directory.
pub(crate) fn check_directory(directory: &Path) -> Result<(), Exposed> {
    check(directory)?;
    let Ok(found) = fs::metadata(directory) else { return Ok(()) };
    // Sticky or not: who makes a file first has it.
    if found.mode() & libc::S_IWOTH != 0 {
        return Err(Exposed { path: directory.to_owned(), why: Unsafe::Everybody });
    }
    Ok(())
}

/// Makes a directory, if it is not there, that only root and the daemon's own user can write.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Ok(()) => fs::set_permissions(directory, fs::Permissions::from_mode(0o755)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    const STRANGER: u32 = 12_345;

    /// `/run/NAME`, with a directory that everybody may write, a sticky one, a stranger's, and root's.
    fn scratch(name: &str) -> PathBuf {
        let base = PathBuf::from(format!("/run/vrrpd-test-trust-{name}-{}", std::process::id()));
        for (directory, mode) in [("open", 0o777), ("sticky", 0o1777), ("strange", 0o755), ("own", 0o755)] {
            let path = base.join(directory);
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        chown(base.join("strange"), Some(STRANGER), None).unwrap();
        base
    }

    #[test]
    fn a_place_is_trusted_if_nobody_else_can_lead_it_elsewhere() {
        let base = scratch("place");
        for (path, expected) in [
            ("own/file", Ok("own/file")),
            ("open/file", Ok("open/file")),
            ("strange/file", Ok("strange/file")),
            ("strange/deeper/file", Err(("strange", Unsafe::Owner(STRANGER)))),
            ("open/deeper/file", Err(("open", Unsafe::Everybody))),
            ("sticky/file", Ok("sticky/file")),
        ] {
            let expected = expected
                .map(|path| base.join(path))
                .map_err(|(path, why)| Exposed { path: base.join(path), why });
            assert_eq!(place(&base.join(path)), expected, "{path}");
        }
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn links_are_followed_only_where_nobody_else_can_have_made_them() {
        let base = scratch("links");
        for directory in ["open", "sticky", "own"] {
            symlink("/etc/passwd", base.join(directory).join("link")).unwrap();
        }
        rustix::fs::chownat(
            rustix::fs::CWD,
            base.join("sticky/link"),
            Some(rustix::fs::Uid::from_raw(STRANGER)),
            None,
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )
        .unwrap();
        assert_eq!(place(&base.join("own/link")), Ok("/etc/passwd".into()));
        let why = |path: &str| place(&base.join(path)).unwrap_err().why;
        assert_eq!(why("open/link"), Unsafe::Everybody);
        assert_eq!(why("sticky/link"), Unsafe::Owner(STRANGER));
        assert_eq!(check(&base.join("sticky/link")).unwrap_err().why, Unsafe::Owner(STRANGER));
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn in_a_sticky_directory_a_file_of_root_s_is_safe_and_a_name_is_anybody_s() {
        let base = scratch("sticky");
        fs::write(base.join("sticky/file"), "").unwrap();
        assert_eq!(check(&base.join("sticky/file")), Ok(()));
        assert_eq!(check_directory(&base.join("sticky")).unwrap_err().why, Unsafe::Everybody);
        assert_eq!(check_directory(&base.join("own")), Ok(()));
        assert_eq!(check_directory(&base.join("strange")).unwrap_err().why, Unsafe::Owner(STRANGER));
        fs::remove_dir_all(base).unwrap();
    }
}
