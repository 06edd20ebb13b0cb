//! Puts the programs in place: loads them, takes over what an earlier daemon left or starts afresh, and pins it all.

use std::{
    error::Error,
    io,
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
    sync::Arc,
};

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::{Map, MapData, MapError},
    programs::{
        ProgramError, SchedClassifier, TcAttachType, Xdp, XdpMode as Mode,
        links::{FdLink, LinkError, LinkOrder, PinnedLink},
        tc::{self, NlOptions, SchedClassifierLink, TcAttachOptions},
        xdp::XdpLink,
    },
};
use tracing::{debug, info, warn};
use vrrp_common::abi::name;

use super::{
    Attached, Attachment, DataPlane, OBJECT, Target, Why,
    error::AttachError,
    events::Events,
    guard::Left,
    hold::Held,
    host, link,
    notes::Inherited,
    pins::{self, EGRESS_LINK, Pins, XDP_LINK},
    sys,
    tables::Tables,
};
use crate::config::XdpMode;

/// Loads the programs and attaches them to `target`, whose index is one of this thread's network namespace. What an
/// earlier daemon left there is taken over without a gap, with its roles and leases. Blocks, for tenths of a second.
///
/// # Errors
///
/// See [`AttachError`]. What was attached before stays as it was, unless it could not be used again.
pub fn attach(target: &Target, mode: XdpMode) -> Result<Attachment, AttachError> {
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

fn attach_here(target: Target, mode: XdpMode) -> Result<(Attachment, PinnedMaps), AttachError> {
    pins::ensure_bpffs()?;
    let pins = Pins::of(&target.name);
    let mut left = pins.sweep(target.index);
    let lock = pins.lock()?;
    let inherited = Inherited::read(&pins);
    left.extend(Left::pinned(pins.dir()));
    let adopted = pins.are_usable(target.index) && suits(mode, &target);
    if !adopted {
        pins.clear()?;
    }
    let result = put_in_place(&target, mode, &pins, adopted);
    if result.is_err() && !adopted {
        // The error that matters is the one before.
        let _best_effort = pins.remove();
    }
    let (attached, egress, tables, events, maps) = result?;
    let held = Arc::new(Held::open(&pins, &maps)?);
    let plane = DataPlane { target, attached, adopted, egress, pins, held, lock, left };
    Ok((Attachment { plane, tables, events, inherited }, maps))
}

/// Whether a program that is attached already is attached in the mode that is asked for.
fn suits(mode: XdpMode, target: &Target) -> bool {
    let native = link::xdp_state(target.index).is_ok_and(|state| state.native);
    let suits = match mode {
        XdpMode::Auto => true,
        XdpMode::Native => native,
        XdpMode::Generic => !native,
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

fn put_in_place(target: &Target, mode: XdpMode, pins: &Pins, adopted: bool) -> Result<InPlace, AttachError> {
    let outdated = pins.outdated();
    let mut loader = EbpfLoader::new();
    for map in Pins::map_names().filter(|map| !outdated.contains(map)) {
        loader.map_pin_path(map, pins.path(map));
    }
    let mut ebpf = loader.load(OBJECT).map_err(load_error)?;
    program::<Xdp>(&mut ebpf, name::INGRESS)?.load().map_err(|error| load_error(error.into()))?;
    program::<SchedClassifier>(&mut ebpf, name::EGRESS)?.load().map_err(|error| load_error(error.into()))?;

    let (mut tables, maps) = tables(&mut ebpf)?;
    let events = Events::new(take(&mut ebpf, name::EVENTS)?)?;
    if outdated.contains(&name::COUNTERS) {
        carry_over_counts(&pins.path(name::COUNTERS), &mut tables);
    }
    // Before the first frame.
    tables.set_mac(target.mac);

    warn_of_stripped_tags(target);
    let xdp = program::<Xdp>(&mut ebpf, name::INGRESS)?;
    let attached = if adopted { adopt_xdp(xdp, target, pins)? } else { attach_xdp(xdp, target, mode, pins)? };
    let egress = program::<SchedClassifier>(&mut ebpf, name::EGRESS)?;
    let egress = Egress::attach(egress, target, pins)?;
    // Only now that both programs use them: who fails before leaves all as it was.
    for (name, map) in maps.iter().filter(|(name, _)| outdated.contains(name)) {
        info!(interface = target.name, map = name, "a map of another version was made anew");
        pins.replace(name, map.as_fd())?;
    }
    Ok((attached, egress, tables, events, maps))
}

fn program<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, AttachError>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
{
    let program = ebpf.program_mut(name).ok_or(AttachError::NoObject)?;
    program.try_into().map_err(|error: ProgramError| AttachError::Load(Box::new(error.into())))
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map, MapError> {
    ebpf.take_map(name).ok_or_else(|| MapError::InvalidName { name: name.to_owned() })
}

fn tables(ebpf: &mut Ebpf) -> Result<(Tables, PinnedMaps), AttachError> {
    let mut maps = Vec::new();
    let mut keep = |name, map: &MapData| {
        maps.push((name, map.fd().as_fd().try_clone_to_owned()?));
        Ok::<(), io::Error>(())
    };
    let mut array = |ebpf: &mut Ebpf, name| {
        let Map::Array(map) = take(ebpf, name)? else {
            return Err(MapError::InvalidName { name: name.to_owned() });
        };
        keep(name, &map)?;
        Ok(map)
    };
    let arrays = [
        array(ebpf, name::ROUTERS)?,
        array(ebpf, name::EXPECTED)?,
        array(ebpf, name::INTERFACE)?,
        array(ebpf, name::NEAR_VIPS)?,
    ];
    let (vips, peers) = (take(ebpf, name::VIPS)?, take(ebpf, name::PEERS)?);
    let (counters, budgets) = (take(ebpf, name::COUNTERS)?, take(ebpf, name::BUDGETS)?);
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

fn attach_xdp(xdp: &mut Xdp, target: &Target, mode: XdpMode, pins: &Pins) -> Result<Attached, AttachError> {
    let (link, attached) = match mode {
        XdpMode::Generic => (link_xdp(xdp, target, Mode::Skb), Attached::Generic(Why::Configured)),
        XdpMode::Native => (link_xdp(xdp, target, Mode::Driver), Attached::Native),
        XdpMode::Auto if sys::driver(&target.name).is_ok_and(|driver| driver == "veth") => {
            (link_xdp(xdp, target, Mode::Skb), Attached::Generic(Why::Veth))
        }
        XdpMode::Auto => match link_xdp(xdp, target, Mode::Driver) {
            Err(error) if refuses_native(&error) => {
                let why = Why::Refused(error.raw_os_error().unwrap_or_default());
                (link_xdp(xdp, target, Mode::Skb), Attached::Generic(why))
            }
            native => (native, Attached::Native),
        },
    };
    let link = link.map_err(|error| attach_error(error, target, mode))?;
    link.pin(pins.path(XDP_LINK)).map_err(|error| pins.error("pin a link in", errno_of(&error)))?;
    Ok(attached)
}

fn link_xdp(xdp: &mut Xdp, target: &Target, mode: Mode) -> io::Result<FdLink> {
    let id = xdp.attach_to_if_index(target.index, mode).map_err(|error| errno_of(&error))?;
    let link = xdp.take_link(id).map_err(|error| errno_of(&error))?;
    // After EINVAL aya attaches by netlink, which would go when this process does: no link, no attachment.
    link.try_into().map_err(|_: LinkError| io::Error::from_raw_os_error(libc::EINVAL))
}

fn refuses_native(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL | libc::ERANGE | libc::ENOSPC))
}

/// Exchanges the program in the pinned link for this one, between two frames.
fn adopt_xdp(xdp: &mut Xdp, target: &Target, pins: &Pins) -> Result<Attached, AttachError> {
    let mut update = || -> Result<(), Box<dyn Error + Send + Sync>> {
        let link = FdLink::from(PinnedLink::from_pin(pins.path(XDP_LINK))?);
        let id = xdp.attach_to_link(XdpLink::try_from(link)?)?;
        // Dropping it closes a descriptor; the pin keeps it attached.
        drop(xdp.take_link(id)?);
        Ok(())
    };
    update().map_err(|error| pins.error("exchange the program in", errno_of(error.as_ref())))?;
    let native = link::xdp_state(target.index).is_ok_and(|state| state.native);
    info!(interface = target.name, path = %pins.dir().display(), "took over the data plane of the daemon before");
    Ok(if native { Attached::Native } else { Attached::Generic(Why::Adopted) })
}

/// How the egress program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Egress {
    /// A TCX link, pinned with the rest.
    Link,
    /// A filter on the clsact qdisc, before Linux 6.6. It stays by itself.
    Filter,
}

impl Egress {
    fn attach(program: &mut SchedClassifier, target: &Target, pins: &Pins) -> Result<Self, AttachError> {
        let failed = |error: &(dyn Error + 'static)| AttachError::Attach {
            program: "egress",
            interface: target.name.clone(),
            source: errno_of(error),
        };
        if host::kernel_older_than(6, 6).1 {
            attach_filter(program, target).map_err(|error| failed(&error))?;
            return Ok(Self::Filter);
        }
        let path = pins.path(EGRESS_LINK);
        // One that somebody has detached takes no other program.
        if pins::attached_to(&path) == Some(0) {
            pins.forget(EGRESS_LINK)?;
        }
        if let Ok(pinned) = PinnedLink::from_pin(&path) {
            let link = SchedClassifierLink::try_from(FdLink::from(pinned)).map_err(|error| failed(&error))?;
            let id = program.attach_to_link(link).map_err(|error| failed(&error))?;
            drop(program.take_link(id));
            return Ok(Self::Link);
        }
        let options = TcAttachOptions::TcxOrder(LinkOrder::default());
        let link: FdLink = program
            .attach_with_options(&target.name, TcAttachType::Egress, options)
            .and_then(|id| program.take_link(id))
            .map_err(|error| failed(&error))?
            .try_into()
            .map_err(|error: LinkError| failed(&error))?;
        link.pin(path).map_err(|error| pins.error("pin a link in", errno_of(&error)))?;
        Ok(Self::Link)
    }

    /// Removes what is not removed with the pins.
    pub(super) fn detach(self, interface: &str) {
        match self {
            Self::Link => {}
            Self::Filter => {
                if let Err(error) = tc::qdisc_detach_program(interface, TcAttachType::Egress, name::EGRESS) {
                    warn!(interface, %error, "cannot remove the egress filter");
                }
            }
        }
    }
}

fn attach_filter(program: &mut SchedClassifier, target: &Target) -> Result<(), ProgramError> {
    if let Err(error) = tc::qdisc_add_clsact(&target.name) {
        debug!(%error, "clsact is there already, or the filter will say what is wrong");
    }
    // A former daemon's, and nobody else's.
    let _none = tc::qdisc_detach_program(&target.name, TcAttachType::Egress, name::EGRESS);
    let options = TcAttachOptions::Netlink(NlOptions::default());
    let id = program.attach_with_options(&target.name, TcAttachType::Egress, options)?;
    // Dropped, it would be removed.
    std::mem::forget(program.take_link(id)?);
    Ok(())
}

/// The errno at the root of an error.
fn errno_of(error: &(dyn Error + 'static)) -> io::Error {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(errno) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return io::Error::from_raw_os_error(errno);
        }
        cause = error.source();
    }
    io::Error::other(error.to_string())
}

fn load_error(error: EbpfError) -> AttachError {
    let errno = errno_of(&error);
    if errno.raw_os_error() == Some(libc::EPERM) {
        return AttachError::Forbidden { action: "load eBPF programs", source: errno };
    }
    match host::kernel_older_than(6, 1) {
        (release, true) => AttachError::KernelTooOld { release, source: error.into() },
        (_, false) => AttachError::Load(error.into()),
    }
}

fn attach_error(source: io::Error, target: &Target, mode: XdpMode) -> AttachError {
    let interface = target.name.clone();
    match source.raw_os_error() {
        Some(libc::EBUSY | libc::EEXIST) => {
            let program = link::xdp_state(target.index).ok().and_then(|state| state.program);
            let program = program.map_or_else(|| "of unknown name".to_owned(), link::describe_program);
            AttachError::Busy { interface, program }
        }
        Some(libc::ENODEV | libc::ENXIO) => AttachError::NoInterface { interface },
        Some(libc::EPERM) => AttachError::Forbidden { action: "attach XDP programs", source },
        Some(libc::EOPNOTSUPP) if mode == XdpMode::Native => AttachError::NoNative { interface },
        Some(libc::EINVAL | libc::ERANGE | libc::ENOSPC) if mode == XdpMode::Native => {
            AttachError::NativeRefused { interface, source }
        }
        _ => AttachError::Attach { program: "XDP", interface, source },
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use vrrp_common::types::Mac;

    use super::*;

    fn run(command: &str) -> String {
        let mut words = command.split_whitespace();
        let out = Command::new(words.next().unwrap()).args(words).output().unwrap();
        assert!(out.status.success(), "{command}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// What kernels before 6.6 get: it works on later ones too.
    #[test]
    fn the_egress_filter_stays_and_is_never_there_twice() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("not run: it needs root (cargo xtask test)");
            return;
        }
        // SAFETY: touches no memory. The thread is the test's own, and ends with it.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0);
        run("ip link add va type veth peer name vb");
        run("tc qdisc add dev va clsact");
        let target = Target { name: "va".into(), index: 0, mac: Mac::default() };
        let ours = || run("tc filter show dev va egress").matches("direct-action").count();
        for _ in 0..2 {
            let mut ebpf = Ebpf::load(OBJECT).unwrap();
            let egress: &mut SchedClassifier = program(&mut ebpf, name::EGRESS).unwrap();
            egress.load().unwrap();
            attach_filter(egress, &target).unwrap();
            drop(ebpf);
            assert_eq!(ours(), 1);
        }
        Egress::Filter.detach("va");
        assert_eq!(ours(), 0);
    }
}
