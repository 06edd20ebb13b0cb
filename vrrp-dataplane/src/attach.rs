//! Puts the programs in place: loads them, takes over what an earlier daemon left or starts afresh, and pins it all.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
    sync::Arc,
    thread,
};

use aya::maps::{Map, MapData, MapError};
use tracing::{info, warn};
use vrrp_common::abi::name;

use crate::{
    bpffs,
    egress::Egress,
    error::AttachError,
    events::Events,
    filter,
    hold::Held,
    host,
    left::Left,
    link,
    notes::Inherited,
    object::{self, Linked, LoadError, OBJECT},
    pins::{self, Pins, XDP_LINK},
    plane::{Attachment, DataPlane},
    sys,
    syscall::{self, XdpWay, link_xdp},
    tables::Tables,
    target::{Attached, Mode, Target, Why},
};

/// Loads the programs and attaches them to `target`, whose index is one of this thread's network namespace. What an
/// earlier daemon left there is taken over without a gap, with its roles and leases. Blocks, for tenths of a second.
///
/// # Errors
///
/// See [`AttachError`]. What was attached before stays as it was, unless it could not be used again.
pub fn attach(target: &Target, mode: Mode) -> Result<Attachment, AttachError> {
    if OBJECT.is_empty() {
        return Err(AttachError::NoObject);
    }
    host::require_capabilities()?;
    host::require_the_kernels_clock()?;
    let target = target.clone();
    let (attachment, maps) = host::in_mounts_of_the_host(move || attach_here(target, mode))?;
    if host::has_own_mounts() {
        let maps: Vec<_> = maps.iter().map(|(name, map)| (*name, map.as_fd())).collect();
        pins::mirror(&attachment.plane.pins, &maps);
    }
    Ok(attachment)
}

/// The maps by name, as they are pinned.
type PinnedMaps = Vec<(&'static str, OwnedFd)>;

fn attach_here(target: Target, mode: Mode) -> Result<(Attachment, PinnedMaps), AttachError> {
    bpffs::ensure()?;
    let pins = Pins::of(&target.name);
    let mut left = Vec::new();
    pins.sweep(target.index, |gone| left.extend(Left::pinned(gone)));
    // Before the pins of this interface are looked at: a daemon that starts at the same time may clear them away.
    let lock = pins.lock()?;
    let inherited = Inherited::read(&pins);
    left.extend(Left::pinned(pins.dir()));
    // A link keeps its mode for life, so that another one can only begin afresh.
    let adopted = pins.are_usable(target.index) && suits(mode, &target);
    if !adopted {
        pins.clear()?;
    }
    let result = put_in_place(&target, mode, &pins, adopted);
    if result.is_err() && !adopted {
        // The error that matters is the one before.
        Egress::here().detach_quietly(&target.name);
        let _best_effort = pins.remove();
    }
    let (attached, egress, tables, events, maps) = result?;
    let held = Arc::new(Held::open(&pins, &maps)?);
    let plane = DataPlane { target, attached, adopted, egress, pins, held, lock, left };
    Ok((Attachment { plane, tables, events, inherited }, maps))
}

/// Tells whether a program that is attached already is attached in the mode that is asked for.
fn suits(mode: Mode, target: &Target) -> bool {
    let native = link::xdp_state(target.index).is_ok_and(|state| state.native);
    let suits = match mode {
        Mode::Auto => true,
        Mode::Native => native,
        Mode::Generic => !native,
    };
    if !suits {
        info!(
            interface = target.name,
            ?mode,
            "the program of the daemon before runs in another mode, starting afresh"
        );
    }
    suits
}

type InPlace = (Attached, Egress, Tables, Events, PinnedMaps);

fn put_in_place(target: &Target, mode: Mode, pins: &Pins, adopted: bool) -> Result<InPlace, AttachError> {
    let outdated = pins.outdated();
    // The ring is never pinned: what an earlier daemon has not read is of no use to this one.
    let pin = |map: &str| (map != name::EVENTS && !outdated.contains(&map)).then(|| pins.path(map));
    let maps: Vec<_> = Pins::map_names().chain([name::EVENTS]).collect();
    let mut linked = object::link(&[name::INGRESS, name::EGRESS], &maps, pin).map_err(load_error)?;
    let egress = linked.load(name::EGRESS).map_err(load_error)?;
    let attach_egress = || Egress::attach(egress.as_fd(), target, pins);
    let (ingress, egress) = if adopted {
        (load_ingress(&linked)?, None)
    } else {
        // The kernel takes milliseconds for each, and only waits while it attaches.
        meanwhile(|| load_ingress(&linked), attach_egress)?
    };

    let (mut tables, maps) = tables(&mut linked)?;
    let events = Events::new(linked.map(name::EVENTS)?)?;
    if outdated.contains(&name::COUNTERS) {
        carry_over_counts(&pins.path(name::COUNTERS), &mut tables);
    }
    // Before the first frame.
    tables.set_mac(target.mac);

    warn_of_stripped_tags(target);
    let xdp = ingress.as_fd();
    let attached = if adopted { adopt_xdp(xdp, target, pins)? } else { attach_xdp(xdp, target, mode, pins)? };
    let egress = match egress {
        Some(egress) => egress,
        None => attach_egress()?,
    };
    // Only now that both programs use them: who fails before leaves all as it was.
    for (name, map) in maps.iter().filter(|(name, _)| outdated.contains(name)) {
        info!(interface = target.name, map = name, "a map of another version was made anew");
        pins.replace(name, map.as_fd())?;
    }
    Ok((attached, egress, tables, events, maps))
}

fn load_ingress(linked: &Linked) -> Result<OwnedFd, AttachError> {
    linked.load(name::INGRESS).map_err(load_error)
}

/// Does both at once.
fn meanwhile<A, B: Send>(
    first: impl FnOnce() -> Result<A, AttachError>,
    second: impl FnOnce() -> Result<B, AttachError> + Send,
) -> Result<(A, Option<B>), AttachError> {
    thread::scope(|scope| {
        let second = thread::Builder::new().name("pins".into()).spawn_scoped(scope, second);
        let second = second.map_err(AttachError::Thread)?;
        let first = first();
        let panicked = |_payload| Err(AttachError::Thread(io::Error::other("it panicked")));
        let second = second.join().unwrap_or_else(panicked);
        Ok((first?, Some(second?)))
    })
}

fn tables(linked: &mut Linked) -> Result<(Tables, PinnedMaps), AttachError> {
    let mut maps = Vec::new();
    let mut keep = |name, map: &MapData| {
        maps.push((name, map.fd().as_fd().try_clone_to_owned()?));
        Ok::<(), io::Error>(())
    };
    let mut array = |linked: &mut Linked, name| {
        let Map::Array(map) = linked.map(name)? else {
            return Err(MapError::InvalidName { name: name.to_owned() });
        };
        keep(name, &map)?;
        Ok(map)
    };
    let arrays = [
        array(linked, name::ROUTERS)?,
        array(linked, name::EXPECTED)?,
        array(linked, name::INTERFACE)?,
        array(linked, name::NEAR_VIPS)?,
        array(linked, name::SETTLING)?,
    ];
    let (vips, peers) = (linked.map(name::VIPS)?, linked.map(name::PEERS)?);
    let (counters, budgets) = (linked.map(name::COUNTERS)?, linked.map(name::BUDGETS)?);
    let others =
        [(name::VIPS, &vips), (name::PEERS, &peers), (name::COUNTERS, &counters), (name::BUDGETS, &budgets)];
    for (name, map) in others {
        if let Map::HashMap(map) | Map::PerCpuArray(map) | Map::Array(map) = map {
            keep(name, map).map_err(MapError::from)?;
        }
    }
    Ok((Tables::new(arrays.each_ref(), [vips, peers], counters)?, maps))
}

/// Adds up what an earlier version has counted in a map of its own shape. Frames of the moment in which the programs are
/// exchanged are in neither.
fn carry_over_counts(pin: &Path, tables: &mut Tables) {
    let counted = MapData::from_pin(pin).map_err(io::Error::other).and_then(|map| {
        let size = map.info().map_err(io::Error::other)?.value_size();
        sys::values_by_cpu(map.fd().as_fd(), 0, size as usize)
    });
    let carried = counted.and_then(|counted| tables.add_counts(&counted));
    if let Err(error) = carried {
        warn!(path = %pin.display(), %error, "the counters of the version before are lost");
    }
}

/// A program sees no tag that the driver has taken off, so that what is in a VLAN looks as if it were in none.
fn warn_of_stripped_tags(target: &Target) {
    let veth = sys::driver(&target.name).is_ok_and(|driver| driver == "veth");
    if !veth && sys::strips_vlan_tags(&target.name).is_ok_and(|strips| strips) {
        warn!(
            interface = target.name,
            "the driver strips VLAN tags: adverts and ARP of VLANs on it would be taken for its own; \
             if it carries VLANs, type: ethtool -K {} rxvlan off",
            target.name
        );
    }
}

fn attach_xdp(
    xdp: BorrowedFd<'_>,
    target: &Target,
    mode: Mode,
    pins: &Pins,
) -> Result<Attached, AttachError> {
    let (link, attached) = match mode {
        Mode::Generic => (link_xdp(xdp, target.index, XdpWay::Generic), Attached::Generic(Why::Configured)),
        Mode::Native => (link_xdp(xdp, target.index, XdpWay::Native), Attached::Native),
        Mode::Auto if sys::driver(&target.name).is_ok_and(|driver| driver == "veth") => {
            (link_xdp(xdp, target.index, XdpWay::Generic), Attached::Generic(Why::Veth))
        }
        Mode::Auto => match link_xdp(xdp, target.index, XdpWay::Native) {
            Err(error) if refuses_native(&error) => {
                let why = Why::Refused(error.raw_os_error().unwrap_or_default());
                (link_xdp(xdp, target.index, XdpWay::Generic), Attached::Generic(why))
            }
            native => (native, Attached::Native),
        },
    };
    let link = link.map_err(|error| attach_error(error, target, mode))?;
    pins.pin_link(link.as_fd(), XDP_LINK)?;
    Ok(attached)
}

fn refuses_native(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL | libc::ERANGE | libc::ENOSPC))
}

/// Exchanges the program in the pinned link for this one, between two frames.
fn adopt_xdp(xdp: BorrowedFd<'_>, target: &Target, pins: &Pins) -> Result<Attached, AttachError> {
    // The pin keeps it attached.
    let link = sys::open_pin(&pins.path(XDP_LINK));
    link.and_then(|link| syscall::update_link(link.as_fd(), xdp))
        .map_err(|source| pins.error("exchange the program in", source))?;
    let native = link::xdp_state(target.index).is_ok_and(|state| state.native);
    info!(interface = target.name, path = %pins.dir().display(), "took over the data plane of the daemon before");
    Ok(if native { Attached::Native } else { Attached::Generic(Why::Adopted) })
}

fn load_error(error: LoadError) -> AttachError {
    let errno = filter::errno_of(&error);
    if errno.raw_os_error() == Some(libc::EPERM) {
        return AttachError::Forbidden { action: "load eBPF programs", source: errno };
    }
    match host::kernel_older_than(6, 1) {
        (release, true) => AttachError::KernelTooOld { release, source: Box::new(error) },
        (_, false) => AttachError::Load(Box::new(error)),
    }
}

fn attach_error(source: io::Error, target: &Target, mode: Mode) -> AttachError {
    let interface = target.name.clone();
    match source.raw_os_error() {
        Some(libc::EBUSY | libc::EEXIST) => {
            let program = link::xdp_state(target.index).ok().and_then(|state| state.program);
            let program = program.map_or_else(|| "of unknown name".to_owned(), link::describe_program);
            AttachError::Busy { interface, program }
        }
        Some(libc::EPERM) => AttachError::Forbidden { action: "attach XDP programs", source },
        Some(libc::EOPNOTSUPP) if mode == Mode::Native => AttachError::NoNative { interface },
        Some(libc::EINVAL | libc::ERANGE | libc::ENOSPC) if mode == Mode::Native => {
            AttachError::NativeRefused { interface, source }
        }
        _ => target.not_attached("XDP", source),
    }
}
