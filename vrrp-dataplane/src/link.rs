//! XDP on an interface, by rtnetlink: in which mode a program is attached, and which.

use std::io;

use futures_util::TryStreamExt as _;
use netlink_packet_route::link::{LinkAttribute, LinkXdp, XdpAttached};

/// An interface's XDP program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct XdpState {
    /// Says whether the program runs in the driver.
    pub(crate) native: bool,
    /// Id of the program; `None` when there is no program, or one in each mode.
    pub(crate) program: Option<u32>,
}

/// Asks for the state of the interface with this index, in this thread's network namespace.
pub(crate) fn xdp_state(ifindex: u32) -> io::Result<XdpState> {
    // A runtime for one question: this runs on a thread that `host` has made for the pins, which has none.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let (connection, handle, _messages) = rtnetlink::new_connection()?;
        let connection = tokio::spawn(connection);
        let link =
            handle.link().get().match_index(ifindex).execute().try_next().await.map_err(io::Error::other);
        connection.abort();
        let attributes = link?.map(|link| link.attributes).unwrap_or_default();
        let mut state = XdpState::default();
        for attribute in &attributes {
            if let LinkAttribute::Xdp(xdp) = attribute {
                state = xdp.iter().fold(state, with);
            }
        }
        Ok(state)
    })
}

fn with(state: XdpState, xdp: &LinkXdp) -> XdpState {
    if let LinkXdp::Attached(attached) = xdp {
        XdpState { native: *attached == XdpAttached::Driver, ..state }
    } else if let LinkXdp::ProgId(id) = xdp {
        XdpState { program: Some(*id), ..state }
    } else {
        state
    }
}

/// Describes a program as a person knows it, by name where this process may look that up.
pub(crate) fn describe_program(id: u32) -> String {
    let name = aya::programs::loaded_programs()
        .flatten()
        .find(|program| program.id() == id)
        .and_then(|program| program.name_as_str().map(str::to_owned));
    match name {
        Some(name) => format!("`{name}` (id {id})"),
        None => format!("id {id}"),
    }
}
