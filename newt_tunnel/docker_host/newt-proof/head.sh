# newt-proof: tries, from newt's own network namespace, what newt may reach and what it must not.
#
# Runs on the Docker host, after the firewall and newt are in place; travels as standard input, behind a function `plan`
# that prints one probe a line: EXPECTATION PROTOCOL ADDRESS PORT NAME [RANGE], the range that it is a sample of. Judges,
# and in mode enforce stops newt when the cage is open. Leaves the rules themselves to newt-egress. POSIX sh for dash and
# busybox.
# shellcheck shell=sh disable=SC2015 # in `a && b || fail` nothing goes on after fail, so it is an if-then-else
set -u
export LC_ALL=C PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
umask 077

MODE=$1 INSTANCE=$2
STATE=/var/lib/newt-egress/instances/$INSTANCE
TABLE=$STATE/proof # the last table, whatever it says; newt-egress status shows it
KNOCK_SECONDS=3   # without an answer until then a target is silent
TOTAL_SECONDS=60  # what is not tried by then is reported as not probed
PORTS_EACH=5      # of a container on newt's network of services that nobody listed
AT_ONCE=40        # probes in parallel
SETTLE_SECONDS=2  # a newt that cannot start is gone by then; it is not measured before
DATAGRAMS=10      # in a UDP probe: more than newt itself sends meanwhile that a counter could mistake for them

fail() { printf 'newt-proof: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
docker() { timeout 60 docker "$@"; } # a Docker that hangs fails the proof
newt_egress() { newt-egress --instance "$INSTANCE" "$@"; }
declared() { sed -n "s/^$1=//p" "$STATE/current/declaration" | head -n 1; }

command -v newt-egress >/dev/null || fail "newt-egress is not on this host: deploy the firewall first"
newt_egress confirm || fail "no rules are in force here"
CONTAINER=$(declared container)

# newt_pid: nothing unless newt runs. Docker calls a container running that it is about to start again, too.
newt_pid() {
    _pid=$(docker container inspect -f '{{if .State.Running}}{{.State.Pid}}{{end}}' "$CONTAINER" 2>/dev/null)
    [ "${_pid:-0}" -eq 0 ] || echo "$_pid"
}

# age PID: seconds since it started; nothing when it is gone.
age() {
    awk -v ticks="$(getconf CLK_TCK 2>/dev/null || echo 100)" 'FNR == NR { now = $1; next }
        { sub(/.*[)] /, ""); print int(now - $20 / ticks) }' /proc/uptime "/proc/$1/stat" 2>/dev/null
}
