//! Values of `[vrrp_instance.NAME]`.

use std::time::Duration;

use vrrp_common::types::Version;

use super::super::{
    duration::{duration, spell},
    keys::{Wrong, one_of, string, wrong_type},
    tree::{Node, Value},
    types::{DURATION, Own, shown},
};

/// A name that the kernel gives to interfaces.
pub(crate) const INTERFACE: Own<String> = Own {
    text: "name, 1 to 15 bytes",
    schema: r#"{ "type": "string", "minLength": 1, "maxLength": 15, "pattern": "^[^ /:]+$" }"#,
    read: |value| interface_name(string(value)?),
    write: shown,
};

/// Of the protocol.
pub(crate) const VERSION: Own<Version> = Own {
    text: "`2` or `3`",
    schema: r#"{ "enum": [2, 3] }"#,
    read: version,
    write: |version| version.as_u8().into(),
};

/// A password as version 2 has it.
pub(crate) const PASSWORD: Own<[u8; 8]> = Own {
    text: "1 to 8 bytes of printable text, as in UTF-8",
    schema: r#"{ "type": "string", "minLength": 1, "maxLength": 8 }"#,
    read: auth_pass,
    write: write_password,
};

/// Example of `authentication`.
pub(crate) const AUTHENTICATION: &str = "authentication = { auth_type = \"PASS\", auth_pass = \"...\" }";

/// A duration that an advert of some version can say. The version says later which can.
pub(crate) const INTERVAL: Own<Duration> = Own {
    text: "version 2: `\"1s\"` to `\"255s\"` in whole seconds; version 3: `\"10ms\"` to `\"40.95s\"` in steps of 10 ms",
    schema: DURATION,
    read: |node| duration(Duration::ZERO..=Duration::MAX)(node),
    write: |value| spell(*value).into(),
};

/// `"PASS"`.
pub(crate) const AUTH_TYPE: Own<()> =
    Own { text: "`\"PASS\"`", schema: r#"{ "const": "PASS" }"#, read: auth_type, write: |()| "PASS".into() };

fn auth_type(value: &Node) -> Result<(), Wrong> {
    match value.value.as_str() {
        Some("PASS") => Ok(()),
        Some("AH") => Err(Wrong::new("has an unsupported value", "must be \"PASS\"")
            .help("keepalived's AH is not supported: use PASS on both sides, or leave authentication out")),
        Some(_) | None => one_of(&[("PASS", ())])(value),
    }
}

fn version(value: &Node) -> Result<Version, Wrong> {
    let Some(integer) = value.value.as_integer() else {
        return Err(wrong_type("2 or 3", value).help("write version = 3"));
    };
    match integer {
        2 => Ok(Version::V2),
        3 => Ok(Version::V3),
        _ => Err(Wrong::new("has an unknown value", "must be 2 or 3")),
    }
}

/// Checks a name as the kernel does (`dev_valid_name`).
pub(super) fn interface_name(name: String) -> Result<String, Wrong> {
    // The kernel's isspace() takes the byte 0xa0 for a space, whatever the encoding.
    let is_bad = |byte: u8| byte <= b' ' || matches!(byte, b'/' | b':' | 0x7f | 0xa0);
    let label = match name.as_str() {
        "" => "empty".to_owned(),
        "." | ".." => "no interface is called this".to_owned(),
        _ if name.len() > 15 => format!("{} bytes; the kernel takes 15", name.len()),
        _ if name.bytes().any(is_bad) => "has a space, `/` or `:` in it".to_owned(),
        _ => return Ok(name),
    };
    Err(Wrong::new("is no interface name", label).help("`ip -br link` lists the interfaces"))
}

fn auth_pass(value: &Node) -> Result<[u8; 8], Wrong> {
    let text = string(value)?;
    let mut password = [0; 8];
    let label = match text.len() {
        0 => "empty".to_owned(),
        _ if text.contains(char::is_control) => "has a character that is not printable".to_owned(),
        1..=8 => {
            password[..text.len()].copy_from_slice(text.as_bytes());
            return Ok(password);
        }
        many => format!("{many} bytes; the protocol has room for 8"),
    };
    let wrong = Wrong::new("is no password that an advert can carry", label);
    Err(wrong.help("use 1 to 8 bytes, as in UTF-8; keepalived silently cuts longer ones to 8"))
}

/// Without the zeros that it is padded with.
fn write_password(password: &[u8; 8]) -> Value {
    let end = password.iter().position(|byte| *byte == 0).unwrap_or(password.len());
    String::from_utf8_lossy(password.get(..end).unwrap_or_default()).as_ref().into()
}
