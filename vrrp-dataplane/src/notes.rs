//! Notes beside the pins: short texts that outlive the process as the pins do, each the target of a symbolic link, since
//! a BPF file system holds no files. `ls -l` shows them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    net::IpAddr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use aya::maps::{Map, MapData};
use rustix::{fs::AtFlags, io::Errno};
use vrrp_common::abi::{self, name};

use crate::{
    host,
    pins::{self, Pins},
};

/// State that an earlier daemon has left on an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inherited {
    /// Addresses that its tables named. The kernel may have them.
    pub addresses: Vec<IpAddr>,
    /// Notes of that daemon, by name.
    pub notes: Vec<(String, String)>,
}

impl Inherited {
    /// Reads the state that is there now, whether it can be used again or not.
    pub(crate) fn read(pins: &Pins) -> Self {
        Self { addresses: addresses(&pins.path(name::VIPS)), notes: read(pins.dir()).into_iter().collect() }
    }
}

/// Reads the virtual addresses in a pinned map; none if there is no such map.
fn addresses(pin: &Path) -> Vec<IpAddr> {
    let map = MapData::from_pin(pin)
        .ok()
        .and_then(|map| aya::maps::HashMap::<MapData, [u8; 16], u32>::try_from(Map::HashMap(map)).ok());
    let keys = map.iter().flat_map(|map| map.keys());
    keys.flatten().map(abi::address_from_bytes).collect()
}

/// Reads the notes in a directory.
pub(crate) fn read(dir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let notes = entries.filter_map(|entry| {
        let text = fs::read_link(entry.path()).ok()?;
        Some((
            entry.file_name().into_string().ok()?,
            String::from_utf8(text.as_os_str().as_bytes().into()).ok()?,
        ))
    });
    notes.collect()
}

/// Makes a note in a directory that may be of another mount namespace, or takes it back.
pub(crate) fn write(dir: &File, name: &str, text: Option<&str>) -> io::Result<()> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    match text {
        Some(text) => Ok(rustix::fs::symlinkat(text, dir, name)?),
        None => Ok(()),
    }
}

/// Finds the interfaces of this network namespace that have pins which no living daemon holds, each with its notes. Looked for
/// in the host's mount namespace.
#[must_use]
pub fn unheld() -> Vec<(String, BTreeMap<String, String>)> {
    let with_notes = |(interface, dir): (String, PathBuf)| (interface, read(&dir));
    host::in_mounts_of_the_host(move || Ok(pins::unheld().into_iter().map(with_notes).collect()))
        .unwrap_or_default()
}
