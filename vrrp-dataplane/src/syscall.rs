//! The commands of bpf(2) that load and attach: maps, types, programs, links. Each takes a structure of its own, as `union bpf_attr`
//! lays it out.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

use aya_obj::{
    Function, Map,
    generated::bpf_map_type::{BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_RINGBUF},
};
use bytemuck::{Pod, Zeroable};

/// Commands.
const MAP_CREATE: libc::c_long = 0;
const PROG_LOAD: libc::c_long = 5;
const BTF_LOAD: libc::c_long = 18;
const LINK_CREATE: libc::c_long = 28;
const LINK_UPDATE: libc::c_long = 29;

/// Longest name of a map or program, with a zero at its end.
const NAME: usize = 16;

fn bpf<T: Pod>(command: libc::c_long, attributes: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: the attributes are as long as said, and what they point to outlives the call: see the callers.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attributes, size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn new_descriptor<T: Pod>(command: libc::c_long, attributes: &mut T) -> io::Result<OwnedFd> {
    let fd = bpf(command, attributes)?;
    // SAFETY: a new descriptor, which is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn address<T>(slice: &[T]) -> u64 {
    slice.as_ptr() as usize as u64
}

fn number(fd: Option<BorrowedFd<'_>>) -> u32 {
    fd.map_or(0, |fd| fd.as_raw_fd() as u32)
}

/// Cuts a name to what the kernel keeps of a longer one.
fn short(name: &str) -> [u8; NAME] {
    let mut short = [0; NAME];
    short.iter_mut().take(NAME - 1).zip(name.bytes()).for_each(|(to, from)| *to = from);
    short
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
    inner: u32,
    numa_node: u32,
    name: [u8; NAME],
    ifindex: u32,
    types: u32,
    key_type: u32,
    value_type: u32,
}

/// Makes a map. One of maps needs an `inner` one for its pattern.
pub(crate) fn create_map(
    name: &str,
    definition: &Map,
    types: Option<BorrowedFd<'_>>,
    inner: Option<BorrowedFd<'_>>,
) -> io::Result<OwnedFd> {
    let kind = definition.map_type();
    // The kernel refuses types for these, and a ring whose values have a size.
    let plain = kind == BPF_MAP_TYPE_RINGBUF as u32 || kind == BPF_MAP_TYPE_ARRAY_OF_MAPS as u32;
    let [types, key_type, value_type] = match definition {
        Map::Btf(map) if !plain && types.is_some() => {
            [number(types), map.def.btf_key_type_id, map.def.btf_value_type_id]
        }
        Map::Btf(_) | Map::Legacy(_) => [0; 3],
    };
    let value_size = if kind == BPF_MAP_TYPE_RINGBUF as u32 { 0 } else { definition.value_size() };
    new_descriptor(
        MAP_CREATE,
        &mut MapCreate {
            kind,
            key_size: definition.key_size(),
            value_size,
            max_entries: definition.max_entries(),
            flags: definition.map_flags(),
            inner: number(inner),
            numa_node: 0,
            // Fifteen characters and a zero: the kernel refuses a longer one.
            name: short(name),
            ifindex: 0,
            types,
            key_type,
            value_type,
        },
    )
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct BtfLoad {
    types: u64,
    log: u64,
    size: u32,
    log_size: u32,
    log_level: u32,
    _reserved: u32,
}

/// Gives the kernel the types of an object.
pub(crate) fn load_types(types: &[u8]) -> io::Result<OwnedFd> {
    let size = types.len() as u32;
    let mut request =
        BtfLoad { types: address(types), log: 0, size, log_size: 0, log_level: 0, _reserved: 0 };
    new_descriptor(BTF_LOAD, &mut request)
}

/// A program that is to be loaded.
pub(crate) struct Program<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) license: &'a CStr,
    /// Instructions, with references to all its maps.
    pub(crate) function: &'a Function,
    pub(crate) types: Option<BorrowedFd<'a>>,
}

/// Place where a program runs: its type and the expected place of attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Classifier,
    Xdp,
}

impl Kind {
    /// `enum bpf_prog_type` and `enum bpf_attach_type`.
    const fn numbers(self) -> [u32; 2] {
        match self {
            Self::Classifier => [3, 0],
            Self::Xdp => [6, XDP],
        }
    }
}

/// Values of `enum bpf_attach_type`.
const XDP: u32 = 37;
const TCX_EGRESS: u32 = 47;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ProgLoad {
    kind: u32,
    instructions: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; NAME],
    ifindex: u32,
    place: u32,
    types: u32,
    function_size: u32,
    functions: u64,
    function_count: u32,
    line_size: u32,
    lines: u64,
    line_count: u32,
    attach_type_id: u32,
}

/// Level of the verifier's log: everything, and how much work it was.
const LOG_LEVEL: u32 = 1 | 4;

impl Program<'_> {
    /// Loads it. What the verifier says goes to `log`, if there is room.
    pub(crate) fn load(&self, log: &mut [u8]) -> io::Result<OwnedFd> {
        let function = self.function;
        let functions = function.func_info.func_info_bytes();
        let lines = function.line_info.line_info_bytes();
        let [kind, place] = self.kind.numbers();
        let mut request = ProgLoad {
            kind,
            instructions: function.instructions.len() as u32,
            code: address(&function.instructions),
            license: self.license.as_ptr() as usize as u64,
            log_level: if log.is_empty() { 0 } else { LOG_LEVEL },
            log_size: log.len() as u32,
            log: if log.is_empty() { 0 } else { address(log) },
            name: short(self.name),
            place,
            ..ProgLoad::zeroed()
        };
        if let Some(types) = self.types {
            request.types = types.as_raw_fd() as u32;
            request.function_size = function.func_info_rec_size as u32;
            request.functions = address(&functions);
            request.function_count = function.func_info.len() as u32;
            request.line_size = function.line_info_rec_size as u32;
            request.lines = address(&lines);
            request.line_count = function.line_info.len() as u32;
        }
        new_descriptor(PROG_LOAD, &mut request)
    }
}

/// Ways in which an XDP program is attached: flags of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum XdpWay {
    /// Way through the network stack.
    Generic,
    /// Way in the driver.
    Native,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct LinkCreate {
    program: u32,
    ifindex: u32,
    place: u32,
    flags: u32,
    _rest: [u64; 2],
}

/// Attaches an XDP program by a link. It stays as long as the link is held or pinned.
pub(crate) fn link_xdp(program: BorrowedFd<'_>, ifindex: u32, way: XdpWay) -> io::Result<OwnedFd> {
    let flags = match way {
        XdpWay::Generic => 1 << 1,
        XdpWay::Native => 1 << 2,
    };
    create_link(program, ifindex, XDP, flags)
}

/// Attaches a program at tc egress by a link, after all others. Since Linux 6.6.
pub(crate) fn link_egress(program: BorrowedFd<'_>, ifindex: u32) -> io::Result<OwnedFd> {
    const AFTER: u32 = 1 << 4;
    create_link(program, ifindex, TCX_EGRESS, AFTER)
}

fn create_link(program: BorrowedFd<'_>, ifindex: u32, place: u32, flags: u32) -> io::Result<OwnedFd> {
    let program = program.as_raw_fd() as u32;
    new_descriptor(LINK_CREATE, &mut LinkCreate { program, ifindex, place, flags, _rest: [0; 2] })
}

/// Exchanges the program in a link, between two frames.
pub(crate) fn update_link(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let mut request = [link.as_raw_fd() as u32, program.as_raw_fd() as u32, 0, 0];
    bpf(LINK_UPDATE, &mut request).map(drop)
}
