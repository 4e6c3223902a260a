# --- where newt's packets come from -----------------------------------------------------------------------------------

# A newt that was stopped is not started to find out whether it may: a namespace of our own takes its place on the bridge.
# Sets guest to the process that holds the namespace.
stand_in_for_newt() {
    unshare -n sleep $((TOTAL_SECONDS * 2)) &
    guest=$!
    _inside="nsenter -t $guest -n"
    _tries=0
    until [ "$(readlink "/proc/$guest/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do
        _tries=$((_tries + 1))
        [ "$_tries" -lt 50 ] || fail "cannot make a network namespace"
        sleep 0.1
    done
    plug "$guest" "newt-p$$" eth0 "" && $_inside ip route add default via "$(declared gateway)" ||
        fail "cannot attach a network namespace to $(declared bridge)"
    [ -z "$(declared servicenetwork)" ] || plug "$guest" "newt-s$$" eth1 service ||
        fail "cannot attach a network namespace to $(declared servicebridge)"
}

# plug GUEST OUTSIDE INSIDE LEG: a wire from the bridge of a leg into the namespace of the process GUEST.
plug() {
    _subnet=$(declared "$4subnet")
    ip link add "$2" type veth peer name "$3" netns "$1" &&
        ip link set "$2" master "$(declared "$4bridge")" up &&
        nsenter -t "$1" -n ip addr add "$(declared "$4newt")/${_subnet#*/}" dev "$3" &&
        nsenter -t "$1" -n ip link set "$3" up
}

WORK=$(mktemp -d)
guest=
# tidy [PID]
tidy() {
    [ -z "$1" ] || kill "$1" 2>/dev/null
    rm -rf "$WORK"
}
trap 'tidy "$guest"' EXIT
trap 'exit 1' HUP INT TERM

not_up() {
    _died=$(docker container inspect -f 'exit status {{.State.ExitCode}}, restarted {{.RestartCount}} times' "$CONTAINER" 2>/dev/null)
    fail "newt does not stay up in container $CONTAINER (${_died:-it is gone}): see docker logs $CONTAINER"
}

# stays PID: whether newt's process is still that one.
stays() { [ "$(newt_pid)" = "$1" ]; }

# settled: the process of a newt that has run for a while. The network of one that restarts over and over vanishes during
# the probes, and their verdicts would be wrong.
settled() {
    _pid=$(newt_pid)
    [ -n "$_pid" ] || not_up
    [ -e "/proc/$_pid/ns/net" ] || {
        stays "$_pid" || not_up
        fail "newt's process is not on this host (a virtual machine?): rules here confine nothing"
    }
    while _age=$(age "$_pid") && [ "${_age:-0}" -lt "$SETTLE_SECONDS" ]; do
        stays "$_pid" || not_up
        sleep 1
    done
    stays "$_pid" || not_up
    echo "$_pid"
}

# measure_newt PID HEADING
measure_newt() {
    _guarded=1
    [ -z "$(declared servicenetwork)" ] || _guarded=2
    [ "$(docker container inspect -f '{{len .NetworkSettings.Networks}}' "$CONTAINER")" = "$_guarded" ] || {
        [ "$MODE" != enforce ] || newt_egress hold >&2
        fail "newt is on more than one network, and only one is guarded: docker network disconnect the other"
    }
    measure "nsenter -t $1 -n" "$2" "$1"
    stays "$1" || void_silence
}

# stay_stopped WHY. Whatever the mode: an update that leaves newt stopped has not succeeded.
stay_stopped() {
    fail "$1: newt stays stopped$([ "$MODE" = enforce ] || echo "; to release it without a proof: newt-egress release")"
}

open_rows() { awk -F "$CELL_END" '$5 == "OPEN" { print; found = 1 } END { exit !found }' "$WORK/table"; }

if [ "$MODE" = off ]; then
    # Without a proof it is not known whether the cage is still open.
    [ ! -e "$STATE/held" ] || fail "newt is held: a proof found its cage open. Set proof to enforce or warn to try again, or release newt without a proof: newt-egress release"
    [ -n "$(newt_pid)" ] || newt_egress start || exit 1
    echo "the proof is off: nothing was tried"
    exit 0
fi
checked=$(newt_egress check)
# field CHECKED KEY
field() { printf '%s\n' "$1" | sed -n "s/^$2=//p"; }
# Where others broke the way to the rules, which newt-egress may not mend, packets show what it means.
way=$(field "$checked" open)
[ -n "$way" ] || [ "$(field "$checked" state)" = ok ] || fail "the rules are not in force: $(field "$checked" faults)"
generation=$(field "$checked" generation)
heading="generation ${generation:-none}, rules $(field "$checked" hash)"
have nsenter || fail "nsenter is not on this host: install util-linux"
note_containers
{ plan; canaries; } | sort -s -k 1,1 >"$WORK/lines" # "block" before "reach"
newt_egress expand "$WORK/lines" >"$WORK/expanded" || fail "cannot look up the addresses of host names"
# Every planned row is in the table. A name that the rules in force do not know has no address to try.
awk 'FILENAME == ARGV[1] { known["@{" $1 "}"]; next } $3 ~ /^@/ && !($3 in known)' \
    "$STATE/current/resolved" "$WORK/lines" >>"$WORK/expanded"
# A canary is not expected shut where an allowed name turns out to be that very address.
awk 'function is_allowed(i, ends) {
        for (i = 1; i <= n; i++) {
            if (address[i] != $3 || (protocol[i] != $2 && protocol[i] != "any")) continue
            if (split(ports[i], ends, "-") < 2) ends[2] = ends[1]
            if (ports[i] == "all" || (ends[1] + 0 <= $4 + 0 && $4 + 0 <= ends[2] + 0)) return i
        }
        return 0
    }
    FNR == NR { if ($1 == "reach") { protocol[++n] = $2; address[n] = $3; ports[n] = NF > 5 ? $6 : $4; rule[n] = $5 }; next }
    $5 ~ /^container:/ && is_allowed() { next }
    $1 == "block" && (i = is_allowed()) { $1 = "allowed"; $6 = rule[i] }
    { print }' "$WORK/expanded" "$WORK/expanded" >"$WORK/plan"

if [ -e "$STATE/held" ]; then
    # It may have been started without newt-egress.
    [ -z "$(newt_pid)" ] || newt_egress hold >&2 || fail "newt is held, runs, and could not be stopped"
    stand_in_for_newt
    measure "nsenter -t $guest -n" "$heading"
    keep_table
    if open_rows >&2; then
        cat "$WORK/table"
        stay_stopped "the cage is open"
    fi
    [ -z "$way" ] || stay_stopped "$way"
    kill "$guest"
    guest=
    newt_egress release || exit 1
fi
[ -n "$(newt_pid)" ] || newt_egress start || exit 1
newt=$(settled) || exit 1
# Behind which port of the bridge newt is.
[ -z "$(declared servicenetwork)" ] || newt_egress refresh >/dev/null || fail "newt-egress refresh failed: see newt-egress status"
measure_newt "$newt" "$heading"
cat "$WORK/table"
keep_table
remarks
if open_rows >/dev/null; then
    open_rows >&2
    [ "$MODE" = enforce ] || { stays "$newt" || not_up; echo "warning: the cage is open, and newt keeps running: proof is $MODE"; exit 0; }
    newt_egress hold >&2 || fail "the cage is open, and newt could not be stopped"
    fail "the cage is open: newt was stopped; correct the rules and run pulumi up again"
fi
stays "$newt" || not_up
[ -z "$way" ] || fail "$way"
