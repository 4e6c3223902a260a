#!/bin/sh
# newt-egress: keeps newt in its cage on a Docker host.
#
# Owns the firewall rules of each newt of this host: loads them, keeps them loaded over reboots, refreshes the host names
# in them, reports whether they are in force, and removes them. They are rendered elsewhere and arrive as a declaration.
# Touches only its own chains or tables and its own jumps; never flushes, saves or edits other rules.
# POSIX sh for dash and busybox.
# shellcheck disable=SC2015 # in `a && b || fail` nothing goes on after fail, so it is an if-then-else
set -u
export LC_ALL=C PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 077

# Also the highest format of a declaration that this program understands. Raise it with whatever an older program would get
# wrong: one never replaces a newer one that other newts of the host need.
VERSION=2
PROGRAM=/usr/local/sbin/newt-egress
ROOT=/var/lib/newt-egress         # must be readable before Docker starts: no network file system
INSTANCES=$ROOT/instances
CHANGES_LOCK=/run/newt-egress-changes.lock
LOCK_SECONDS=60
XTABLES_SECONDS=10                # how long to wait for the lock of iptables-legacy
TOOL_SECONDS=30                   # the longest that a tool of the firewall may take
DOCKER_SECONDS=20                 # the same for an answer of Docker
STOP_SECONDS=60                   # the same for systemd, and for starting or stopping a container
REFRESH_MINUTES=5
MAX_ADDRESSES=64                  # of one name: more would be an attack on the packet path
ASKED_AT_ONCE=16                  # names
REMEMBERED_SECONDS=86400          # how long the kernel remembers a refused target, as it is rendered
SHOWN_DROPS=20                    # of them in status
NOBODY=65534                      # newt's user and group in the container

# Output that cannot be written (a lost connection) must not stop a change half-way.
say() { printf '%s\n' "$*" 2>/dev/null || :; }
warn() { printf 'warning: %s\n' "$*" 2>/dev/null || :; }
complain() { printf 'newt-egress: %s\n' "$*" >&2 || :; }
fail() { complain "$*"; exit 1; }
joined() { awk 'NR > 1 { printf "; " } { printf "%s", $0 }'; }
one_line() { printf '%s' "$1" | tr '\n' ' '; }
need() { have "$1" || fail "$1 is not on this host: install ${2:-it}"; }
# Ignores the functions of the same name below.
have() { (case $1 in *-*) ;; *) unset -f "$1" ;; esac; command -v "$1") >/dev/null 2>&1; }
uptime_seconds() { cut -d . -f 1 /proc/uptime; }

# A program that may wait for a daemon, a resolver or a lock in the kernel has a time limit, because a repair waits behind
# it; these functions give it to every call. Programs do not inherit the locks (6 to 9): one that cannot be killed would keep them.
# Old busyboxes do not know -k.
KILLS=$(timeout -k 1 1 true 2>/dev/null && echo "-k 5" || echo "-s KILL")
# shellcheck disable=SC2086 # two words
limited() { timeout $KILLS "$@" 6>&- 7>&- 8>&- 9>&-; }
docker() { limited "$DOCKER_SECONDS" docker "$@"; }
systemctl() { limited "$STOP_SECONDS" systemctl "$@"; }
nft() { limited "$TOOL_SECONDS" nft "$@"; }
ip() { limited "$TOOL_SECONDS" ip "$@"; }
sync() { limited "$TOOL_SECONDS" sync "$@"; }
dig() { limited 10 dig "$@"; }
host() { limited 10 host "$@"; }
getent() { limited 10 getent "$@"; }
logger() { limited 2 logger "$@"; }
