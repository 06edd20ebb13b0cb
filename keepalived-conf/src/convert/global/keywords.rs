//! The keywords of `global_defs`.

use std::time::Duration;

use super::{
    super::{Given, delays, garp, hook, only, range, value},
    Global, fifo, fifo_script, helo_name, mail_from, min_garp, notification_email, smtp_server, text,
};
use crate::vocabulary::{Keyword, carry, harmless, unsupported};

const IPVS: &str = "there is no IPVS";
const PROCESSES: &str = "vrrpd is one process";
const SCHEDULING: &str =
    "always SCHED_FIFO at 40 with locked memory for the protocol thread, where permitted";
const BUFFERS: &str = "adverts do not come by a socket, and netlink is read again when it overruns";
const FIREWALL: &str = "XDP does it";
pub(in crate::convert) const SYNC_DAEMON: &str = "harmless without a `virtual_server`";
const SNMP: &str = "there is no SNMP and no D-Bus: see `vrrpd status --json`";

pub(crate) const GLOBAL: &[Keyword<Global>] = &[
    carry("router_id", "router_id", "", |global, statement, context| {
        let value = text(statement, "a name", context);
        context.set(statement, &mut global.router_id, value);
    }),
    carry("script_user", "script_user", "`user:group`", |global, statement, context| {
        let value = hook::user(statement, context);
        context.set(statement, &mut global.script_user, value);
    }),
    carry("notify_fifo", "notify_fifo", "without the user of the FIFO", fifo),
    carry("vrrp_notify_fifo", "vrrp_notify_fifo", "without the user of the FIFO", fifo),
    carry("notify_fifo_script", "notify_fifo_script", "", fifo_script),
    carry("vrrp_notify_fifo_script", "vrrp_notify_fifo_script", "", fifo_script),
    carry("notification_email", "notification_email", "", notification_email),
    carry("notification_email_from", "notification_email_from", "", mail_from),
    carry("smtp_server", "smtp_server", "`host:port`", smtp_server),
    carry("smtp_helo_name", "smtp_helo_name", "", helo_name),
    carry("smtp_connect_timeout", "smtp_connect_timeout", "with unit", |global, statement, context| {
        let value = range::seconds(statement, Duration::from_secs(1)..=Duration::from_secs(600), context);
        context.set(statement, &mut global.smtp_connect_timeout, value);
    }),
    carry("smtp_alert", "smtp_alert", "", |global, statement, context| {
        let value = context.boolean(statement);
        context.set(statement, &mut global.smtp_alert, value);
    }),
    carry("smtp_alert_vrrp", "smtp_alert", "", |global, statement, context| {
        let value = context.boolean(statement);
        context.set(statement, &mut global.smtp_alert_vrrp, value);
    }),
    unsupported("no_email_faults", "FAULT is mailed like every other state"),
    carry("vrrp_version", "version", "written to each instance", |global, statement, context| {
        let value = context.integer(statement, 2..=3);
        context.set(statement, &mut global.version, value);
    }),
    carry(
        "vrrp_garp_master_delay",
        "garp = { delay }",
        "written to each instance",
        |global, statement, context| {
            global.garp.delay(statement, context);
        },
    ),
    carry(
        "vrrp_garp_master_repeat",
        "garp = { repeat }",
        "written to each instance",
        |global, statement, context| {
            global.garp.repeat(statement, context);
        },
    ),
    carry(
        "vrrp_garp_master_refresh",
        "garp = { refresh }",
        "written to each instance",
        |global, statement, context| {
            global.garp.refresh(statement, context);
        },
    ),
    carry("vrrp_min_garp", "garp = { repeat = 1, delay = \"0s\" }", "written to each instance", min_garp),
    carry("vrrp_garp_master_refresh_repeat", "", "1 only", |global, statement, context| {
        global.garp.refresh_repeat = garp::refresh_repeat(global, statement, context);
    }),
    carry(
        "vrrp_garp_lower_prio_delay",
        "garp = { lower_prio_delay }",
        "written to each instance",
        |global, statement, context| {
            global.garp.lower_prio_delay(statement, context);
        },
    ),
    carry(
        "vrrp_garp_lower_prio_repeat",
        "garp = { lower_prio_repeat }",
        "written to each instance",
        |global, statement, context| {
            global.garp.lower_prio_repeat(statement, context);
        },
    ),
    carry("vrrp_lower_prio_no_advert", "", "off only", garp::lower_prio_no_advert),
    carry(
        "vrrp_higher_prio_send_advert",
        "",
        "always so, where the MAC address changes",
        garp::higher_prio_send_advert,
    ),
    carry("vrrp_down_timer_adverts", "", "3 only", |global, statement, context| {
        only::number(global, statement, 3, "a master is down after 3 intervals and the skew", context);
    }),
    carry("vrrp_garp_interval", "", "0 only", |global, statement, context| {
        only::zero(global, statement, "rounds of gratuitous ARP are not spread", context);
    }),
    carry("vrrp_gna_interval", "", "0 only", |global, statement, context| {
        only::zero(global, statement, value::IPV6, context);
    }),
    carry(
        "vrrp_strict",
        "accept = false",
        "as `strict_mode`, in each instance",
        |global, statement, context| {
            // Whatever follows it, as in keepalived.
            context.no_block(statement);
            context.extra(statement, statement.arguments());
            global.strict = Some(Given { value: true, place: statement.place });
        },
    ),
    carry(
        "v3_checksum_as_v2",
        "v3_checksum = \"rfc9568\"",
        "newer than 2.2.7",
        |global, statement, context| {
            let value = context.boolean(statement);
            context.set(statement, &mut global.v3_checksum_as_v2, value);
        },
    ),
    harmless("vrrp_check_unicast_src", "always: adverts of hosts that are not peers are dropped in XDP"),
    harmless("vrrp_skip_check_adv_addr", "always: a master with other addresses is heard, if one is shared"),
    unsupported("vrrp_owner_ignore_adverts", "an owner answers adverts of lower priority"),
    unsupported("vrrp_mcast_group4", "adverts go to 224.0.0.18"),
    unsupported("vrrp_mcast_group6", value::IPV6),
    unsupported(
        "vrrp_garp_extra_if",
        "gratuitous ARP is for changes of the master; use `garp = { refresh }`",
    ),
    unsupported("vrrp_vmac_garp_intvl", "there is no macvlan; use `garp = { refresh }`"),
    carry("vrrp_startup_delay", "vrrp_startup_delay", "with unit", |global, statement, context| {
        let value = delays::startup_delay(statement, context);
        context.set(statement, &mut global.startup_delay, value);
    }),
    unsupported("vrrp_delay_after_boot", "delay the service: ExecStartPre in systemd"),
    unsupported("vrrp_notify_priority_changes", "see `vrrpd status` and the log"),
    unsupported("fifo_write_vrrp_states_on_reload", "a reload writes nothing"),
    unsupported("startup_script", "use ExecStartPre in systemd"),
    harmless("startup_script_timeout", "goes with startup_script"),
    unsupported("shutdown_script", "use ExecStopPost in systemd"),
    harmless("shutdown_script_timeout", "goes with shutdown_script"),
    harmless("enable_script_security", "always: root runs no script that others can write"),
    unsupported("set_supplementary_groups", "scripts run with the groups of their user"),
    unsupported("use_symlink_paths", "a script is run by the path that is given"),
    unsupported("default_interface", "used for static addresses and routes only, and there are none"),
    harmless("dynamic_interfaces", "always: an interface may come and go"),
    harmless("log_unknown_vrids", "counted as `advert_unknown_vrid`, see `vrrpd status`"),
    unsupported("net_namespace", "start vrrpd in the namespace: NetworkNamespacePath in systemd"),
    harmless("net_namespace_ipvs", IPVS),
    harmless("namespace_with_ipsets", FIREWALL),
    unsupported("instance", "name the control socket with --socket"),
    harmless("use_pid_dir", "there are no pid files"),
    unsupported("linkbeat_use_polling", "links are watched by netlink"),
    harmless("child_wait_time", PROCESSES),
    harmless("process_names", PROCESSES),
    harmless("process_name", PROCESSES),
    harmless("vrrp_process_name", PROCESSES),
    harmless("checker_process_name", PROCESSES),
    harmless("lvs_process_name", PROCESSES),
    harmless("bfd_process_name", PROCESSES),
    harmless("vrrp_priority", SCHEDULING),
    harmless("vrrp_no_swap", SCHEDULING),
    harmless("vrrp_rt_priority", SCHEDULING),
    harmless("vrrp_rlimit_rttime", SCHEDULING),
    harmless("vrrp_rlimit_rtime", SCHEDULING),
    harmless("max_auto_priority", SCHEDULING),
    harmless("min_auto_priority_delay", SCHEDULING),
    unsupported("vrrp_cpu_affinity", "use CPUAffinity in systemd"),
    harmless("vrrp_netlink_cmd_rcv_bufs", BUFFERS),
    harmless("vrrp_netlink_cmd_rcv_bufs_force", BUFFERS),
    harmless("vrrp_netlink_monitor_rcv_bufs", BUFFERS),
    harmless("vrrp_netlink_monitor_rcv_bufs_force", BUFFERS),
    harmless("process_monitor_rcv_bufs", BUFFERS),
    harmless("process_monitor_rcv_bufs_force", BUFFERS),
    harmless("vrrp_rx_bufs_policy", BUFFERS),
    harmless("vrrp_rx_bufs_multiplier", BUFFERS),
    harmless("vrrp_iptables", FIREWALL),
    harmless("vrrp_ipsets", FIREWALL),
    harmless("nftables", FIREWALL),
    harmless("nftables_priority", FIREWALL),
    harmless("nftables_counters", FIREWALL),
    harmless("nftables_ifindex", FIREWALL),
    harmless("disable_local_igmp", "there is no macvlan that would send such reports"),
    carry(
        "vmac_prefix",
        "",
        "there is no macvlan; names that start with it are known",
        |global, statement, context| {
            let value = text(statement, "the start of a name", context);
            context.set(statement, &mut global.vmac_prefix, value);
        },
    ),
    harmless("vmac_addr_prefix", "there is no macvlan"),
    unsupported("snmp_socket", SNMP),
    unsupported("enable_snmp_vrrp", SNMP),
    unsupported("enable_snmp_keepalived", SNMP),
    unsupported("enable_snmp_rfc", SNMP),
    unsupported("enable_snmp_rfcv2", SNMP),
    unsupported("enable_snmp_rfcv3", SNMP),
    unsupported("enable_traps", SNMP),
    unsupported("enable_dbus", SNMP),
    unsupported("dbus_service_name", SNMP),
    unsupported("dbus_no_interface_name", SNMP),
    harmless("umask", "vrrpd writes no files but its FIFO and what init_file asks for"),
    harmless("random_seed", "there is no random number in the output"),
    harmless("reload_check_config", "always: a file with errors changes nothing"),
    unsupported("reload_time_file", "reload by a timer: systemctl reload vrrpd"),
    unsupported("reload_repeat", "goes with reload_time_file"),
    unsupported("reload_file", "write the new file beside the old one and rename it"),
    harmless("config_save_dir", "for debugging keepalived"),
    harmless("tmp_config_directory", "the file is read once"),
    harmless("data_use_instance", "the state is in `vrrpd status`, not in files"),
    unsupported("state_dump_file", "see `vrrpd status`"),
    unsupported("stats_dump_file", "see `vrrpd status`"),
    unsupported("json_dump_file", "see `vrrpd status --json`"),
    harmless("json_version", "see `vrrpd status --json`"),
    harmless("smtp_alert_checker", IPVS),
    harmless("checker_log_all_failures", IPVS),
    harmless("no_checker_emails", IPVS),
    harmless("rs_init_notifies", IPVS),
    harmless("lvs_flush", IPVS),
    harmless("lvs_flush_on_stop", IPVS),
    harmless("lvs_flush_onstop", IPVS),
    harmless("enable_snmp_checker", IPVS),
    harmless("snmp_rs_stats_update_interval", IPVS),
    harmless("snmp_vs_stats_update_interval", IPVS),
    harmless("lvs_timeouts", IPVS),
    carry("lvs_sync_daemon", "", SYNC_DAEMON, only::sync_daemon),
    unsupported("lvs_notify_fifo", IPVS),
    unsupported("lvs_notify_fifo_script", IPVS),
    harmless("lvs_netlink_cmd_rcv_bufs", IPVS),
    harmless("lvs_netlink_cmd_rcv_bufs_force", IPVS),
    harmless("lvs_netlink_monitor_rcv_bufs", IPVS),
    harmless("lvs_netlink_monitor_rcv_bufs_force", IPVS),
    harmless("nftables_ipvs", IPVS),
    harmless("nftables_ipvs_priority", IPVS),
    harmless("nftables_ipvs_start_fwmark", IPVS),
    harmless("checker_priority", IPVS),
    harmless("checker_no_swap", IPVS),
    harmless("checker_rt_priority", IPVS),
    harmless("checker_cpu_affinity", IPVS),
    harmless("checker_rlimit_rttime", IPVS),
    harmless("checker_rlimit_rtime", IPVS),
    harmless("bfd_priority", "there is no BFD"),
    harmless("bfd_no_swap", "there is no BFD"),
    harmless("bfd_rt_priority", "there is no BFD"),
    harmless("bfd_cpu_affinity", "there is no BFD"),
    harmless("bfd_rlimit_rttime", "there is no BFD"),
    harmless("bfd_rlimit_rtime", "there is no BFD"),
    unsupported("iproute_usr_dir", "tables and protocols go by number"),
    unsupported("iproute_etc_dir", "tables and protocols go by number"),
];
