//! The eBPF object, loaded into the kernel: of its programs those that are asked for, with the maps that these use.
//!
//! aya parses and links it; what asks the kernel is here. aya's own loader reads the types of the whole kernel each time, to
//! adapt programs that look into its structures: 5 MiB that take 20 ms, for programs that do not. It also makes every map
//! of the object, whoever uses it.

use std::{
    collections::{HashMap, HashSet},
    fmt, io,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
    path::{Path, PathBuf},
};

use aya::maps::{Map, MapData, MapError};
use aya_obj::{
    Map as Definition, Object, ParseError, ProgramSection,
    btf::{Btf, BtfError, BtfFeatures},
    relocation::EbpfRelocationError,
};

use crate::{
    sys,
    syscall::{self, Kind},
};

/// The eBPF object; empty when it could not be built.
pub const OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vrrp-ebpf"));

/// Reasons for which the object could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are no object.
    #[error("it cannot be read: {0}")]
    Parse(#[from] ParseError),
    /// The types of its maps and functions.
    #[error("its types cannot be used: {0}")]
    Types(#[from] BtfError),
    /// A program or map that is not there, or not of a kind that is known here.
    #[error("there is no {0}")]
    Missing(String),
    /// A reference to a map or function.
    #[error("it cannot be linked: {0}")]
    Link(#[from] EbpfRelocationError),
    /// The kernel does not make a map, or its pin.
    #[error("the map {name} cannot be made: {source}")]
    Map {
        /// The map's name.
        name: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel does not take a program.
    #[error("{name}: {source}{log}")]
    Program {
        /// The program's name.
        name: String,
        /// The kernel's answer.
        source: io::Error,
        /// The verifier's answer.
        log: Log,
    },
}

/// The last lines that the verifier wrote.
#[derive(Debug, Default)]
pub struct Log(String);

/// Number of those lines.
const LOG_LINES: usize = 20;
const LOG_BYTES: usize = 1 << 20;

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.0.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(LOG_LINES)).try_for_each(|line| write!(f, "\n{line}"))
    }
}

/// Programs with their maps, which are in the kernel.
pub(crate) struct Linked {
    object: Object,
    types: Option<OwnedFd>,
    maps: HashMap<&'static str, MapData>,
}

impl Linked {
    /// Loads a program. It goes when nothing holds it any more.
    pub(crate) fn load(&self, name: &str) -> Result<OwnedFd, LoadError> {
        program(&self.object, name, self.types.as_ref().map(OwnedFd::as_fd))
    }

    /// Takes a map out.
    pub(crate) fn map(&mut self, name: &str) -> Result<Map, MapError> {
        let map = self.maps.remove(name).ok_or_else(|| MapError::InvalidName { name: name.to_owned() })?;
        Map::from_map_data(map)
    }
}

/// Makes the maps of programs, and has the programs refer to them. A map is what is pinned where `pin` says, and pinned there if
/// nothing is; without a path it is new.
pub(crate) fn link(
    programs: &[&'static str],
    maps: &[&'static str],
    pin: impl Fn(&str) -> Option<PathBuf>,
) -> Result<Linked, LoadError> {
    let mut object = Object::parse(OBJECT)?;
    let types = load_types(&mut object)?;
    let mut made = HashMap::new();
    for name in maps {
        let definition = object.maps.get(*name).ok_or_else(|| LoadError::Missing((*name).to_owned()))?;
        let map = map(name, definition, types.as_ref().map(OwnedFd::as_fd), pin(name).as_deref());
        made.insert(*name, map.map_err(|source| LoadError::Map { name: (*name).to_owned(), source })?);
    }
    refer(&mut object, programs, &made)?;
    let maps = made.into_iter().map(|(name, map)| {
        let wrong = |error| LoadError::Map { name: name.to_owned(), source: io::Error::other(error) };
        Ok((name, MapData::from_fd(map).map_err(wrong)?))
    });
    let maps = maps.collect::<Result<_, LoadError>>()?;
    Ok(Linked { object, types, maps })
}

/// The kernel's copy of the object's types, by which `bpftool` prints maps. It goes on without where there is none.
fn load_types(object: &mut Object) -> Result<Option<OwnedFd>, LoadError> {
    // All that there is in Linux 6.1.
    let known = BtfFeatures::new(true, true, true, true, true, true, true, true);
    let Some(types) = object.fixup_and_sanitize_btf(&known)?.map(Btf::to_bytes) else { return Ok(None) };
    let loaded = syscall::load_types(&types);
    if let Err(error) = &loaded {
        tracing::debug!(%error, "the kernel does not take the object's types");
    }
    Ok(loaded.ok())
}

fn map(
    name: &str,
    definition: &Definition,
    types: Option<BorrowedFd<'_>>,
    pin: Option<&Path>,
) -> io::Result<OwnedFd> {
    if let Some(pinned) = pin.and_then(|path| sys::open_pin(path).ok()) {
        return Ok(pinned);
    }
    let inner = definition.inner().map(|inner| syscall::create_map(name, &inner, types, None)).transpose()?;
    let map = syscall::create_map(name, definition, types, inner.as_ref().map(OwnedFd::as_fd))?;
    if let Some(path) = pin {
        sys::pin(map.as_fd(), path)?;
    }
    Ok(map)
}

/// Leaves these programs in the object, with references to their maps and all that they call.
fn refer(
    object: &mut Object,
    programs: &[&'static str],
    maps: &HashMap<&'static str, OwnedFd>,
) -> Result<(), LoadError> {
    let sections: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
    let (wanted, others): (HashMap<_, _>, HashMap<_, _>) = std::mem::take(&mut object.programs)
        .into_iter()
        .partition(|(name, _)| programs.contains(&name.as_str()));
    for other in others.values() {
        object.functions.remove(&other.function_key());
    }
    object.programs = wanted;
    let definitions = std::mem::take(&mut object.maps);
    let references = definitions.iter().map(|(name, definition)| {
        (name.as_str(), maps.get(name.as_str()).map_or(NOT_MADE, OwnedFd::as_raw_fd), definition)
    });
    object.relocate_maps(references, &sections)?;
    object.relocate_calls(&sections)?;
    let instructions = object.functions.values().flat_map(|function| &function.instructions);
    let mut maps = instructions.filter(|one| one.code == LOAD_DOUBLE && one.src_reg() == OF_MAP);
    if maps.any(|one| one.imm == NOT_MADE) {
        return Err(LoadError::Missing("a map that one of its programs uses".to_owned()));
    }
    Ok(())
}

/// Number that stands for the descriptor of a map that is not asked for.
const NOT_MADE: RawFd = -1;
/// An instruction that loads a map's address by its descriptor, and what says that it is one.
const LOAD_DOUBLE: u8 = 0x18;
const OF_MAP: u8 = 1;

fn program(object: &Object, name: &str, types: Option<BorrowedFd<'_>>) -> Result<OwnedFd, LoadError> {
    let missing = || LoadError::Missing(name.to_owned());
    let program = object.programs.get(name).ok_or_else(missing)?;
    let function = object.functions.get(&program.function_key()).ok_or_else(missing)?;
    let kind = if matches!(program.section, ProgramSection::Xdp { .. }) {
        Kind::Xdp
    } else if matches!(program.section, ProgramSection::SchedClassifier) {
        Kind::Classifier
    } else {
        return Err(missing());
    };
    let request = syscall::Program { name, kind, license: &program.license, function, types };
    request.load(&mut []).or_else(|source| {
        // Once more, for what the verifier has to say.
        let mut log = vec![0; LOG_BYTES];
        let again = request.load(&mut log);
        let text = log.split(|byte| *byte == 0).next().unwrap_or_default();
        let log = Log(String::from_utf8_lossy(text).into_owned());
        again.map_err(|_same| LoadError::Program { name: name.to_owned(), source, log })
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use vrrp_common::abi::{guard, name};

    use super::*;
    use crate::pins::Pins;

    /// Bytes that this thread has read so far.
    fn read() -> u64 {
        let account = fs::read_to_string("/proc/thread-self/io").unwrap();
        account.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
    }

    /// The types of the whole kernel are 5 MiB, and no program looks into its structures.
    #[test]
    fn programs_are_loaded_without_reading_the_kernels_types_and_with_their_own_maps_only() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("not run: it needs root (cargo xtask test)");
            return;
        }
        let before = read();
        let maps: Vec<_> = Pins::map_names().chain([name::EVENTS]).collect();
        let mut plane = link(&[name::INGRESS, name::EGRESS], &maps, |_| None).unwrap();
        let _programs = [name::INGRESS, name::EGRESS].map(|program| plane.load(program).unwrap());
        let guard = link(&[guard::name::PROGRAM], &[guard::name::GUARD], |_| None);
        assert!(matches!(guard, Err(LoadError::Missing(_))), "it has other maps too");
        assert!(plane.map(guard::name::GUARD).is_err(), "the guard's");
        assert!(matches!(plane.load(guard::name::PROGRAM), Err(LoadError::Missing(_))));
        assert!(read() - before < 64 << 10, "{} bytes", read() - before);
    }

    #[test]
    fn what_the_verifier_says_last_is_told() {
        let log = Log((1..=50).map(|line| format!("line {line}\n")).collect());
        let text = log.to_string();
        assert!(text.starts_with("\nline 31\n") && text.ends_with("\nline 50"), "{text}");
    }
}
