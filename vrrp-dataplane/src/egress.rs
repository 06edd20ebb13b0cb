//! The program that corrects what leaves an interface, at tc egress.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd},
};

use aya::programs::{
    TcAttachType,
    tc::{self, NlOptions},
};
use tracing::{debug, warn};
use vrrp_common::abi::name;

use crate::{
    error::AttachError,
    filter, host,
    pins::{self, EGRESS_LINK, Pins},
    sys, syscall,
    target::Target,
};

/// Ways in which the egress program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Egress {
    /// A TCX link, pinned with the rest.
    Link,
    /// A filter on the clsact qdisc, before Linux 6.6. It stays by itself.
    Filter,
}

impl Egress {
    /// Chooses the way of this kernel.
    pub(crate) fn here() -> Self {
        if host::kernel_older_than(6, 6).1 { Self::Filter } else { Self::Link }
    }

    /// Attaches the program, in the place of a former daemon's where there is one.
    pub(crate) fn attach(program: BorrowedFd<'_>, target: &Target, pins: &Pins) -> Result<Self, AttachError> {
        let failed = |source| target.not_attached("egress", source);
        if Self::here() == Self::Filter {
            attach_filter(program, target).map_err(failed)?;
            return Ok(Self::Filter);
        }
        let path = pins.path(EGRESS_LINK);
        // One that somebody has detached takes no other program.
        if pins::attached_to(&path) == Some(0) {
            pins.forget(EGRESS_LINK)?;
        }
        if let Ok(link) = sys::open_pin(&path) {
            syscall::update_link(link.as_fd(), program).map_err(failed)?;
            return Ok(Self::Link);
        }
        let link = syscall::link_egress(program, target.index).map_err(failed)?;
        pins.pin_link(link.as_fd(), EGRESS_LINK)?;
        Ok(Self::Link)
    }

    /// Removes what is not removed with the pins, if it is there.
    pub(crate) fn detach_quietly(self, interface: &str) {
        match self {
            Self::Link => {}
            Self::Filter => {
                let _none = tc::qdisc_detach_program(interface, TcAttachType::Egress, name::EGRESS);
            }
        }
    }

    /// Removes what is not removed with the pins.
    pub(crate) fn detach(self, interface: &str) {
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

fn attach_filter(program: BorrowedFd<'_>, target: &Target) -> io::Result<()> {
    if let Err(error) = tc::qdisc_add_clsact(&target.name) {
        debug!(%error, "clsact is there already, or the filter will say what is wrong");
    }
    // A former daemon's, and nobody else's.
    let _none = tc::qdisc_detach_program(&target.name, TcAttachType::Egress, name::EGRESS);
    filter::attach(program, &target.name, TcAttachType::Egress, NlOptions::default())
}

#[cfg(test)]
mod tests {
    use vrrp_common::types::Mac;

    use super::*;
    use crate::object;
    use crate::tests::{enter_namespace, run};

    /// Kernels before 6.6 get this; it works on later ones too.
    #[test]
    fn the_egress_filter_stays_and_is_never_there_twice() {
        if !enter_namespace() {
            return;
        }
        run("ip link add va type veth peer name vb");
        run("tc qdisc add dev va clsact");
        let target = Target { name: "va".into(), index: 0, mac: Mac::default() };
        let ours = || run("tc filter show dev va egress").matches("direct-action").count();
        for _ in 0..2 {
            let maps: Vec<_> = Pins::map_names().chain([name::EVENTS]).collect();
            let egress = object::link(&[name::EGRESS], &maps, |_| None).unwrap().load(name::EGRESS).unwrap();
            attach_filter(egress.as_fd(), &target).unwrap();
            drop(egress);
            assert_eq!(ours(), 1);
        }
        Egress::Filter.detach("va");
        assert_eq!(ours(), 0);
    }
}
