//! Texts that more than one key has: names, paths, host names.

use crate::tree::Node;
use std::path::{Path, PathBuf};

use super::{
    super::{
        keys::{Wrong, string},
        types::{List, Own, shown},
    },
    MAX_NAME,
};

/// Tells whether `text` can be the name of something in the file.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.contains(char::is_control)
}

/// A name of the user's.
pub(crate) const NAME: Own<String> = Own {
    text: "text, 1 to 255 bytes",
    schema: r#"{ "type": "string", "minLength": 1, "maxLength": 255 }"#,
    read: name,
    write: shown,
};

/// The members of a group. That an empty list is none is said with its place, and not with its type.
pub(crate) const MEMBERS: List<Own<String>> = List {
    of: NAME,
    lengths: 0..=usize::MAX,
    text: "list of 1 router or more",
    example: "group = [\"VI_1\", \"VI_2\"]",
};

fn name(value: &Node) -> Result<String, Wrong> {
    let name = string(value)?;
    if is_name(&name) {
        return Ok(name);
    }
    Err(Wrong::new("is no name", format!("must have 1 to {MAX_NAME} printable bytes")))
}

/// An absolute path of a file.
pub(crate) const PATH: Own<PathBuf> = Own {
    text: "absolute path",
    schema: r#"{ "type": "string", "pattern": "^/", "maxLength": 4095 }"#,
    read: path,
    write: |path| path.to_string_lossy().as_ref().into(),
};

fn path(value: &Node) -> Result<PathBuf, Wrong> {
    let text = string(value)?;
    let label = match text.as_str() {
        "" => "empty".to_owned(),
        _ if text.contains(char::is_control) => "has a character that cannot be printed".to_owned(),
        _ if text.len() > 4095 => format!("{} bytes; the kernel takes 4095", text.len()),
        _ if text.ends_with('/') => "this is a directory".to_owned(),
        _ if !Path::new(&text).is_absolute() => "must start with `/`".to_owned(),
        _ => return Ok(text.into()),
    };
    Err(Wrong::new("is no path of a file", label)
        .help("write the whole path: a daemon has no directory of its own"))
}

/// A host name or an address, without a port.
pub fn is_host(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(is_part)
}
