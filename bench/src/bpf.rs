//! BPF by plain system calls: programs of a few instructions, one array, test runs and live frames.
//!
//! No loader and no compiler: `xtask` must build on a bare machine. The layouts are those of `union bpf_attr` in
//! `linux/bpf.h`, up to the last field that is used; the kernel takes what is not given for zero.

mod instruction;
pub(crate) mod programs;

use std::{
    io,
    mem::size_of,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    time::Duration,
};

use anyhow::{Context as _, Result};

use instruction::Instruction;

/// Verdicts of an XDP program.
pub(crate) const DROP: u32 = 1;
pub(crate) const PASS: u32 = 2;
pub(crate) const TX: u32 = 3;

const MAP_CREATE: libc::c_long = 0;
const MAP_LOOKUP_ELEM: libc::c_long = 1;
const PROG_LOAD: libc::c_long = 5;
const PROG_TEST_RUN: libc::c_long = 10;
const PROG_GET_FD_BY_ID: libc::c_long = 13;
const LINK_CREATE: libc::c_long = 28;

const MAP_TYPE_ARRAY: u32 = 2;
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_TYPE_XDP: u32 = 37;
const XDP_LIVE_FRAMES: u32 = 1 << 1;
/// Frames that are under way at once; so many fit into a veth's ring.
const LIVE_BATCH: u32 = 64;

/// Where a program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// After the kernel has made a packet of the frame.
    Generic = 1 << 1,
    /// In the driver.
    Native = 1 << 2,
}

/// A loaded XDP program.
#[derive(Debug)]
pub(crate) struct Program(OwnedFd);

/// A program on an interface, until it is dropped.
#[derive(Debug)]
pub(crate) struct Link(#[expect(dead_code, reason = "held: closing it detaches")] OwnedFd);

/// An array of counters.
#[derive(Debug)]
pub(crate) struct Counters(OwnedFd);

/// What a test run said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ran {
    /// The program's verdict, of the last repetition.
    pub(crate) verdict: u32,
    /// For each repetition.
    pub(crate) each: Duration,
}

impl Program {
    fn load(instructions: &[Instruction]) -> Result<Self> {
        #[repr(C)]
        struct Attributes {
            kind: u32,
            instruction_count: u32,
            instructions: u64,
            license: u64,
            log_level: u32,
            log_size: u32,
            log: u64,
            kernel_version: u32,
            flags: u32,
            name: [u8; 16],
            interface: u32,
            attach_type: u32,
        }
        let license = c"Dual MIT/GPL";
        let attributes = Attributes {
            kind: PROG_TYPE_XDP,
            instruction_count: u32::try_from(instructions.len())?,
            instructions: address(instructions.as_ptr()),
            license: address(license.as_ptr()),
            log_level: 0,
            log_size: 0,
            log: 0,
            kernel_version: 0,
            flags: 0,
            name: [0; 16],
            interface: 0,
            attach_type: ATTACH_TYPE_XDP,
        };
        // SAFETY: `Attributes` is what the command takes, and the addresses are of live slices with their lengths.
        unsafe { descriptor(PROG_LOAD, &attributes) }.context("loading a BPF program").map(Self)
    }

    /// A program of whoever loaded it.
    pub(crate) fn by_id(id: u32) -> Result<Self> {
        // SAFETY: the command takes the id first; no pointers.
        unsafe { descriptor(PROG_GET_FD_BY_ID, &[id, 0, 0]) }.context("opening a BPF program").map(Self)
    }

    /// Puts it on an interface of the calling thread's namespace.
    pub(crate) fn attach(&self, interface: u32, mode: Mode) -> Result<Link> {
        let attributes = [self.0.as_raw_fd().cast_unsigned(), interface, ATTACH_TYPE_XDP, mode as u32];
        // SAFETY: program, interface, type and flags, as the command takes them; no pointers.
        unsafe { descriptor(LINK_CREATE, &attributes) }.context("attaching an XDP program").map(Link)
    }

    /// Runs it on one frame so many times. It sees the frame as the run before has left it.
    pub(crate) fn run(&self, frame: &[u8], repeat: u32) -> Result<Ran> {
        let mut test = TestRun { repeat, ..self.test(frame)? };
        // SAFETY: `TestRun` is what the command takes, and its pointer is to a live slice with its length.
        unsafe { call(PROG_TEST_RUN, &mut test) }.context("running a BPF program")?;
        Ok(Ran { verdict: test.verdict, each: Duration::from_nanos(test.duration.into()) })
    }

    /// Runs it on so many live frames, as if they came from an interface of the calling thread's namespace: what it
    /// sends back leaves by that interface.
    pub(crate) fn send(&self, frame: &[u8], interface: u32, count: u32) -> Result<()> {
        // `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let context = [0, u32::try_from(frame.len())?, 0, interface, 0, 0];
        let mut test = TestRun {
            repeat: count,
            context_in_size: size_of_val(&context) as u32,
            context_in: address(context.as_ptr()),
            flags: XDP_LIVE_FRAMES,
            batch: LIVE_BATCH,
            ..self.test(frame)?
        };
        // SAFETY: as in `run`; the context is live too.
        unsafe { call(PROG_TEST_RUN, &mut test) }.context("sending live frames")?;
        Ok(())
    }

    fn test(&self, frame: &[u8]) -> Result<TestRun> {
        Ok(TestRun {
            program: self.0.as_raw_fd().cast_unsigned(),
            size_in: u32::try_from(frame.len())?,
            data_in: address(frame.as_ptr()),
            ..TestRun::default()
        })
    }
}

#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    verdict: u32,
    size_in: u32,
    size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context_in_size: u32,
    context_out_size: u32,
    context_in: u64,
    context_out: u64,
    flags: u32,
    processor: u32,
    batch: u32,
    padding: u32,
}

impl Counters {
    /// So many, all zero.
    pub(crate) fn new(count: u32) -> Result<Self> {
        // SAFETY: type, key size, value size, entries and flags, as the command takes them; no pointers.
        unsafe { descriptor(MAP_CREATE, &[MAP_TYPE_ARRAY, 4, 8, count, 0]) }
            .context("making a BPF map")
            .map(Self)
    }

    /// The value of one.
    pub(crate) fn read(&self, index: u32) -> Result<u64> {
        #[repr(C)]
        struct Attributes {
            map: u32,
            padding: u32,
            key: u64,
            value: u64,
            flags: u64,
        }
        let mut value = 0_u64;
        let mut attributes = Attributes {
            map: self.0.as_raw_fd().cast_unsigned(),
            padding: 0,
            key: address(&raw const index),
            value: address(&raw mut value),
            flags: 0,
        };
        // SAFETY: `Attributes` is what the command takes; key and value are live and of the map's sizes.
        unsafe { call(MAP_LOOKUP_ELEM, &mut attributes) }.context("reading a BPF map")?;
        Ok(value)
    }
}

fn address<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64
}

/// A command that makes a descriptor.
///
/// # Safety
/// As [`call`].
unsafe fn descriptor<T: ?Sized>(command: libc::c_long, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the caller's promise. Commands that make descriptors do not write to their attributes.
    let fd = unsafe { system_call(command, std::ptr::from_ref(attributes).cast(), size_of_val(attributes)) }?;
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// One call of `bpf(2)`.
///
/// # Safety
/// `attributes` begins with the fields that `command` takes, and all addresses among them are of live memory that is
/// large enough.
unsafe fn call<T>(command: libc::c_long, attributes: &mut T) -> io::Result<libc::c_int> {
    // SAFETY: the caller's promise.
    unsafe { system_call(command, std::ptr::from_mut(attributes).cast_const().cast(), size_of::<T>()) }
}

unsafe fn system_call(command: libc::c_long, attributes: *const u8, size: usize) -> io::Result<libc::c_int> {
    // SAFETY: the caller's promise; the size is that of the attributes.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as libc::c_int) }
}
