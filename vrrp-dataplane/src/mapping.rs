//! An array map in this process' memory.

use std::{io, marker::PhantomData, num::NonZero, os::fd::AsFd as _, ptr::NonNull};

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use aya::maps::MapData;
use bytemuck::Pod;
use rustix::mm::{MapFlags, ProtFlags};

/// `len` entries of `T`, shared with the kernel. Nothing is borrowed from it but atomics: the other side writes at any
/// time.
pub(crate) struct Mapping<T> {
    start: NonNull<u8>,
    len: usize,
    entry: PhantomData<T>,
}

// SAFETY: the mapping belongs to the process and not to a thread.
unsafe impl<T> Send for Mapping<T> {}

// SAFETY: what can be done by shared reference is atomic, or a volatile read, of memory that the kernel writes anyway.
unsafe impl<T> Sync for Mapping<T> {}

impl<T: Pod> Mapping<T> {
    /// Maps all entries. The kernel lays them out in steps of eight bytes, so `T` must be a multiple of that; it
    /// refuses a map that is smaller, or not made to be mapped.
    pub(crate) fn new(map: &MapData, len: usize) -> io::Result<Self> {
        const { assert!(size_of::<T>().is_multiple_of(8) && size_of::<T>() != 0) };
        let size = NonZero::new(len * size_of::<T>()).ok_or(io::ErrorKind::InvalidInput)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let start = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                size.get(),
                protection,
                MapFlags::SHARED,
                map.fd().as_fd(),
                0,
            )
        }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len, entry: PhantomData })
    }

    /// A copy of the entry, with each byte as it was at some moment during the call.
    pub(crate) fn read(&self, slot: u32) -> T {
        let entry = self.at(slot, 0, size_of::<T>()).cast::<T>();
        // SAFETY: `at` checked the bounds; any bytes are a `T`.
        unsafe { entry.read_volatile() }
    }

    /// Writes `bytes` at `offset` into the entry, in no particular order.
    pub(crate) fn write(&mut self, slot: u32, offset: usize, bytes: &[u8]) {
        let to = self.at(slot, offset, bytes.len());
        // SAFETY: `at` checked the bounds, and `bytes` is not in the mapping: nothing is borrowed from it.
        unsafe { to.copy_from_nonoverlapping(NonNull::from_ref(bytes).cast(), bytes.len()) };
    }

    /// The eight bytes at `offset` into the entry, which is a multiple of eight.
    pub(crate) fn u64(&self, slot: u32, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8), "alignment of a word");
        // SAFETY: `at` checked the bounds; start, entry and offset are multiples of eight.
        unsafe { AtomicU64::from_ptr(self.at(slot, offset, 8).cast().as_ptr()) }
    }

    /// The four bytes at `offset` into the entry, which is a multiple of four.
    pub(crate) fn u32(&self, slot: u32, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4), "alignment of a word");
        // SAFETY: as in `u64`.
        unsafe { AtomicU32::from_ptr(self.at(slot, offset, 4).cast().as_ptr()) }
    }

    /// The two bytes at `offset` into the entry, which is a multiple of two.
    pub(crate) fn u16(&self, slot: u32, offset: usize) -> &AtomicU16 {
        assert!(offset.is_multiple_of(2), "alignment of a word");
        // SAFETY: as in `u64`.
        unsafe { AtomicU16::from_ptr(self.at(slot, offset, 2).cast().as_ptr()) }
    }

    /// The byte at `offset` into the entry.
    pub(crate) fn u8(&self, slot: u32, offset: usize) -> &AtomicU8 {
        // SAFETY: as in `u64`, and a byte has no alignment.
        unsafe { AtomicU8::from_ptr(self.at(slot, offset, 1).as_ptr()) }
    }

    fn at(&self, slot: u32, offset: usize, size: usize) -> NonNull<u8> {
        assert!((slot as usize) < self.len && offset + size <= size_of::<T>(), "within the map");
        // SAFETY: within the mapping, as was just checked.
        unsafe { self.start.byte_add(slot as usize * size_of::<T>() + offset) }
    }
}

impl<T> Drop for Mapping<T> {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this size, and nothing is borrowed from it any more.
        let _unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len * size_of::<T>()) };
    }
}
