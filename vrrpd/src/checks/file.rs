//! `vrrp_file`: a number in a file.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt},
    path::Path,
};

use tokio::time::Instant;

use super::{
    reporter::{Finding, Reporter},
    watched::Watched,
};
use crate::trust;
use vrrp_config::{FileCheck, InitFile};

/// Bytes that are read: a number, and whatever blanks come before it.
const LENGTH: u64 = 128;

/// Reads the file at once, and again when it has changed.
pub(super) async fn watch(check: FileCheck, mut reporter: Reporter) {
    if let Some(init) = check.init {
        let (path, first) = (check.file.clone(), reporter.is_new());
        let written = blocking(move || initialise(&path, init, first)).await;
        if let Err(error) = written {
            tracing::warn!(path = %check.file.display(), %error, "cannot write init_file's value");
        }
    }
    let mut watched = Watched::new(&check.file);
    loop {
        watched.renew();
        let (began, path) = (Instant::now(), check.file.clone());
        let read = blocking(move || read(&path)).await;
        let (number, result) = judge(read);
        reporter.report_number(number, Finding::new(result, began.elapsed()));
        watched.changed().await;
    }
}

/// A file may lie anywhere.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Writes as root into a directory that may be somebody else's: through no link that they could have made, to no file
/// that is known elsewhere too, and into nothing but a file.
fn initialise(path: &Path, init: InitFile, first: bool) -> io::Result<()> {
    let path = trust::place(path).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let mut file = match options.clone().create_new(true).open(&path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && init.overwrite && first => {
            let file = options.open(&path)?;
            refuse_shared(&file)?;
            file.set_len(0)?;
            file
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        opened => opened?,
    };
    writeln!(file, "{}", init.value)
}

fn refuse_shared(file: &File) -> io::Result<()> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    if found.nlink() > 1 {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it has another name elsewhere (hard link)"));
    }
    Ok(())
}

/// The beginning of the file. Nothing waits for somebody to write into a pipe.
fn read(path: &Path) -> io::Result<String> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let mut bytes = Vec::new();
    file.take(LENGTH).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn judge(read: io::Result<String>) -> (i64, Result<String, String>) {
    match read.map(|text| (number(&text), text)) {
        Ok((Some(number), _)) => (number, Ok("read".into())),
        Ok((None, text)) => (0, Err(format!("no number: {:?}", text.trim()))),
        Err(error) => (0, Err(error.to_string())),
    }
}

/// Reads a number as `strtol` does with base 0, as in keepalived: what comes after the number does not matter. One that does
/// not fit is the largest or smallest that there is.
fn number(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..)?),
        Some(b'+') => (false, text.get(1..)?),
        _ => (false, text),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let hexadecimal = hexadecimal.filter(|rest| rest.starts_with(|c: char| c.is_ascii_hexdigit()));
    let (digits, base) = match hexadecimal {
        Some(rest) => (rest, 16),
        None if digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    let mut values = digits.chars().map_while(|c| c.to_digit(base)).map(i64::from).peekable();
    values.peek()?;
    let number = values.fold(0i64, |sum, value| sum.saturating_mul(i64::from(base)).saturating_add(value));
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_keepalived_does() {
        for (text, value) in [
            ("5\n", Some(5)),
            ("  -20 points", Some(-20)),
            ("+7", Some(7)),
            ("0", Some(0)),
            ("010", Some(8)),
            ("0x1F", Some(31)),
            ("0x", Some(0)),
            ("12abc", Some(12)),
            ("99999999999999999999", Some(i64::MAX)),
            ("", None),
            ("-", None),
            ("up", None),
        ] {
            assert_eq!(number(text), value, "{text:?}");
        }
    }

    #[test]
    fn init_file_makes_a_missing_file_and_overwrites_only_when_told_and_only_once() {
        let path = std::env::temp_dir().join(format!("vrrpd-test-init-file-{}", std::process::id()));
        let init = |value, overwrite, first| {
            initialise(&path, InitFile { value, overwrite }, first).unwrap();
            number(&read(&path).unwrap())
        };
        assert_eq!(init(5, false, true), Some(5));
        assert_eq!(init(6, false, true), Some(5));
        assert_eq!(init(7, true, false), Some(5));
        assert_eq!(init(8, true, true), Some(8));
        std::fs::remove_file(path).unwrap();
    }
    /// What somebody who can write to the directory could try.
    #[test]
    fn init_file_writes_nowhere_but_where_it_is_told() {
        use std::{
            fs,
            os::unix::fs::{PermissionsExt as _, chown, symlink},
        };
        let base = std::path::PathBuf::from(format!("/run/vrrpd-test-init-{}", std::process::id()));
        let theirs = base.join("theirs");
        fs::create_dir_all(&theirs).unwrap();
        chown(&theirs, Some(12_345), None).unwrap();
        let victim = base.join("victim");
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, theirs.join("link")).unwrap();
        symlink(base.join("new"), theirs.join("dangling")).unwrap();
        fs::hard_link(&victim, theirs.join("hard")).unwrap();
        symlink(&base, theirs.join("directory")).unwrap();
        let (here, mode) = (rustix::fs::CWD, rustix::fs::Mode::RWXU);
        rustix::fs::mknodat(here, theirs.join("pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let init =
            |name: &str, overwrite| initialise(&theirs.join(name), InitFile { value: 5, overwrite }, true);
        for name in ["link", "dangling", "hard", "directory/victim", "pipe"] {
            assert!(init(name, true).is_err(), "{name}");
        }
        assert!(init("link", false).is_err() && init("dangling", false).is_err());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(!base.join("new").exists());
        // In their directory, and theirs: no harm.
        fs::write(theirs.join("weight"), "7").unwrap();
        fs::set_permissions(theirs.join("weight"), fs::Permissions::from_mode(0o666)).unwrap();
        init("weight", true).unwrap();
        init("fresh", false).unwrap();
        assert_eq!(fs::read_to_string(theirs.join("weight")).unwrap(), "5\n");
        // Root's own link, where nobody else writes.
        symlink(theirs.join("own"), base.join("own")).unwrap();
        fs::write(theirs.join("own"), "7").unwrap();
        initialise(&base.join("own"), InitFile { value: 6, overwrite: true }, true).unwrap();
        assert_eq!(fs::read_to_string(theirs.join("own")).unwrap(), "6\n");
        fs::remove_dir_all(base).unwrap();
    }
}
