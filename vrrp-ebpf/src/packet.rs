//! Frames: where what is, and the only pointer arithmetic on packets.
//!
//! One bounds check for each layer, constant offsets after it. Fields are byte arrays in the order of the wire, so
//! that nothing needs alignment.

use core::{hint, ptr};

use aya_ebpf::{
    bindings::{__sk_buff, xdp_md},
    helpers::generated::{bpf_skb_pull_data, bpf_xdp_adjust_head, bpf_xdp_get_buff_len, bpf_xdp_load_bytes},
};
use vrrp_common::abi::Verdict;

/// EtherTypes, in the byte order of the wire.
pub(crate) const ETHER_IPV4: u16 = 0x0800_u16.to_be();
pub(crate) const ETHER_ARP: u16 = 0x0806_u16.to_be();
pub(crate) const ETHER_VLAN: u16 = 0x8100_u16.to_be();
pub(crate) const ETHER_SERVICE_VLAN: u16 = 0x88a8_u16.to_be();

/// Bits of the tag that are the VLAN's number.
pub(crate) const VLAN_ID: u16 = 0x0fff_u16.to_be();

/// Priority tags taken off before a frame is given up.
pub(crate) const PRIORITY_TAGS: u32 = 2;

/// Bytes of the headers.
pub(crate) const ETHERNET_BYTES: usize = size_of::<Ethernet>();
pub(crate) const IPV4_BYTES: usize = size_of::<Ipv4>();

/// A hardware address, in two words that compare and copy at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mac {
    head: u32,
    tail: u16,
}

impl Mac {
    #[inline(always)]
    pub(crate) fn from_bytes([a, b, c, d, e, f]: [u8; 6]) -> Self {
        Self { head: u32::from_ne_bytes([a, b, c, d]), tail: u16::from_ne_bytes([e, f]) }
    }

    #[inline(always)]
    pub(crate) fn bytes(self) -> [u8; 6] {
        let [a, b, c, d] = self.head.to_ne_bytes();
        let [e, f] = self.tail.to_ne_bytes();
        [a, b, c, d, e, f]
    }

    /// Sent to many: broadcast or multicast.
    #[inline(always)]
    pub(crate) fn is_group(self) -> bool {
        self.bytes()[0] & 1 == 1
    }

    #[inline(always)]
    pub(crate) fn is_zero(self) -> bool {
        self.head == 0 && self.tail == 0
    }

    /// The VRID when this is 00-00-5E-00-01-VRID (RFC 9568 §7.3).
    #[inline(always)]
    pub(crate) fn virtual_router_v4(self) -> Option<u8> {
        let [block, vrid] = self.tail.to_ne_bytes();
        (self.head == u32::from_ne_bytes([0x00, 0x00, 0x5e, 0x00]) && block == 1).then_some(vrid)
    }
}

/// The header of an untagged frame.
#[repr(C)]
pub(crate) struct Ethernet {
    destination: [u8; 6],
    source: [u8; 6],
    ether_type: [u8; 2],
}

/// An Ethernet frame that holds ARP for IPv4 (RFC 826).
#[repr(C)]
pub(crate) struct Arp {
    pub(crate) destination: [u8; 6],
    pub(crate) source: [u8; 6],
    pub(crate) ether_type: [u8; 2],
    pub(crate) hardware: [u8; 2],
    pub(crate) protocol: [u8; 2],
    pub(crate) hardware_length: u8,
    pub(crate) protocol_length: u8,
    pub(crate) operation: [u8; 2],
    pub(crate) sender_mac: [u8; 6],
    pub(crate) sender: [u8; 4],
    pub(crate) target_mac: [u8; 6],
    pub(crate) target: [u8; 4],
}

/// Version 4, no options.
const PLAIN_HEADER: u8 = 0x45;

/// The IPv4 header without options (RFC 791).
#[repr(C)]
pub(crate) struct Ipv4 {
    pub(crate) version_ihl: u8,
    pub(crate) tos: u8,
    pub(crate) total_length: [u8; 2],
    pub(crate) identification: [u8; 2],
    pub(crate) fragment: [u8; 2],
    pub(crate) ttl: u8,
    pub(crate) protocol: u8,
    pub(crate) checksum: [u8; 2],
    pub(crate) source: [u8; 4],
    pub(crate) destination: [u8; 4],
}

impl Ipv4 {
    /// Whether the sum over the 20 bytes is what it must be.
    #[inline(always)]
    pub(crate) fn checksum_is_right(&self) -> bool {
        // SAFETY: 20 bytes without alignment, read as five words.
        let words: [u32; 5] = unsafe { ptr::read_unaligned(ptr::from_ref(self).cast()) };
        let mut sum: u64 = 0;
        for word in words {
            sum += u64::from(word);
        }
        sums_to_zero(sum)
    }

    /// Version 4 without options.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        self.version_ihl == PLAIN_HEADER
    }
}

/// Whether a sum of words of four bytes is zero in one's complement, as that over bytes with their checksum is (RFC 1071).
#[inline(always)]
pub(crate) fn sums_to_zero(sum: u64) -> bool {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) + (sum >> 16) == 0xffff
}

/// A frame that arrives.
pub(crate) struct Frame {
    context: *mut xdp_md,
}

impl Frame {
    #[inline(always)]
    pub(crate) fn new(context: *mut xdp_md) -> Self {
        Self { context }
    }

    /// The `T` that starts `offset` bytes into the frame; `None` when it is not there in full. Any bytes are a `T`,
    /// and its alignment is 1: only the header types above are asked for.
    #[inline(always)]
    fn at<T>(&self, offset: usize) -> Option<*mut T> {
        const { assert!(align_of::<T>() == 1) };
        // SAFETY: the kernel's context, valid as long as the program runs.
        let (start, end) = unsafe { ((*self.context).data as usize, (*self.context).data_end as usize) };
        let field = start + offset;
        if field + size_of::<T>() > end {
            return None;
        }
        // SAFETY: no frame is at address 0. Not known, that would be tested at every `Option<&T>`.
        unsafe { hint::assert_unchecked(field != 0) };
        Some(field as *mut T)
    }

    /// The EtherType below priority tags (VLAN 0), which the kernel takes for no tag at all: they are removed, so that
    /// ARP and IPv4 beneath them do not slip by. A frame of a VLAN is that VLAN's, and not ours.
    #[inline(always)]
    pub(crate) fn untag(&mut self) -> Result<u16, Verdict> {
        for _ in 0..PRIORITY_TAGS {
            let ether_type = self.ether_type(12)?;
            if ether_type != ETHER_VLAN && ether_type != ETHER_SERVICE_VLAN {
                return Ok(ether_type);
            }
            if self.ether_type(14)? & VLAN_ID != 0 {
                return Err(Verdict::NotOurs);
            }
            self.pop_tag()?;
        }
        let ether_type = self.ether_type(12)?;
        if ether_type == ETHER_VLAN || ether_type == ETHER_SERVICE_VLAN {
            return Err(Verdict::TagsTooDeep);
        }
        Ok(ether_type)
    }

    /// Two bytes of the header; a frame that is too short for them is not ours.
    #[inline(always)]
    fn ether_type(&self, offset: usize) -> Result<u16, Verdict> {
        let bytes: *mut [u8; 2] = self.at(offset).ok_or(Verdict::NotOurs)?;
        // SAFETY: `at` checked the bounds.
        Ok(u16::from_ne_bytes(unsafe { *bytes }))
    }

    #[inline(always)]
    fn pop_tag(&mut self) -> Result<(), Verdict> {
        let header: *mut [[u8; 6]; 3] = self.at(0).ok_or(Verdict::NotOurs)?;
        let words: *mut u32 = header.cast();
        // SAFETY: `at` checked 18 bytes; the two addresses move up by four, into them. The last word goes first: as one
        // copy they would become a call of `memmove`, which libbpf refuses.
        unsafe {
            for index in [2, 1, 0] {
                let word = ptr::read_unaligned(words.add(index));
                ptr::write_unaligned(words.add(index + 1), word);
            }
        }
        // SAFETY: the kernel's context. Pointers into the frame are read from it anew after this.
        if unsafe { bpf_xdp_adjust_head(self.context, 4) } == 0 { Ok(()) } else { Err(Verdict::TagsTooDeep) }
    }

    /// Where the frame is sent to.
    #[inline(always)]
    pub(crate) fn destination(&self) -> Option<Mac> {
        let header: *mut Ethernet = self.at(0)?;
        // SAFETY: `at` checked the bounds.
        Some(Mac::from_bytes(unsafe { (*header).destination }))
    }

    /// Where the frame comes from.
    #[inline(always)]
    pub(crate) fn source(&self) -> Option<Mac> {
        let header: *mut Ethernet = self.at(0)?;
        // SAFETY: `at` checked the bounds.
        Some(Mac::from_bytes(unsafe { (*header).source }))
    }

    /// Whether the frame has the tag of a VLAN, and not one of a priority only.
    #[inline(always)]
    pub(crate) fn is_of_vlan(&self) -> bool {
        let Ok(ether_type) = self.ether_type(12) else { return false };
        (ether_type == ETHER_VLAN || ether_type == ETHER_SERVICE_VLAN)
            && self.ether_type(14).is_ok_and(|tag| tag & VLAN_ID != 0)
    }

    /// Sends the frame on to another address.
    #[inline(always)]
    pub(crate) fn set_destination(&mut self, mac: Mac) {
        if let Some(header) = self.at::<Ethernet>(0) {
            // SAFETY: `at` checked the bounds.
            unsafe { (*header).destination = mac.bytes() };
        }
    }

    /// The frame as ARP.
    #[inline(always)]
    pub(crate) fn arp(&self) -> Option<&Arp> {
        // SAFETY: `at` checked the bounds, and any bytes are an `Arp`.
        self.at(0).map(|arp| unsafe { &*arp })
    }

    /// Changes the frame, which is ARP.
    #[inline(always)]
    pub(crate) fn edit_arp(&mut self, edit: impl FnOnce(&mut Arp)) {
        if let Some(arp) = self.at(0) {
            // SAFETY: `at` checked the bounds, any bytes are an `Arp`, and nothing else refers to the frame.
            edit(unsafe { &mut *arp });
        }
    }

    /// The IPv4 header behind an Ethernet header.
    #[inline(always)]
    pub(crate) fn ipv4(&self) -> Option<&Ipv4> {
        // SAFETY: `at` checked the bounds, and any bytes are an `Ipv4`.
        self.at(ETHERNET_BYTES).map(|ip| unsafe { &*ip })
    }

    /// The byte `offset` bytes into the frame. `offset` is less than 256, as the verifier must see.
    #[inline(always)]
    pub(crate) fn byte(&self, offset: usize) -> Option<u8> {
        // SAFETY: `at` checked the bounds.
        self.at(offset).map(|byte: *mut u8| unsafe { *byte })
    }

    /// The four bytes `offset` bytes into the frame.
    #[inline(always)]
    pub(crate) fn word(&self, offset: usize) -> Option<u32> {
        // SAFETY: `at` checked the bounds.
        self.at(offset).map(|word: *mut [u8; 4]| unsafe { u32::from_ne_bytes(*word) })
    }

    /// Bytes of the frame. As wide as a register, so that a bound once tested is known to the verifier.
    #[inline(always)]
    pub(crate) fn length(&self) -> u64 {
        // SAFETY: the kernel's context.
        unsafe { bpf_xdp_get_buff_len(self.context) }
    }

    /// Copies the first `length` bytes to `to`; whether that was possible.
    ///
    /// # Safety
    ///
    /// `to` is writable for `length` bytes.
    #[inline(always)]
    pub(crate) unsafe fn copy_to(&self, to: *mut u8, length: u64) -> bool {
        // SAFETY: the kernel's context, and the caller's promise.
        unsafe { bpf_xdp_load_bytes(self.context, 0, to.cast(), length as u32) == 0 }
    }
}

/// The ARP frame in a buffer that leaves, made contiguous where it is not.
#[inline(always)]
pub(crate) fn leaving_arp<'a>(skb: *mut __sk_buff) -> Option<&'a Arp> {
    let size = size_of::<Arp>();
    let bounds = || {
        // SAFETY: the kernel's context, valid as long as the program runs.
        unsafe { ((*skb).data as usize, (*skb).data_end as usize) }
    };
    let (mut start, mut end) = bounds();
    if start + size > end {
        // SAFETY: the kernel's context. Start and end are read anew.
        if unsafe { bpf_skb_pull_data(skb, size as u32) } != 0 {
            return None;
        }
        (start, end) = bounds();
    }
    if start + size > end {
        return None;
    }
    // SAFETY: as in `Frame::at`.
    unsafe { hint::assert_unchecked(start != 0) };
    // SAFETY: the bounds were checked, and any bytes are an `Arp`.
    Some(unsafe { &*(start as *const Arp) })
}
