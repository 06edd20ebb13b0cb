//! The data planes of the interfaces: attached, and let go.

use std::io;

use anyhow::Context as _;
use vrrp_dataplane::{AttachError, Attachment, Mode, Target};

use super::{Plane, Supervisor, links, notes::OWNER};
use crate::{
    failure::Failure,
    handover,
    packet::PacketSocket,
    protocol::{Message, Port},
    unicast::UnicastSocket,
};
use vrrp_config::XdpMode;
use vrrp_engine::{Attached, Link};

impl Supervisor {
    /// The interface is gone, or another one has its name.
    pub(super) async fn drop_plane_of_another(&mut self, name: &str, link: Option<&Link>) {
        let stale = |plane: &Plane| link.is_none_or(|link| link.index != plane.index);
        if self.planes.get(name).is_some_and(stale)
            && let Some(plane) = self.planes.remove(name)
        {
            self.send(Message::Port { interface: name.to_owned(), port: None }).await;
            detach(name, plane).await;
        }
    }

    /// Tells whether a router can use the interface. At the start none may find that it cannot; later such a router is in
    /// FAULT. A program that replaces a running one does not take the other routers' roles down with that.
    pub(super) fn suits(&self, name: &str, link: &Link, starting: bool) -> Result<bool, Failure> {
        if starting
            && !handover::is_successor()
            && let Some((router, why)) = self.demands.refused(name, link.nature)
        {
            return Err(Failure::Config(format!("{router} cannot use {name}: it {why}")));
        }
        Ok(self.demands.are_met_for_one(name, link.nature))
    }

    pub(super) async fn attach(&mut self, name: &str, link: &Link) -> Result<(), Failure> {
        let mode = self.modes.get(name).copied().map_or(Mode::Auto, mode);
        let target = Target { name: name.to_owned(), index: link.index, mac: link.mac };
        let attached = tokio::task::spawn_blocking(move || vrrp_dataplane::attach(&target, mode)).await;
        let Attachment { plane, tables, events, inherited } =
            attached.context("attaching has panicked")?.map_err(|error| into_failure(&error))?;
        let sockets =
            PacketSocket::open(link.index).and_then(|socket| Ok((socket, UnicastSocket::open(name)?)));
        let (socket, unicast) = match sockets {
            Ok(sockets) => sockets,
            Err(error) => {
                detach(name, Plane { index: link.index, plane }).await;
                return Err(no_socket(name, error));
            }
        };
        self.guarding.expect(name, &tables);
        let (attached, pins) = (plane.mode().to_string(), plane.pin_dir().display().to_string());
        tracing::info!(interface = name, xdp = %attached, %pins, "data plane attached");
        self.planes.insert(name.to_owned(), Plane { index: link.index, plane });
        // What was detached before it was another's, whose interface may have gone in the meantime.
        self.detached.remove(name);
        self.inherit(name, &inherited);
        self.note_all(name);
        let inherited = inherited.addresses;
        let port = Port { tables, events, socket, unicast };
        let attached = Attached { index: link.index, mode: attached, pins, inherited };
        self.send(Message::Port { interface: name.to_owned(), port: Some(Box::new((port, attached))) }).await;
        Ok(())
    }

    /// Takes a data plane away that no router needs. If one has come meanwhile, it stays.
    pub(super) async fn vacate(&mut self, interface: &str) {
        if self.modes.contains_key(interface) {
            return;
        }
        self.links.remove(interface);
        if let Some(plane) = self.planes.remove(interface) {
            self.send(Message::Port { interface: interface.to_owned(), port: None }).await;
            detach(interface, plane).await;
        }
    }

    /// Takes over what a daemon under this one's socket has left on interfaces that are not in the configuration any
    /// more: guarded until the kernel has none of its addresses, and then detached.
    pub(super) async fn take_over_left_behind(&mut self) {
        let unheld = tokio::task::spawn_blocking(vrrp_dataplane::unheld).await.unwrap_or_default();
        for (name, notes) in unheld {
            // Without an owner they are of a daemon that did not say; there was one in each namespace.
            let ours = notes.get(OWNER).is_none_or(|owner| *owner == self.owner());
            if !ours || self.modes.contains_key(&name) {
                continue;
            }
            let observed = self.netlink.observe(&[name.clone()].into()).await;
            let links = observed.map(|observed| links::of(observed.devices));
            let Some(link) = links.ok().and_then(|mut links| links.remove(&name)) else { continue };
            tracing::warn!(
                interface = %name,
                "an earlier daemon's data plane is on an interface that is not configured any more; removing it"
            );
            if let Err(failure) = self.attach(&name, &link).await {
                tracing::error!(interface = %name, error = %failure, "it stays, with a closed door");
            }
        }
        // A guard may have been left there too.
        self.cover_again().await;
    }
}

pub(super) async fn detach(name: &str, plane: Plane) {
    match tokio::task::spawn_blocking(move || plane.plane.detach()).await {
        Ok(Ok(())) => tracing::info!(interface = name, "data plane detached"),
        Ok(Err(error)) => tracing::warn!(interface = name, %error, "the data plane was not detached cleanly"),
        Err(error) => tracing::error!(interface = name, %error, "detaching has panicked"),
    }
}

/// Turns the word of the configuration into the data plane's.
const fn mode(configured: XdpMode) -> Mode {
    match configured {
        XdpMode::Auto => Mode::Auto,
        XdpMode::Native => Mode::Native,
        XdpMode::Generic => Mode::Generic,
    }
}

fn into_failure(error: &AttachError) -> Failure {
    // Its text names its source already.
    let text = error.to_string();
    if error.is_unsupported() { Failure::Environment(text) } else { Failure::Other(anyhow::Error::msg(text)) }
}

fn no_socket(name: &str, error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Failure::Environment(format!("{name}: packet and raw sockets need CAP_NET_RAW"));
    }
    Failure::Other(anyhow::Error::new(error).context(format!("{name}: cannot open its sockets")))
}
