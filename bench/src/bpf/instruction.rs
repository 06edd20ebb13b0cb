//! Instructions of BPF, as many kinds as are needed here.

/// One instruction (RFC 9669 §3).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    code: u8,
    /// Destination in the low half, source in the high.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// How much is loaded or stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum Size {
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
    Double = 0x18,
}

const fn instruction(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: destination | source << 4, offset, immediate }
}

/// `destination = *(source + offset)`
pub(super) const fn load(size: Size, destination: u8, source: u8, offset: i16) -> Instruction {
    instruction(0x61 | size as u8, destination, source, offset, 0)
}

/// `*(destination + offset) = source`
pub(super) const fn store(size: Size, destination: u8, offset: i16, source: u8) -> Instruction {
    instruction(0x63 | size as u8, destination, source, offset, 0)
}

/// `*(u64 *)(destination + offset) += source`, at once for all processors.
pub(super) const fn atomic_add(destination: u8, offset: i16, source: u8) -> Instruction {
    instruction(0xdb, destination, source, offset, 0)
}

/// `destination = source`
pub(super) const fn copy(destination: u8, source: u8) -> Instruction {
    instruction(0xbf, destination, source, 0, 0)
}

/// `destination = immediate`
pub(super) const fn set(destination: u8, immediate: i32) -> Instruction {
    instruction(0xb7, destination, 0, 0, immediate)
}

/// `destination += immediate`
pub(super) const fn add(destination: u8, immediate: i32) -> Instruction {
    instruction(0x07, destination, 0, 0, immediate)
}

/// `destination &= immediate`
pub(super) const fn and(destination: u8, immediate: i32) -> Instruction {
    instruction(0x57, destination, 0, 0, immediate)
}

/// Skips so many instructions if `a <= b`.
pub(super) const fn skip_unless_above(a: u8, b: u8, skip: i16) -> Instruction {
    instruction(0xbd, a, b, skip, 0)
}

/// Skips so many instructions if the register is the immediate.
pub(super) const fn skip_if_equal(register: u8, immediate: i32, skip: i16) -> Instruction {
    instruction(0x15, register, 0, skip, immediate)
}

/// Skips so many instructions if the register is not the immediate.
pub(super) const fn skip_unless_equal(register: u8, immediate: i32, skip: i16) -> Instruction {
    instruction(0x55, register, 0, skip, immediate)
}

/// `destination = value`, two instructions long.
pub(super) const fn set_double(destination: u8, value: u64) -> [Instruction; 2] {
    [instruction(0x18, destination, 0, 0, value as i32), instruction(0, 0, 0, 0, (value >> 32) as i32)]
}

/// `destination = the map with this descriptor`, two instructions long.
pub(super) const fn set_map(destination: u8, descriptor: i32) -> [Instruction; 2] {
    [instruction(0x18, destination, 1, 0, descriptor), instruction(0, 0, 0, 0, 0)]
}

/// Calls a helper of the kernel.
pub(super) const fn call(helper: i32) -> Instruction {
    instruction(0x85, 0, 0, 0, helper)
}

/// Ends the program with register 0.
pub(super) const fn exit() -> Instruction {
    instruction(0x95, 0, 0, 0, 0)
}
