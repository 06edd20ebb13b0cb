//! A switch and hosts on it.

use std::{
    fs::File,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{FlockOperation, flock};

use crate::{Ask, Asker, Capture, Mac, Namespace, netns, scratch::Scratch};

/// The bridge in the switch's namespace.
pub const BRIDGE: &str = "br0";
/// The bridge of the second LAN, in the same namespace.
pub const SECOND_BRIDGE: &str = "br1";
/// The interface of every host.
pub const INTERFACE: &str = "eth0";
/// The interface of every host on the second LAN. Its port is called `HOST-b`.
pub const SECOND_INTERFACE: &str = "eth1";
/// One more interface of a host on the first LAN.
pub const SECOND_CARD: &str = "eth2";
/// The host that asks.
pub const CLIENT: &str = "client";
/// The client's own address.
pub const CLIENT_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);

/// The address of router `rN`.
#[must_use]
pub const fn router_address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, number)
}

/// A bridge in a namespace of its own, without spanning tree and snooping, and hosts with an `eth0` on it.
///
/// One laboratory runs at a time on a machine: a lock makes the others wait, because what they measure is time.
#[derive(Debug)]
pub struct Lab {
    // The order of the fields is that of the removal.
    capture: Capture,
    hosts: Vec<Host>,
    switch: Arc<Namespace>,
    scratch: Arc<Scratch>,
    prefix: String,
    _lock: File,
}

/// One host: a namespace with an interface on the switch.
#[derive(Debug)]
pub struct Host {
    /// Its name, and that of its port.
    pub name: String,
    /// Where it lives.
    pub namespace: Arc<Namespace>,
    /// Of its `eth0`.
    pub mac: Mac,
    /// Of its `eth0`, with the prefix length.
    pub address: String,
}

impl Lab {
    /// A switch without hosts.
    ///
    /// # Errors
    /// Without root, or if `ip` fails.
    pub fn empty() -> Result<Self> {
        let lock = lock()?;
        netns::sweep();
        let prefix = netns::unique_prefix();
        let scratch = Arc::new(Scratch::new(&prefix)?);
        let switch = Namespace::new(&prefix, "sw")?;
        switch.ip(&format!("link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"))?;
        switch.ip(&format!("link set {BRIDGE} up"))?;
        for family in ["ip", "ip6", "arp"] {
            // A switch does not look into packets; where there is no such filter there is no such file.
            let _absent = switch.sysctl(&format!("net/bridge/bridge-nf-call-{family}tables"), "0");
        }
        let capture = Capture::start(&switch, false)?;
        Ok(Self { capture, hosts: Vec::new(), switch, scratch, prefix, _lock: lock })
    }

    /// Routers `r1`, `r2`, … at 192.0.2.1, 192.0.2.2, … and a client at 192.0.2.200.
    ///
    /// # Errors
    /// As [`Self::empty`].
    pub fn with_routers(count: u8) -> Result<Self> {
        let mut lab = Self::empty()?;
        for number in 1..=count {
            lab.add_host(
                &format!("r{number}"),
                Mac([2, 0, 0, 0, 0, number]),
                &format!("{}/24", router_address(number)),
            )?;
        }
        lab.add_host(CLIENT, Mac([2, 0, 0, 0, 1, 0]), &format!("{CLIENT_ADDRESS}/24"))?;
        Ok(lab)
    }

    /// One more host. `address` has a prefix length.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn add_host(&mut self, name: &str, mac: Mac, address: &str) -> Result<&Host> {
        let namespace = Namespace::new(&self.prefix, name)?;
        let host = Host { name: name.to_owned(), namespace, mac, address: address.to_owned() };
        self.plug(&host)?;
        self.hosts.push(host);
        self.host(name)
    }

    /// A second LAN that all hosts of now are on, with their `eth1`: host number N of the list has 198.51.100.N.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn add_second_lan(&self) -> Result<()> {
        let bridge = SECOND_BRIDGE;
        self.switch
            .ip(&format!("link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"))?;
        self.switch.ip(&format!("link set {bridge} up"))?;
        for (number, host) in (1..).zip(&self.hosts) {
            let (name, inside, mut mac) = (&host.name, host.namespace.name(), host.mac);
            mac.0[1] = 0xb;
            netns::ip(&format!(
                "link add {name}-b netns {} type veth peer name {SECOND_INTERFACE} address {mac} netns {inside}",
                self.switch.name(),
            ))?;
            self.switch.ip(&format!("link set {name}-b master {bridge} up"))?;
            host.namespace.ip(&format!("address add 198.51.100.{number}/24 dev {SECOND_INTERFACE}"))?;
            host.namespace.ip(&format!("link set {SECOND_INTERFACE} up"))?;
        }
        Ok(())
    }

    /// One more card of a host, `eth2`, on the first LAN. Its port is called `HOST-2`, and so is the host in captures.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn add_second_card(&self, host: &str, address: &str) -> Result<Mac> {
        let host = self.host(host)?;
        let (name, inside, mut mac) = (&host.name, host.namespace.name(), host.mac);
        mac.0[1] = 0xc;
        netns::ip(&format!(
            "link add {name}-2 netns {} type veth peer name {SECOND_CARD} address {mac} netns {inside}",
            self.switch.name(),
        ))?;
        self.switch.ip(&format!("link set {name}-2 master {BRIDGE} up"))?;
        host.namespace.ip(&format!("address add {address} dev {SECOND_CARD}"))?;
        host.namespace.ip(&format!("link set {SECOND_CARD} up"))?;
        // What a distribution may have set otherwise: the kernel answers for any address on any card.
        for conf in ["all", INTERFACE, SECOND_CARD] {
            for key in ["arp_ignore", "arp_announce", "arp_filter", "rp_filter"] {
                host.namespace.sysctl(&format!("net/ipv4/conf/{conf}/{key}"), "0")?;
            }
        }
        Ok(mac)
    }

    /// A host by name.
    ///
    /// # Errors
    /// If there is none.
    pub fn host(&self, name: &str) -> Result<&Host> {
        self.hosts.iter().find(|host| host.name == name).with_context(|| format!("no host {name}"))
    }

    /// The mirror of the switch's ports.
    #[must_use]
    pub fn wire(&self) -> &Capture {
        &self.capture
    }

    /// The switch's namespace.
    #[must_use]
    pub fn switch(&self) -> &Namespace {
        &self.switch
    }

    /// Where configurations and logs go.
    #[must_use]
    pub fn scratch(&self) -> Arc<Scratch> {
        Arc::clone(&self.scratch)
    }

    /// Starts to ask from the client.
    ///
    /// # Errors
    /// If the socket cannot be opened.
    pub fn ask(&self, ask: Ask) -> Result<Asker> {
        Asker::start(&self.host(CLIENT)?.namespace, INTERFACE, self.capture.log(), ask)
    }

    /// Takes a port's link down: the host sees that its carrier is lost.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn cut(&self, host: &str) -> Result<()> {
        self.switch.ip(&format!("link set {host} down")).map(drop)
    }

    /// Brings the link back.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn restore(&self, host: &str) -> Result<()> {
        self.switch.ip(&format!("link set {host} up")).map(drop)
    }

    /// Stops a port from forwarding, both ways. The host's carrier stays; the capture still hears the host.
    ///
    /// # Errors
    /// If `bridge` fails.
    pub fn isolate(&self, host: &str) -> Result<()> {
        self.switch.exec(&format!("bridge link set dev {host} state 0")).map(drop)
    }

    /// Lets the port forward again.
    ///
    /// # Errors
    /// If `bridge` fails.
    pub fn rejoin(&self, host: &str) -> Result<()> {
        self.switch.exec(&format!("bridge link set dev {host} state 3")).map(drop)
    }

    /// Lets these hosts not hear each other, while all others hear both.
    ///
    /// # Errors
    /// If `bridge` fails.
    pub fn part(&self, hosts: &[&str]) -> Result<()> {
        hosts.iter().try_for_each(|host| self.keep_apart(host, "on"))
    }

    /// Lets them hear each other again.
    ///
    /// # Errors
    /// If `bridge` fails.
    pub fn join(&self, hosts: &[&str]) -> Result<()> {
        hosts.iter().try_for_each(|host| self.keep_apart(host, "off"))
    }

    fn keep_apart(&self, host: &str, isolated: &str) -> Result<()> {
        self.switch.exec(&format!("bridge link set dev {host} isolated {isolated}")).map(drop)
    }

    /// The port at which the switch of the first LAN, or another of its bridges, has learnt a MAC address.
    ///
    /// # Errors
    /// If `bridge` fails.
    pub fn port_of(&self, mac: Mac, bridge: &str) -> Result<Option<String>> {
        let table = self.switch.exec(&format!("bridge fdb show br {bridge}"))?;
        let line = table.lines().find(|line| line.starts_with(&mac.to_string()) && line.contains("master"));
        Ok(line.and_then(|line| line.split_whitespace().nth(2)).map(str::to_owned))
    }

    /// Leaves VLAN tags in the frames to a host, as a NIC does that cannot strip them.
    ///
    /// # Errors
    /// If `ethtool` fails.
    pub fn keep_tags(&self, host: &str) -> Result<()> {
        self.switch.exec(&format!("ethtool -K {host} txvlan off")).map(drop)
    }

    /// Deletes a host's interface.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn unplug(&self, host: &str) -> Result<()> {
        self.host(host)?.namespace.ip(&format!("link del {INTERFACE}")).map(drop)
    }

    /// Makes a host's interface anew, with the same name and addresses and another index.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn replug(&self, host: &str) -> Result<()> {
        self.plug(self.host(host)?)
    }

    fn plug(&self, host: &Host) -> Result<()> {
        let (name, inside) = (&host.name, host.namespace.name());
        netns::ip(&format!(
            "link add {name} netns {} type veth peer name {INTERFACE} address {} netns {inside}",
            self.switch.name(),
            host.mac,
        ))?;
        self.switch.ip(&format!("link set {name} master {BRIDGE} up"))?;
        host.namespace.ip(&format!("address add {} dev {INTERFACE}", host.address))?;
        host.namespace.ip(&format!("link set {INTERFACE} up")).map(drop)
    }

    /// What the client's kernel believes about an address: its MAC, if it has any.
    ///
    /// # Errors
    /// If `ip` fails.
    pub fn client_neighbour(&self, address: Ipv4Addr) -> Result<Option<Mac>> {
        let line = self.host(CLIENT)?.namespace.ip(&format!("neighbour show {address} dev {INTERFACE}"))?;
        let mut words = line.split_whitespace().skip_while(|word| *word != "lladdr");
        words.nth(1).map(str::parse).transpose()
    }
}

/// How long another laboratory may take.
const PATIENCE: Duration = Duration::from_secs(1200);

fn lock() -> Result<File> {
    let path = std::env::temp_dir().join("vrrpd-lab.lock");
    let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
    let end = Instant::now() + PATIENCE;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() > end {
            bail!("another laboratory has held {} for {PATIENCE:?}", path.display());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(file)
}
