//! `vrrp_file`: a number in a file.

use std::{
    fs::OpenOptions,
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use tokio::time::Instant;

use super::{
    reporter::{Finding, Reporter},
    watched::Watched,
};
use crate::config::{FileCheck, InitFile};

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

fn initialise(path: &Path, init: InitFile, first: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if init.overwrite && first {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    match options.open(path) {
        Ok(mut file) => writeln!(file, "{}", init.value),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
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

/// What `strtol` makes of it with base 0, as in keepalived: what comes after the number does not matter. One that does
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
}
