#!/bin/busybox sh
# The first process of the virtual machine of `cargo xtask vm`. What it finds it says in lines that begin with "VM: ".
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /var/run/netns /usr/bin /usr/sbin
/bin/busybox --install -s /bin
export PATH=/tools:/bin HOME=/tmp RUST_BACKTRACE=0
# This shell prefers what is built into it to what is on the PATH.
ip() { /tools/ip "$@"; }
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t bpf bpf /sys/fs/bpf
exec </dev/null
# The firmware leaves its own line open.
echo
echo "VM: kernel $(uname -r)"
for module in $(cat /modules); do insmod "$module" || echo "VM: no module $module"; done
ip link set lo up

echo "VM: verdicts begin"
timeout -s KILL 900 /tools/dataplane --test-threads=1 --show-output 2>&1
echo "VM: verdicts end $?"

# Two routers and a client on a bridge.
ip link add lan type bridge && ip link set lan up
for host in r1 r2 client; do
    ip netns add $host
    ip link add $host type veth peer name eth0 netns $host
    ip link set $host master lan up
    ip -n $host link set lo up
    ip -n $host link set eth0 up
done
ip -n r1 address add 10.77.0.1/24 dev eth0
ip -n r2 address add 10.77.0.2/24 dev eth0
ip -n client address add 10.77.0.9/24 dev eth0

start() { # host, priority
    printf '[vrrp_instance.VI_1]\ninterface = "eth0"\nvirtual_router_id = 51\npriority = %s\nvirtual_ipaddress = ["10.77.0.100/24"]\n' \
        "$2" >/tmp/$1.toml
    # Not by the function, or the process to be killed would be a shell.
    /tools/ip netns exec "$1" vrrpd --config /tmp/$1.toml >/tmp/$1.log 2>&1 &
}
is() { ip netns exec "$1" vrrpd status 2>/dev/null | grep -q "VI_1: $2"; }
until_is() { # host, state: within 60 s
    for _ in $(seq 240); do is "$1" "$2" && return 0; sleep 0.25; done
    echo "VM: $1 is not $2"; ip netns exec "$1" vrrpd status; cat /tmp/$1.log
    return 1
}
answers() { ip netns exec client arping -c 1 -w 1 -I eth0 10.77.0.100 2>/dev/null | grep -qi '00:00:5e:00:01:33'; }
now() { read -r up _ </proc/uptime; echo "${up%.*}${up#*.}0"; }

failover() {
    start r1 200; first=$!
    start r2 100
    until_is r1 MASTER && until_is r2 BACKUP || return 1
    answers || { echo "VM: the master does not answer"; return 1; }
    grep -h -i 'attached\|egress\|generic' /tmp/r1.log | head -3
    before=$(now)
    kill -KILL "$first"
    until_is r2 MASTER || return 1
    took=$(($(now) - before))
    for _ in 1 2 3 4 5; do answers && break; done
    answers || { echo "VM: the successor does not answer"; return 1; }
    echo "VM: failover ok $took"
}
failover || { cat /tmp/r1.log /tmp/r2.log; echo "VM: failover failed"; }
echo "VM: end"
poweroff -f
