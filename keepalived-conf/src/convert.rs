//! Statements into TOML.

mod across;
mod address;
mod check;
mod delays;
mod form;
mod garp;
mod global;
mod group;
mod hook;
mod instance;
mod names;
mod only;
mod peer;
mod route;
mod track;
mod value;
mod vmac;
mod weigh;
mod write;

use std::collections::HashSet;

use vrrp_config::{Place, Source, Table, Tree};

use self::{
    across::Claims,
    check::{Check, CheckKind, FILES, PROCESSES, SCRIPTS},
    global::Global,
};
pub(super) use self::{
    check::{FILE, PROCESS, SCRIPT},
    form::Form,
    global::GLOBAL,
    group::{GROUP, Group},
    instance::{AUTHENTICATION, INSTANCE, Instance},
    track::Moving,
    value::{Context, NextPreferences},
};
use super::{
    fault::Faults,
    files::Surroundings,
    report::{Report, Severity},
    tree::Statement,
    vocabulary::{Keyword, Target, carry, harmless, unsupported, walk},
};

/// Everything that is converted.
#[derive(Debug, Default)]
pub(super) struct Model {
    global: Global,
    checks: Vec<Check>,
    instances: Vec<Instance>,
    groups: Vec<Group>,
    /// Keywords and names of blocks that could not be read: they are there all the same.
    unread: HashSet<(&'static str, String)>,
    /// Settings that are in our words already.
    tree: Tree,
}

impl Target for Model {
    fn table(&mut self) -> &mut Table {
        &mut self.global.table
    }
}

const IPVS: &str = "there is no IPVS";
const STATIC: &str = "configure it with the system's own means: it does not move with the role";

/// The keywords outside all blocks.
pub(crate) const TOP: &[Keyword<Model>] = &[
    carry("global_defs", "router_id = ...", "its keys stand at the top of the file", global_defs),
    carry("vrrp_instance", "[vrrp_instance.NAME]", "", vrrp_instance),
    carry("vrrp_sync_group", "[vrrp_sync_group.NAME]", "", vrrp_sync_group),
    carry("vrrp_script", "[vrrp_script.NAME]", "", |model, statement, context| {
        check(model, &SCRIPTS, SCRIPT, statement, context);
    }),
    carry("vrrp_track_process", "[vrrp_process.NAME]", "", |model, statement, context| {
        check(model, &PROCESSES, PROCESS, statement, context);
    }),
    carry("track_process", "[vrrp_process.NAME]", "as `vrrp_track_process`", |model, statement, context| {
        check(model, &PROCESSES, PROCESS, statement, context);
    }),
    carry("track_file", "[vrrp_file.NAME]", "", |model, statement, context| {
        check(model, &FILES, FILE, statement, context);
    }),
    carry("vrrp_track_file", "[vrrp_file.NAME]", "as `track_file`", |model, statement, context| {
        check(model, &FILES, FILE, statement, context);
    }),
    unsupported("static_ipaddress", STATIC),
    unsupported("static_routes", STATIC),
    unsupported("static_rules", STATIC),
    unsupported("track_group", "static addresses and routes are not there to be tracked"),
    unsupported("bfd_instance", "there is no BFD"),
    unsupported("garp_group", "rounds of gratuitous ARP are not spread"),
    unsupported("linkbeat_interfaces", "links are watched by netlink"),
    carry(
        "interface_up_down_delays",
        "[interface_up_down_delays.NAME]",
        "with units",
        delays::interface_up_down_delays,
    ),
    unsupported("virtual_server", IPVS),
    unsupported("virtual_server_group", IPVS),
    unsupported("SSL", IPVS),
    unsupported("net_namespace", "start vrrpd in the namespace: NetworkNamespacePath in systemd"),
    harmless("net_namespace_ipvs", IPVS),
    harmless("namespace_with_ipsets", "XDP does what the firewall was for"),
    unsupported("instance", "name the control socket with --socket"),
    harmless("use_pid_dir", "there are no pid files"),
    unsupported("linkbeat_use_polling", "links are watched by netlink"),
    harmless("child_wait_time", "vrrpd is one process"),
];

fn global_defs(model: &mut Model, statement: &Statement, context: &mut Context<'_>) {
    context.extra(statement, statement.arguments());
    if let Some(block) = context.block(statement) {
        walk(&[GLOBAL], &mut model.global, block, context);
    }
}

fn vrrp_instance(model: &mut Model, statement: &Statement, context: &mut Context<'_>) {
    let Some((name, block)) = context.named(statement) else {
        return model.unread("vrrp_instance", statement);
    };
    let mut instance = Instance::new(name.text.clone(), statement.place);
    walk(&[INSTANCE, Instance::TRACKING, Instance::NOTIFYING], &mut instance, block, context);
    model.instances.push(instance);
}

fn vrrp_sync_group(model: &mut Model, statement: &Statement, context: &mut Context<'_>) {
    let Some((name, block)) = context.named(statement) else { return };
    let mut group = Group::new(name.text.clone(), statement.place);
    walk(&[GROUP, Group::TRACKING, Group::NOTIFYING], &mut group, block, context);
    model.groups.push(group);
}

fn check(
    model: &mut Model,
    kind: &'static CheckKind,
    keywords: &'static [Keyword<Check>],
    statement: &Statement,
    context: &mut Context<'_>,
) {
    let Some((name, block)) = context.named(statement) else { return model.unread(kind.keyword, statement) };
    let mut check = Check::new(name.text.clone(), statement.place, kind);
    walk(&[keywords], &mut check, block, context);
    context.defined.insert((kind.keyword, name.text.clone()));
    model.checks.push(check);
}

/// Everything that a conversion works on.
pub(crate) struct Input<'a> {
    pub(crate) surroundings: &'a dyn Surroundings,
    pub(crate) files: &'a [Source],
    pub(crate) statements: &'a [Statement],
}

/// The configuration in our words; worth something only if `faults` is empty afterwards.
pub(super) fn to_tree(input: &Input<'_>, faults: &mut Faults, report: &mut Report) -> Tree {
    let mut context = Context {
        surroundings: input.surroundings,
        files: input.files,
        faults,
        report,
        next_preferences: NextPreferences::FIRST,
        defined: HashSet::new(),
        has_ipvs: input.statements.iter().any(|statement| statement.keyword() == "virtual_server"),
    };
    let mut model = Model::default();
    walk(&[TOP], &mut model, input.statements, &mut context);
    // Names first: what is dropped for its name has no say in anything else. Weights last: they depend on who is left.
    model.names_once(&mut context);
    model.without_macvlans(&mut context);
    model.references(&mut context);
    model.leave_out(&mut context);
    model.weigh(&mut context);
    model.global.check_fifos(&mut context);
    model.mail(&mut context);
    model.plant(&context)
}

impl Model {
    fn unread(&mut self, keyword: &'static str, statement: &Statement) {
        let name = statement.arguments().first().map(|name| name.text.clone());
        self.unread.extend(name.map(|name| (keyword, name)));
    }

    /// Drops what is tracked and not defined, and members of groups that are not there.
    fn references(&mut self, context: &mut Context<'_>) {
        let unread = self.unread.iter().map(|(keyword, name)| (*keyword, name.as_str()));
        let checks = self.checks.iter().map(|check| (check.kind.keyword, check.name.as_str()));
        let checks: HashSet<_> = checks.chain(unread.clone()).collect();
        let tracks = self.instances.iter_mut().map(|one| &mut one.tracks);
        for tracks in tracks.chain(self.groups.iter_mut().map(|one| &mut one.tracks)) {
            tracks.check(|keyword, name| checks.contains(&(keyword, name)), context);
        }
        let unread = self.unread.iter().filter(|(keyword, _)| *keyword == "vrrp_instance");
        let names = self.instances.iter().map(|one| &one.name).chain(unread.map(|(_, name)| name));
        let names: HashSet<String> = names.cloned().collect();
        for group in &mut self.groups {
            group.known_members(&names, context);
        }
        for check in &self.checks {
            check.check(context);
        }
    }

    /// Leaves out instances that cannot be carried over, and groups that lose their members by that.
    fn leave_out(&mut self, context: &mut Context<'_>) {
        let (global, remarks) = (&self.global, &mut self.tree.top.remarks);
        let mut leave = |keyword: &str, name: &str, place, why: &str, context: &mut Context<'_>| {
            context.report.push(
                Severity::Unsupported,
                place,
                keyword,
                format!("`{name}` is left out: {why}"),
            );
            remarks.push(context.remark(place, &format!("{keyword} {name} is left out: {why}")));
        };
        let (mut gone, mut claims) = (HashSet::new(), Claims::default());
        self.instances.retain_mut(|instance| {
            let why = instance.check(global, context).map(ToOwned::to_owned);
            let why = why.or_else(|| claims.take(instance, context));
            if let Some(why) = &why {
                leave("vrrp_instance", &instance.name, instance.place, why, context);
                gone.insert(instance.name.clone());
            }
            why.is_none()
        });
        let mut taken = HashSet::new();
        self.groups.retain_mut(|group| {
            group.settle(&gone, &mut taken, context);
            if group.members.is_empty() {
                leave("vrrp_sync_group", &group.name, group.place, "none of its members is left", context);
                group.say_what_goes(context);
            }
            !group.members.is_empty()
        });
        self.addresses_elsewhere(&mut claims.into_numbers(), context);
    }

    fn mail(&mut self, context: &mut Context<'_>) {
        let Some((severity, why)) = self.global.check_mail(context) else { return };
        let instances = self.instances.iter_mut().map(Target::table);
        for table in instances.chain(self.groups.iter_mut().map(Target::table)) {
            if let Some(alert) = table.take("smtp_alert") {
                context.report.push(severity, alert.place, "smtp_alert", why);
            }
        }
    }

    /// The place of a script that does not say who runs it.
    fn script_of_nobody(&mut self) -> Option<Place> {
        let instances = self.instances.iter_mut().map(Target::table);
        let tables = instances.chain(self.groups.iter_mut().map(Target::table));
        let hooks = tables.flat_map(|table| hook::HOOKS.map(|key| table.get(key).map(|node| node.place)));
        let scripts = self.checks.iter().filter(|check| check.table.get("user").is_none());
        let scripts = scripts.map(|check| check.table.get("script").map(|node| node.place));
        hooks.chain(scripts).flatten().next()
    }

    fn plant(mut self, context: &Context<'_>) -> Tree {
        let script = self.script_of_nobody();
        let Self { global, checks, instances, groups, mut tree, .. } = self;
        let left_out = std::mem::take(&mut tree.top.remarks);
        global.plant(script, &mut tree, context);
        let remarks = &mut tree.top.remarks;
        remarks.extend(left_out);
        if !remarks.is_empty() {
            remarks.insert(0, "Not carried over:".to_owned());
        }
        checks.into_iter().for_each(|check| check.plant(&mut tree, context));
        instances.into_iter().for_each(|instance| instance.plant(&mut tree, context));
        groups.into_iter().for_each(|group| group.plant(&mut tree, context));
        tree
    }
}
