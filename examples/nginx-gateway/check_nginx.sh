#!/bin/sh
# /etc/vrrpd/check_nginx.sh: is nginx there? If not, it is started; if that fails, vrrpd is stopped, and the other box
# takes over at once, because the last advert of a vrrpd that stops has priority 0.

pid_file=/run/nginx.pid

runs() {
    [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null
}

runs && exit 0

systemctl start nginx
sleep 0.2
runs && exit 0

# The parent of this script is vrrpd. `killall vrrpd` would do the same.
kill "$PPID"
exit 1
