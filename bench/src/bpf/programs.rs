//! The three programs of the flood: who asks, who is the least that can answer, who counts.

use std::os::fd::AsRawFd as _;

use anyhow::{Result, ensure};

use super::{
    Counters, DROP, Program, TX,
    instruction::{
        Instruction, Size, add, and, atomic_add, call, copy, exit, load, set, set_double, set_map,
        skip_if_equal, skip_unless_above, skip_unless_equal, store,
    },
};

/// Bytes of an Ethernet frame that holds ARP, without padding.
const ARP: usize = 42;
const ETHER_ARP: i32 = 0x0806_u16.to_be() as i32;
const MAP_LOOKUP_ELEM: i32 = 1;
const KTIME_GET_BOOT_NS: i32 = 125;

/// Writes a frame over what there is, and sends it: live frames come back from their last round with what was done
/// to them.
pub(crate) fn generator(frame: &[u8]) -> Result<Program> {
    ensure!(frame.len() >= ARP, "a frame of {} bytes holds no ARP", frame.len());
    let mut code = bounds(ARP as i32).to_vec();
    let (doubles, rest) = frame[..ARP].as_chunks::<8>();
    for (index, double) in doubles.iter().enumerate() {
        code.extend(set_double(5, u64::from_ne_bytes(*double)));
        code.push(store(Size::Double, 2, 8 * index as i16, 5));
    }
    for (index, byte) in rest.iter().enumerate() {
        code.push(set(5, i32::from(*byte)));
        code.push(store(Size::Byte, 2, (8 * doubles.len() + index) as i16, 5));
    }
    code.extend([set(0, TX as i32), exit()]);
    Program::load(&code)
}

/// The least that answers anything: swaps the addresses and sends the frame back. With `clock` it reads the clock
/// for every frame, as whoever looks at a lease must.
pub(crate) fn swap(clock: bool) -> Result<Program> {
    let mut code = Vec::new();
    if clock {
        // The call may overwrite registers 1 to 5.
        code.extend([copy(6, 1), call(KTIME_GET_BOOT_NS), copy(1, 6)]);
    }
    code.extend(bounds(14));
    code.extend([
        load(Size::Word, 4, 2, 0),
        load(Size::Half, 5, 2, 4),
        load(Size::Word, 6, 2, 6),
        load(Size::Half, 7, 2, 10),
        store(Size::Word, 2, 0, 6),
        store(Size::Half, 2, 4, 7),
        store(Size::Word, 2, 6, 4),
        store(Size::Half, 2, 10, 5),
        set(0, TX as i32),
        exit(),
    ]);
    Program::load(&code)
}

/// Drops everything and counts ARP by operation (1 request, 2 reply), and all else under 0.
pub(crate) fn sink(counters: &Counters) -> Result<Program> {
    let mut code = bounds(ARP as i32).to_vec();
    code.extend([
        load(Size::Half, 4, 2, 12),
        set(5, 0),
        skip_unless_equal(4, ETHER_ARP, 2),
        load(Size::Byte, 5, 2, 21),
        and(5, 3),
        store(Size::Word, 10, -4, 5),
        copy(2, 10),
        add(2, -4),
    ]);
    code.extend(set_map(1, counters.0.as_raw_fd()));
    code.extend([
        call(MAP_LOOKUP_ELEM),
        skip_if_equal(0, 0, 2),
        set(1, 1),
        atomic_add(0, 0, 1),
        set(0, DROP as i32),
        exit(),
    ]);
    Program::load(&code)
}

/// Leaves the start of the frame in register 2; drops a frame that has fewer bytes.
fn bounds(bytes: i32) -> [Instruction; 7] {
    [
        load(Size::Word, 2, 1, 0),
        load(Size::Word, 3, 1, 4),
        copy(4, 2),
        add(4, bytes),
        // The end is not below: over the two that drop.
        skip_unless_above(4, 3, 2),
        set(0, DROP as i32),
        exit(),
    ]
}
