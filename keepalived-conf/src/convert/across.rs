//! Numbers and addresses that two instances may share in keepalived and may not here.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use super::{Context, Model, instance::Instance};

/// Holder of each `virtual_router_id` on an interface, and whether by unicast.
type Numbers = BTreeMap<(String, i64), (String, bool)>;

/// Numbers and addresses that are taken by the instances before one.
#[derive(Debug, Default)]
pub(super) struct Claims {
    numbers: Numbers,
    addresses: HashMap<IpAddr, String>,
}

impl Claims {
    /// Takes what the instance has. `Some`: why the instance is left out. Where keepalived refuses it as well, nothing
    /// is said here: the two do not go together, and that is shown.
    pub(super) fn take(&mut self, instance: &mut Instance, context: &mut Context<'_>) -> Option<String> {
        let key = instance.home().map(ToOwned::to_owned).zip(instance.vrid());
        let is_unicast = instance.is_unicast();
        if let Some((earlier, _)) =
            key.as_ref().and_then(|key| self.numbers.get(key)).filter(|(_, other)| is_unicast || *other)
        {
            return Some(format!(
                "its virtual_router_id is `{earlier}`'s on this interface; one of each number, also by unicast"
            ));
        }
        let name = instance.name.clone();
        if let Some(key) = key {
            self.numbers.entry(key).or_insert((name.clone(), is_unicast));
        }
        let addresses = &mut self.addresses;
        instance.retain_addresses(
            |vip| {
                let owner = addresses.entry(vip.address()).or_insert_with(|| name.clone());
                let note = format!(
                    "{} is `{owner}`'s: an address is one router's here, so it is left out",
                    vip.address()
                );
                (*owner == name).then_some(()).ok_or(note)
            },
            context,
        );
        instance.has_no_address().then(|| "it has no virtual address that is not another's".to_owned())
    }
}

impl Model {
    /// An address on an interface where another instance has the number needs another's virtual MAC there.
    pub(super) fn addresses_elsewhere(&mut self, numbers: &mut Numbers, context: &mut Context<'_>) {
        for instance in &mut self.instances {
            let (name, vrid) = (instance.name.clone(), instance.vrid());
            instance.retain_addresses(
                |vip| {
                    let (Some(dev), Some(vrid)) = (vip.device(), vrid) else { return Ok(()) };
                    let entry =
                        numbers.entry((dev.to_owned(), vrid)).or_insert_with(|| (name.clone(), false));
                    let note = format!(
                        "{} on {dev}: virtual_router_id {vrid} is `{}`'s there, so it is left out",
                        vip.address(),
                        entry.0
                    );
                    (entry.0 == name).then_some(()).ok_or(note)
                },
                context,
            );
        }
    }
}

impl Claims {
    /// The holders of the numbers alone.
    pub(super) fn into_numbers(self) -> Numbers {
        self.numbers
    }
}
