//! The names of keepalived's macvlans: what is on one is on the interface beneath it here.

use std::collections::{HashMap, HashSet};

use vrrp_config::Place;

use super::{Context, Model, global::Global, instance::Instance};
use crate::report::Severity;

/// The interface beneath each macvlan.
#[derive(Debug, Default)]
pub(super) struct Macvlans(HashMap<String, String>);

/// The longest name of an interface, in bytes.
const MAX_NAME: usize = 15;

impl Macvlans {
    /// Macvlans of the instances: by the names that they give, and those without by the first that is free.
    fn of(instances: &[Instance], global: &Global) -> Self {
        let prefix = global.table.text("vmac_prefix").unwrap_or("vrrp");
        let named = instances.iter().filter_map(|one| Some((one.vmac_name()?, one.home()?)));
        let mut beneath: HashMap<String, String> = HashMap::new();
        for (name, interface) in named {
            beneath.entry(name.to_owned()).or_insert_with(|| interface.to_owned());
        }
        let mut taken: HashSet<String> = beneath.keys().cloned().collect();
        for one in instances.iter().filter(|one| one.has_vmac() && one.vmac_name().is_none()) {
            let (Some(interface), Some(vrid)) = (one.home(), one.vrid()) else { continue };
            let name = free_name(prefix, vrid, one.is_v6(), &taken);
            taken.insert(name.clone());
            beneath.insert(name, interface.to_owned());
        }
        Self(beneath)
    }

    /// The interface that `name` stands for, which is said; `None` if it is none of these names.
    pub(super) fn beneath(
        &self,
        name: &str,
        keyword: &str,
        place: Place,
        context: &mut Context<'_>,
    ) -> Option<String> {
        let interface = self.0.get(name)?;
        let note = format!("`{name}` is `{interface}` here: there is no macvlan");
        context.report.push(Severity::Harmless, place, keyword, note);
        Some(interface.clone())
    }
}

/// `vrrp.51`; if that is taken `vrrp1.51` and so on, with `vrrp6.51` the first of IPv6.
fn free_name(prefix: &str, vrid: i64, is_v6: bool, taken: &HashSet<String>) -> String {
    let numbers = (1..).filter(|number| *number != 6);
    let numbers: Box<dyn Iterator<Item = u32>> =
        if is_v6 { Box::new(std::iter::once(6).chain(numbers)) } else { Box::new(1..) };
    let numbers = std::iter::once(String::new()).chain(numbers.map(|number| number.to_string()));
    let names = numbers.map(|number| {
        let end = format!("{number}.{vrid}");
        let kept = prefix.get(..prefix.len().min(MAX_NAME.saturating_sub(end.len()))).unwrap_or(prefix);
        format!("{kept}{end}")
    });
    names.into_iter().find(|name| !taken.contains(name)).unwrap_or_default()
}

impl Model {
    /// Has everything that names a macvlan name what is beneath it.
    pub(super) fn without_macvlans(&mut self, context: &mut Context<'_>) {
        let macvlans = Macvlans::of(&self.instances, &self.global);
        for instance in &mut self.instances {
            instance.without_macvlans(&macvlans, context);
        }
        for group in &mut self.groups {
            group.tracks.without_macvlans(&macvlans, context);
        }
    }
}
