//! The one table of keys. A key that is added here is read, written, suggested, documented, in the JSON Schema and in the
//! fuzzer's dictionary; what remains is to use it, and to tell operators in the changelog.

use std::{net::Ipv4Addr, net::SocketAddr, path::PathBuf, time::Duration};

use url::Url;
use vrrp_common::types::{AdvertInterval, Priority, Version};

use super::{
    Checksum, Hook, MAX_LINK_DELAY, MAX_STARTUP_DELAY, MailTls, ParamMatch, Program, Start, UnicastPeer,
    User, VirtualAddress, VirtualRoute, VirtualRule, XdpMode, address,
    key::{
        About,
        Absent::{Default, Required, Says},
        Group, Key, keys,
    },
    keys::{At, Field, Keys},
    raw::{
        check::{PROCESS, SOCKET_ADDRESS},
        hook::{COMMAND, HOOK, USER},
        http::{self, METHODS, STATUS},
        instance::{self, INTERFACE, VERSION},
        line::{ROUTES, RULES},
        mail,
        text::{MEMBERS, NAME, PATH},
        track::{Track, TrackList},
        unicast::PEER,
    },
    tree::{Kind, Table},
    types::{Flag, Inline, Number, Secret, Span, Type, Word},
};

const ZERO: Duration = Duration::ZERO;
const SECOND: Duration = Duration::from_secs(1);
const S_1000: Duration = Duration::from_secs(1000);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const PACE: Duration = Duration::from_millis(10);

keys! {
    /// The keys at the top of the file.
    Top {
        /// Name of this host in logs. Not sent to anybody.
        router_id: String = NAME, Says("the host's name"), "=";
        /// User of checks and hooks that name none. A program that others than root can write is never run as root.
        script_user: User = USER, Says("root"), "= (default `keepalived_script`, if there is one)";
        /// A FIFO that gets a line for every change of state: `INSTANCE "VI_1" MASTER 100`.
        notify_fifo: PathBuf = PATH, Says("none"), "=";
        /// Started with the path of the FIFO as its last argument, to read it.
        notify_fifo_script: Hook = HOOK, Says("none"), "=";
        /// A second FIFO with the same lines.
        vrrp_notify_fifo: PathBuf = PATH, Says("none"), "=";
        /// The same for that one.
        vrrp_notify_fifo_script: Hook = HOOK, Says("none"), "=";
        /// Addresses that get the mails of `smtp_alert`.
        notification_email: Vec<At<String>> = mail::MAILBOXES, Says("none"), "=";
        /// Sender of the mails.
        notification_email_from: String = mail::MAILBOX, Says("`vrrpd@` and the host's name"), "=";
        /// Server that takes the mails.
        smtp_server: (String, u16) = mail::SERVER, Default(("127.0.0.1".to_owned(), 25)), "=";
        /// Name that this host gives itself.
        smtp_helo_name: String = mail::HELO, Says("the host's name"), "=";
        /// Time after which a server counts as dead. Nothing waits for it.
        smtp_connect_timeout: Duration = Span(SECOND..=SECOND * 600), Default(SECOND * 30), "=";
        /// `opportunistic`: STARTTLS where the server has it, whatever its certificate is. `starttls`: with a valid
        /// certificate, or no mail.
        smtp_tls: MailTls = Word(MailTls::WORDS), Default(MailTls::Opportunistic), "none";
        /// Lets services bind a virtual address while it is on another box: the kernel's switch
        /// `net.ipv4.ip_nonlocal_bind` is turned on at the start, for everybody on this host, and put back at the end. A
        /// daemon that was killed leaves it on.
        ip_nonlocal_bind: bool = Flag, Default(false), "none";
        /// Time after the daemon's start in which no router takes part: for machines whose links come up later than they say. A
        /// router whose lease is still running goes on at once, and a replaced program (SIGUSR2) does not wait.
        vrrp_startup_delay: Duration = Span(ZERO..=MAX_STARTUP_DELAY), Default(ZERO), "= (seconds)";
        /// The default of the key of this name in routers and groups.
        smtp_alert: bool = Flag, Default(false), "=, `smtp_alert_vrrp`";
    }

    /// `[vrrp_instance.NAME]`: what a router is.
    Instance {
        /// Interface that adverts are sent and heard on.
        interface: String = INTERFACE, Required("\"eth0\""), "=";
        /// The group that this router belongs to: the same on all its boxes, and used once on each interface. Gives the
        /// virtual MAC 00:00:5e:00:01:XX.
        virtual_router_id: u8 = Number(1..=255), Required("51"), "=";
        /// The addresses that move. [See below](#addresses).
        virtual_ipaddress: Vec<At<VirtualAddress>> = address::Advertised, Required("[\"192.0.2.51/24\"]"), "=";
        /// Of the protocol. The same on all boxes of the group; version 2 is what keepalived speaks unless told otherwise.
        version: Version = VERSION, Default(Version::V3), "`vrrp_version` (default 2)";
        /// State that the router starts in. The election decides what it becomes. As in keepalived, only the owner (priority 255)
        /// with `"MASTER"` is master at once; every other router listens for the master down time first.
        state: Start = Word(Start::WORDS), Says("`\"MASTER\"` with priority 255, else `\"BACKUP\"`"), "=";
        /// The highest wins. 255 means that the addresses are this host's own: it is master whenever it is up.
        priority: u8 = Number(1..=255), Default(Priority::DEFAULT.as_u8()), "=";
        /// Time from one advert of a master to the next. A backup takes over after three of them and a fraction.
        advert_int: Duration = instance::INTERVAL, Default(AdvertInterval::DEFAULT.span()), "= (seconds)";
        /// Takes the role from a working master of lower priority.
        preempt: bool = Flag, Default(true), "=, `nopreempt`";
        /// Time that a master of lower priority is left alone, from when it is first heard.
        preempt_delay: Duration = Span(ZERO..=S_1000), Default(ZERO), "=";
        /// Time after link-up in which silence is not believed, at most. [See below](#links-that-come-up).
        link_settle: Duration = Span(ZERO..=S_1000), Says("by what is heard"), "none";
        /// `true`: the master takes packets to the virtual addresses for its own. `false`: it answers ARP for them and
        /// forwards, nothing else.
        accept: bool = Flag, Default(true), "=, `no_accept`";
        /// Source of the adverts. The router is in FAULT while no interface of this host has it, whatever
        /// `ip_nonlocal_bind` is. Decides between two masters of equal priority: the higher one wins.
        mcast_src_ip: Ipv4Addr = address::SOURCE, Says("the interface's first that is not virtual"), "=";
        /// `true`: the virtual addresses go with the virtual MAC, which moves with them, so that no neighbour has to learn
        /// anything. `false`: with the interface's own MAC, for networks that let no other through.
        use_vmac: bool = Flag, Default(true), "= (default off)";
        /// Checksum of adverts of version 3: `rfc5798` is over a pseudo-header as well, as keepalived and FRR have
        /// it. Both are accepted, whatever is sent.
        v3_checksum: Checksum = Word(Checksum::WORDS), Default(Checksum::Rfc5798), "`v3_checksum_as_v2`";
        /// Gratuitous ARP. [See below](#gratuitous-arp).
        garp: Garp = Inline::<Garp>::new("garp = { repeat = 5, delay = \"5s\", refresh = \"0s\" }"), Says(""), "";
        /// Place of the data plane. `native`: in the driver, or the daemon does not start. `generic`: in the network
        /// stack, slower, on every driver. `auto`: native where the driver has it; the log says which. The same in all
        /// routers of an interface.
        xdp_mode: XdpMode = Word(XdpMode::WORDS), Default(XdpMode::Auto), "none";
        /// A password, in version 2. [See below](#authentication).
        authentication: Authentication = Inline::<Authentication>::new(instance::AUTHENTICATION), Says("none"), "=";
    }

    /// `[vrrp_instance.NAME]`: what goes with the role, or changes it.
    Role {
        /// More addresses that move, and are not in the advert. Written as in `virtual_ipaddress`.
        virtual_ipaddress_excluded: Vec<At<VirtualAddress>> = address::EXCLUDED, Says("none"), "=";
        /// Routes that are there while master. [See below](#routes-and-rules).
        virtual_routes: Vec<At<VirtualRoute>> = ROUTES, Says("none"), "=";
        /// Policy routing rules that are there while master.
        virtual_rules: Vec<At<VirtualRule>> = RULES, Says("none"), "=";
        /// Adverts go to these boxes, and are heard from them only. [See below](#unicast).
        unicast_peer: Vec<At<UnicastPeer>> = PEER, Says("none: multicast"), "=";
        /// Source of adverts to peers. As with `mcast_src_ip`, a fault while no interface has it.
        unicast_src_ip: Ipv4Addr = address::SOURCE, Says("the interface's first that is not virtual"), "=";
        /// TTL of adverts to peers.
        unicast_ttl: u8 = Number(1..=255), Default(255), "=";
        /// `true`: `interface` may be down without a fault. While it is, no advert leaves: addresses on it are not answered
        /// for, and those with another `dev` only while nobody answers there when asked, once an `advert_int`. When it is up
        /// again, doors on it wait for one `advert_int` of adverts.
        dont_track_primary: bool = Flag, Default(false), "=";
        /// `true`: adverts are discarded as RFC 3768 and keepalived do: of another version, and in version 2 with another
        /// interval or other addresses. Then both boxes become master. Without it such an advert shows that a master lives,
        /// and what differs is told. [See below](#two-boxes-that-differ).
        rfc_discards: bool = Flag, Default(false), "none";
        /// `true`: a master that falls silent is asked by ARP for the address before it is replaced. One that answers is
        /// left alone: its adverts are lost. [See below](#a-master-that-is-silent-and-answers).
        probe_before_takeover: bool = Flag, Default(false), "none";
        /// For how many intervals one that answers is left alone. Then this router takes over all the same.
        probe_limit: u8 = Number(1..=255), Default(10), "none";
    }

    /// Subjects that a router or a group depends on.
    Tracks {
        /// The checks that the priority depends on. [See below](#checks).
        track_script: Vec<Option<Track>> = TrackList(Some(Kind::Script)), Says("none"), "=";
        /// The same for checks of this kind.
        track_http: Vec<Option<Track>> = TrackList(Some(Kind::Http)), Says("none"), "none";
        /// The same for checks of this kind.
        track_tcp: Vec<Option<Track>> = TrackList(Some(Kind::Tcp)), Says("none"), "none";
        /// The same for checks of this kind.
        track_process: Vec<Option<Track>> = TrackList(Some(Kind::Process)), Says("none"), "=";
        /// The same for checks of this kind.
        track_file: Vec<Option<Track>> = TrackList(Some(Kind::File)), Says("none"), "=";
        /// The same for interfaces, which are well while they are up, with carrier. Weight 0 unless given.
        track_interface: Vec<Option<Track>> = TrackList(None), Says("none"), "=";
    }

    /// Programs and mails when the state of a router or a group changes.
    Hooks {
        /// Run on becoming master. [See below](#hooks).
        notify_master: Hook = HOOK, Says("none"), "=";
        /// Run on becoming backup.
        notify_backup: Hook = HOOK, Says("none"), "=";
        /// Run on a fault.
        notify_fault: Hook = HOOK, Says("none"), "=";
        /// Run on stopping.
        notify_stop: Hook = HOOK, Says("none"), "=";
        /// Run on each of them, with `INSTANCE NAME STATE PRIORITY` added, or `GROUP NAME STATE`.
        notify: Hook = HOOK, Says("none"), "=";
        /// A mail on each of them.
        smtp_alert: bool = Flag, Says("that of the top of the file"), "=";
    }

    /// An entry of `virtual_ipaddress` as a table.
    AddressKeys {
        /// Address that the master adds to the interface and answers ARP for.
        address: (Ipv4Addr, u8) = address::NET, Says("must be given; without a prefix /32"), "the address";
        /// The interface that gets the address, and on which ARP for it is answered. With `lo`, ARP is answered on the
        /// router's interface. On any other the router uses the virtual MAC of its `virtual_router_id` too, so no other
        /// router may have that number there.
        dev: String = INTERFACE, Says("the router's `interface`"), "=";
        /// Broadcast address of the address.
        brd: Ipv4Addr = address::BROADCAST, Says("the prefix's own"), "=";
        /// Label of the address, as `ip address` shows it.
        label: String = address::LABEL, Says("none"), "=";
        /// Scope of the address, as `ip address` takes it.
        scope: u8 = address::SCOPE, Default(0), "=";
        /// Only with `dev`. `true`: that interface may be down or missing without a fault; the address is then dead where
        /// it is.
        no_track: bool = Flag, Default(false), "=";
    }

    /// `garp`.
    Garp {
        /// Number of announcements for each address, at once. 0: none.
        repeat: u8 = Number(0..=255), Default(super::Garp::DEFAULT.repeat), "`garp_master_repeat`";
        /// After this, as many again. `"0s"`: no second round.
        delay: Duration = Span(ZERO..=S_1000), Default(super::Garp::DEFAULT.delay), "`garp_master_delay`";
        /// One more round this often while master. `"0s"`: none.
        refresh: Duration = Span(ZERO..=DAY), Default(super::Garp::DEFAULT.refresh), "`garp_master_refresh`";
        /// Number for each address when this master hears another one that loses to it, or leaves: neighbours may know
        /// the other's MAC address. At most one such round in an `advert_int`, and in a second; with those of the routers of
        /// its sync group. 0: none.
        lower_prio_repeat: u8 = Number(0..=255), Says("`garp.repeat`"), "`garp_lower_prio_repeat`";
        /// After this, as many again. `"0s"`: no second round.
        lower_prio_delay: Duration = Span(ZERO..=S_1000), Says("`garp.delay`"), "`garp_lower_prio_delay`";
    }

    /// `authentication`.
    Authentication {
        /// keepalived's `AH` is not supported.
        auth_type: () = instance::AUTH_TYPE, Says("must be given"), "=";
        /// The same on all boxes. keepalived silently cuts a longer one to 8. Messages about the file show it as `****`.
        auth_pass: [u8; 8] = Secret(instance::PASSWORD), Says("must be given"), "=";
    }

    /// An entry of `unicast_peer` as a table.
    Peer {
        /// The other box.
        address: Ipv4Addr = address::PEER, Says("must be given"), "the address";
        /// Adverts with a lower TTL are dropped. 255: from this network only.
        min_ttl: u8 = Number(0..=255), Default(0), "=";
        /// Adverts with a higher TTL are dropped.
        max_ttl: u8 = Number(0..=255), Default(255), "=";
    }

    /// A hook as a table.
    HookKeys {
        /// Command to run.
        script: Program = COMMAND, Says("must be given"), "the script";
        /// User that runs it.
        user: User = USER, Says("`script_user`"), "after the script";
        /// Time after which it is killed, with everything that it has started.
        timeout: Duration = Span(SECOND..=HOUR), Default(SECOND * 30), "none";
    }

    /// Tracked check as a table.
    TrackedCheck {
        /// Check that is tracked. Once in each list.
        name: String = NAME, Says("must be given"), "the name";
        /// 0: a failure is a fault, and the router takes no part. Negative: added to the priority while the check fails.
        /// Positive: added while it succeeds.
        weight: i16 = Number(-253..=253), Says("that of the check"), "=";
        /// The sign of `weight` is turned. With 0: a success is a fault.
        reverse: bool = Flag, Says("that of the check"), "=, `noreverse`";
    }

    /// Tracked interface as a table.
    TrackedInterface {
        /// Interface that is tracked. Once in the list.
        interface: String = INTERFACE, Says("must be given"), "the name";
        /// As of a check.
        weight: i16 = Number(-253..=253), Says("`0`"), "=";
        /// The same.
        reverse: bool = Flag, Says("`false`"), "=, `noreverse`";
    }

    /// All checks.
    CheckKeys {
        /// For routers that say nothing else.
        weight: i16 = Number(-253..=253), Says("`0`; in `vrrp_file` `1`, as in keepalived"), "=";
        /// The same.
        reverse: bool = Flag, Default(false), "=";
    }

    /// All checks whose results are counted.
    Counts {
        /// Good results in a row that end a failure. Not in `vrrp_file`.
        rise: u16 = Number(1..=1000), Default(1), "=";
        /// Bad results in a row that make one. Not in `vrrp_file`.
        fall: u16 = Number(1..=1000), Default(1), "=";
        /// `true`: it fails until its first result. Otherwise the first result alone decides. Not in `vrrp_file`.
        init_fail: bool = Flag, Default(false), "=";
    }

    /// All checks that look again and again.
    Pace {
        /// From one start to the next. Never two at a time.
        interval: Duration = Span(PACE..=HOUR), Default(SECOND), "= (seconds)";
        /// Time after which it is given up, a script killed, and counts as failed.
        timeout: Duration = Span(PACE..=HOUR), Says("`interval`"), "= (seconds)";
    }

    /// `[vrrp_script.NAME]`.
    Script {
        /// Ends with 0 when all is well.
        script: Program = COMMAND, Required("\"/etc/vrrpd/check_nginx.sh\""), "=";
        /// User that runs it.
        user: User = USER, Says("`script_user`"), "=";
    }

    /// `[vrrp_http.NAME]`.
    Http {
        /// Address of the page.
        url: Url = http::Address, Required("\"http://127.0.0.1/\""), "none";
        /// Method of the request.
        method: &'static str = Word(METHODS), Default("GET"), "none";
        /// Codes that the answer may have.
        status: Vec<(u16, u16)> = STATUS, Default(vec![(200, 299)]), "none";
        /// Text that the answer's body must have in it.
        body: String = http::BODY, Says("none"), "none";
        /// The Host header, and the name that the certificate must have.
        host: String = http::HOST, Says("that of `url`"), "none";
        /// `true`: the certificate must be valid. Only with `https://`.
        verify: bool = Flag, Default(true), "none";
    }

    /// `[vrrp_tcp.NAME]`.
    Tcp {
        /// Address where a connection must be accepted.
        address: SocketAddr = SOCKET_ADDRESS, Required("\"127.0.0.1:80\""), "none";
    }

    /// `[vrrp_process.NAME]`.
    Process {
        /// Which processes count: their name, and their arguments if any are given.
        process: (String, Vec<String>) = PROCESS, Says("this or `pid_file`"), "=";
        /// The process whose number is in the file.
        pid_file: PathBuf = PATH, Says("this or `process`"), "none";
        /// `exact`: these arguments and no others. `partial`: these first. `initial`: these first, the last perhaps longer.
        /// Without arguments, `exact` means a process without any.
        param_match: ParamMatch = Word(ParamMatch::WORDS), Says("`\"exact\"` with arguments, else none"), "=";
        /// Number that there must be at least.
        quorum: u16 = Number(0..=u16::MAX), Says("`1`; `0` with `quorum_max = 0`"), "=";
        /// Number that there may be at most.
        quorum_max: u16 = Number(0..=u16::MAX), Says("none"), "=";
        /// Time that this must have been so before it counts.
        delay: Duration = Span(ZERO..=HOUR), Default(ZERO), "=";
        /// The same after a start.
        fork_delay: Duration = Span(ZERO..=HOUR), Says("`delay`"), "=";
        /// The same after an end.
        terminate_delay: Duration = Span(ZERO..=HOUR), Says("`delay`"), "=";
    }

    /// `[vrrp_file.NAME]`.
    File {
        /// Has a number in it, which `weight` multiplies. With `weight = 0` any number but 0 is a fault.
        file: PathBuf = PATH, Required("\"/run/vrrpd/weight\""), "=";
        /// The file is made at the start if it is missing.
        init_file: InitFile = Inline::<InitFile>::new("init_file = { value = 0, overwrite = false }"), Says("none"), "=";
    }

    /// `init_file`.
    InitFile {
        /// With this number.
        value: i32 = Number(i32::MIN..=i32::MAX), Default(0), "the value";
        /// Also when it is there.
        overwrite: bool = Flag, Default(false), "=";
    }

    /// `[interface_up_down_delays.NAME]`.
    Delays {
        /// Time that the link must be down before it counts as down. Meanwhile a master keeps its role, and its lease is not
        /// renewed: after three intervals it is master no more. A backup believes no silence.
        down: Duration = Span(ZERO..=MAX_LINK_DELAY), Default(ZERO),
            "first number of the line in `interface_up_down_delays` (seconds)";
        /// Time that it must be up before it counts as up.
        up: Duration = Span(ZERO..=MAX_LINK_DELAY), Default(ZERO), "second number of the line";
    }

    /// `[vrrp_sync_group.NAME]`.
    SyncGroup {
        /// The members. A router is in one group at most. A group of one has hooks and checks of its own.
        group: Vec<At<String>> = MEMBERS, Required("[\"VI_1\", \"VI_2\"]"), "=";
        /// `true`: weights count. Otherwise only what is tracked with weight 0 does anything to members.
        sync_group_tracking_weight: bool = Flag, Default(false), "=";
    }
}

/// The keys at the top of the file.
pub(crate) const TOP: &[&[Key]] = &[Top::KEYS];

/// The keys of a section.
pub(crate) const fn of_kind(kind: Kind) -> &'static [&'static [Key]] {
    match kind {
        Kind::Delays => &[Delays::KEYS],
        Kind::Script => &[Script::KEYS, Pace::KEYS, CheckKeys::KEYS, Counts::KEYS],
        Kind::Http => &[Http::KEYS, Pace::KEYS, CheckKeys::KEYS, Counts::KEYS],
        Kind::Tcp => &[Tcp::KEYS, Pace::KEYS, CheckKeys::KEYS, Counts::KEYS],
        Kind::Process => &[Process::KEYS, CheckKeys::KEYS, Counts::KEYS],
        Kind::File => &[File::KEYS, CheckKeys::KEYS],
        Kind::Instance => &[Instance::KEYS, Role::KEYS, Tracks::KEYS, Hooks::KEYS],
        Kind::Group => &[SyncGroup::KEYS, Tracks::KEYS, Hooks::KEYS],
    }
}
