//! Attachment of the guard's program: at tc ingress, before all others, and by no link. A link goes with the last
//! pin and descriptor of it; what is attached so stays until it is taken away, or the interface is.

use std::{
    error::Error,
    fs, io,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    thread,
};

use aya::programs::{
    TcAttachType,
    links::Link as _,
    tc::{self, NlOptions, SchedClassifierLink, TcHandle},
};
use futures_util::TryStreamExt as _;
use netlink_packet_route::tc::TcMessage;

use crate::{
    filter::{self, errno_of},
    host,
};

/// Commands, a type of attachment and a flag of bpf(2).
const PROG_ATTACH: libc::c_long = 8;
const PROG_DETACH: libc::c_long = 9;
const PROG_GET_FD_BY_ID: libc::c_long = 13;
const PROG_QUERY: libc::c_long = 16;
const TCX_INGRESS: u32 = 46;
const BEFORE: u32 = 1 << 3;

/// Most programs that the kernel lets be attached to one place.
const MOST: usize = 64;

/// An interface that frames reach the kernel by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entrance {
    /// Index of the interface in this network namespace.
    pub index: u32,
    /// Name of the interface.
    pub name: String,
}

/// Ways in which programs are attached to entrances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// TCX: without a qdisc, since Linux 6.6.
    Tcx,
    /// A filter on the clsact qdisc, with the program's id for its handle.
    Filter,
}

impl Way {
    /// Chooses the way of this kernel.
    pub(crate) fn here() -> Self {
        if host::kernel_older_than(6, 6).1 { Self::Filter } else { Self::Tcx }
    }

    /// Attaches the program with this id, before what is attached already.
    pub(crate) fn attach(self, program: BorrowedFd<'_>, id: u32, entrance: &Entrance) -> io::Result<()> {
        let attached = match self {
            Self::Tcx => command(PROG_ATTACH, [entrance.index, fd(program), TCX_INGRESS, BEFORE]),
            Self::Filter => attach_filter(program, id, entrance),
        };
        // The kernel knows programs by interface index. It is there already: the interface has got another name.
        attached.or_else(|error| if error.raw_os_error() == Some(libc::EEXIST) { Ok(()) } else { Err(error) })
    }

    /// Takes the program with this id away; that it is not there is no error.
    pub(crate) fn detach(self, program: BorrowedFd<'_>, id: u32, entrance: &Entrance) -> io::Result<()> {
        let detached = match self {
            Self::Tcx => command(PROG_DETACH, [entrance.index, fd(program), TCX_INGRESS, 0]),
            Self::Filter => detach_filter(id, entrance).map_err(|error| errno_of(&*error)),
        };
        detached.or_else(|error| match error.raw_os_error() {
            // Never there, or the qdisc or the interface is not.
            Some(libc::ENOENT | libc::ENODEV | libc::EINVAL) => Ok(()),
            _ => Err(error),
        })
    }

    /// Lists the ids of the programs that are attached, as far as the kernel tells. Among them may be handles of filters that are no
    /// guards.
    pub(crate) fn attached(self, index: u32) -> Option<Vec<u32>> {
        match self {
            Self::Tcx => query(index).ok(),
            Self::Filter => filters(index).ok(),
        }
    }
}

fn fd(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd() as u32
}

type Failed = Box<dyn Error + Send + Sync>;

/// Before all others: the kernel takes the lowest priority first.
const PRIORITY: u16 = 1;

fn attach_filter(program: BorrowedFd<'_>, id: u32, entrance: &Entrance) -> io::Result<()> {
    // There already, or the filter will say what is wrong.
    let _there = tc::qdisc_add_clsact(&entrance.name);
    let options = NlOptions { priority: PRIORITY, handle: TcHandle::from(id), ..NlOptions::default() };
    filter::attach(program, &entrance.name, TcAttachType::Ingress, options)
}

fn detach_filter(id: u32, entrance: &Entrance) -> Result<(), Failed> {
    let handle = TcHandle::from(id);
    SchedClassifierLink::attached(&entrance.name, TcAttachType::Ingress, PRIORITY, handle, None)?.detach()?;
    Ok(())
}

/// Lists them on a thread of its own: the caller's may have a runtime already, and there is one on each.
fn filters(index: u32) -> io::Result<Vec<u32>> {
    let panicked = |_payload| Err(io::Error::other("listing the filters has panicked"));
    thread::scope(|scope| scope.spawn(|| list_filters(index)).join().unwrap_or_else(panicked))
}

fn list_filters(index: u32) -> io::Result<Vec<u32>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let (connection, handle, _messages) = rtnetlink::new_connection()?;
        let connection = tokio::spawn(connection);
        let filters = handle.traffic_filter(index as i32).get().ingress().execute();
        let filters: Result<Vec<TcMessage>, _> = filters.try_collect().await;
        connection.abort();
        let of_ours = filters.map_err(io::Error::other)?.into_iter().map(|filter| filter.header);
        let of_ours = of_ours.filter(|filter| filter.info >> 16 == u32::from(PRIORITY));
        Ok(of_ours.map(|filter| filter.handle.into()).filter(|id| *id != 0).collect())
    })
}

/// `union bpf_attr` as far as it is needed here.
#[repr(C, align(8))]
struct Attributes([u32; 16]);

fn command(command: libc::c_long, start: [u32; 4]) -> io::Result<()> {
    let [a, b, c, d] = start;
    let mut attributes = Attributes([a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    call(command, &mut attributes, 32).map(drop)
}

fn call(command: libc::c_long, attributes: &mut Attributes, size: usize) -> io::Result<i32> {
    // SAFETY: the attributes are at least as long as said, and what they point to outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attributes, size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}

fn query(index: u32) -> io::Result<Vec<u32>> {
    let mut ids = [0_u32; MOST];
    let [a, b, c, d, e, f, g, h] = (ids.as_mut_ptr() as usize as u64).to_ne_bytes();
    let [low, high] = [u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])];
    let mut attributes =
        Attributes([index, TCX_INGRESS, 0, 0, low, high, MOST as u32, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    call(PROG_QUERY, &mut attributes, size_of::<Attributes>())?;
    let [_, _, _, _, _, _, count, ..] = attributes.0;
    Ok(ids.into_iter().take(count as usize).collect())
}

/// Opens a program by its id. Needs CAP_SYS_ADMIN.
pub(crate) fn open_program(id: u32) -> io::Result<OwnedFd> {
    let mut attributes = Attributes([0; 16]);
    let [first, ..] = &mut attributes.0;
    *first = id;
    let fd = call(PROG_GET_FD_BY_ID, &mut attributes, 12)?;
    // SAFETY: a new descriptor, which is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Finds the id of a program.
pub(crate) fn id_of(program: BorrowedFd<'_>) -> io::Result<u32> {
    let text = fs::read_to_string(format!("/proc/thread-self/fdinfo/{}", program.as_raw_fd()))?;
    let id = text.lines().find_map(|line| line.strip_prefix("prog_id:"));
    id.and_then(|id| id.trim().parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;
    use crate::guard::load_program;
    use crate::tests::{enter_namespace, run};

    /// Kernels before 6.6 get this; it works on later ones too.
    #[test]
    fn filters_stay_go_before_others_and_are_told_apart() {
        if !enter_namespace() {
            return;
        }
        run("ip link add va type veth peer name vb");
        let index = run("ip -o link show va").split(':').next().unwrap().parse().unwrap();
        let entrance = Entrance { index, name: "va".into() };
        let shown = || run("tc filter show dev va ingress").matches("direct-action").count();
        // As the supervisor asks, from within its runtime.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let attached = || runtime.block_on(async { Way::Filter.attached(index).unwrap() });
        assert!(attached().is_empty());
        let mut ids = Vec::new();
        let mut programs = Vec::new();
        for _ in 0..2 {
            let (guard, _maps) = load_program().unwrap();
            let id = id_of(guard.as_fd()).unwrap();
            Way::Filter.attach(guard.as_fd(), id, &entrance).unwrap();
            ids.push(id);
            programs.push(guard);
        }
        assert_eq!(shown(), 2);
        let mut there = attached();
        there.sort_unstable();
        assert_eq!(there, ids);
        Way::Filter.detach(programs[0].as_fd(), ids[0], &entrance).unwrap();
        assert_eq!((shown(), attached()), (1, vec![ids[1]]));
        for _ in 0..2 {
            Way::Filter.detach(programs[1].as_fd(), ids[1], &entrance).unwrap();
            assert_eq!((shown(), attached().len()), (0, 0));
        }
    }
}
