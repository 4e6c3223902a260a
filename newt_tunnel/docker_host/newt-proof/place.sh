# --- where newt's packets come from -----------------------------------------------------------------------------------

# A newt that was stopped is not started to find out whether it may: a namespace of our own takes its place on the bridge.
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
    _subnet=$(declared subnet)
    ip link add newt-probe type veth peer name eth0 netns "$guest" &&
        ip link set newt-probe master "$(declared bridge)" up &&
        $_inside ip addr add "$(declared newt)/${_subnet#*/}" dev eth0 &&
        $_inside ip link set eth0 up &&
        $_inside ip route add default via "$(declared gateway)" ||
        fail "cannot take newt's place on $(declared bridge)"
}

work=$(mktemp -d)
guest='' measured=''
tidy() {
    [ -z "$guest" ] || kill "$guest" 2>/dev/null
    rm -rf "$work"
}
trap tidy EXIT
trap 'exit 1' HUP INT TERM

not_up() {
    _died=$(docker container inspect -f 'exit status {{.State.ExitCode}}, restarted {{.RestartCount}} times' "$container" 2>/dev/null)
    fail "newt does not stay up in container $container (${_died:-it is gone}): see docker logs $container"
}

stays() { [ "$(newt_pid)" = "$measured" ]; }

# settle: sets measured to the process of a newt that has run for a while. Of one that restarts over and over, the
# network goes away under the probes, and what they would say is nonsense.
settle() {
    measured=$(newt_pid)
    [ -n "$measured" ] || not_up
    [ -e "/proc/$measured/ns/net" ] || {
        stays || not_up
        fail "newt's process is not on this host (a virtual machine?): rules here confine nothing"
    }
    while _age=$(age "$measured") && [ "${_age:-0}" -lt "$SETTLE_SECONDS" ]; do
        stays || not_up
        sleep 1
    done
    stays || not_up
}

measure_newt() {
    settle
    [ "$(docker container inspect -f '{{len .NetworkSettings.Networks}}' "$container")" = 1 ] || {
        [ "$mode" != enforce ] || newt-egress hold >&2
        fail "newt is on more than one network, and only one is guarded: docker network disconnect the other"
    }
    measure "nsenter -t $measured -n"
    stays || void_silence
}

# stay_stopped WHY. Whatever the mode: an update that leaves newt stopped has not succeeded.
stay_stopped() {
    fail "$1: newt stays stopped$([ "$mode" = enforce ] || echo "; to let it go as it is: newt-egress release")"
}

open_rows() { grep -E '  OPEN  ' "$work/table"; }

if [ "$mode" = off ]; then
    # Nobody would find out whether the cage still is what newt was stopped for.
    [ ! -e "$STATE/held" ] || fail "newt is held: a proof found its cage open. Write proof: enforce or proof: warn to try again, or let it go as it is by: newt-egress release"
    [ -n "$(newt_pid)" ] || newt-egress start || exit 1
    echo "the proof is off: nothing was tried"
    exit 0
fi
checked=$(newt-egress check)
told() { printf '%s\n' "$checked" | sed -n "s/^$1=//p"; }
# Where others broke the way to the rules, which newt-egress may not mend, packets show what it means.
way=$(told open)
[ -n "$way" ] || [ "$(told state)" = ok ] || fail "the rules are not in force: $(told faults)"
generation=$(told generation) rules=$(told hash)
have nsenter || fail "nsenter is not on this host: install util-linux"
plan | sort -s -k 1,1 >"$work/lines" # "block" before "reach"
newt-egress expand "$work/lines" >"$work/expanded" || fail "cannot look up the addresses of host names"
# Every planned row is in the table. A name that the rules in force do not know has no address to try.
awk 'FILENAME == ARGV[1] { known["@{" $1 "}"]; next } $3 ~ /^@/ && !($3 in known)' \
    "$STATE/current/resolved" "$work/lines" >>"$work/expanded"
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
    $1 == "block" && (i = is_allowed()) { $1 = "allowed"; $6 = rule[i] }
    { print }' "$work/expanded" "$work/expanded" >"$work/plan"

if [ -e "$STATE/held" ]; then
    # Something may have started it past newt-egress.
    [ -z "$(newt_pid)" ] || newt-egress hold >&2 || fail "newt is held, runs, and could not be stopped"
    stand_in_for_newt
    measure "nsenter -t $guest -n"
    keep_table
    if open_rows >&2; then
        cat "$work/table"
        stay_stopped "the cage is open"
    fi
    [ -z "$way" ] || stay_stopped "$way"
    kill "$guest"
    guest=
    newt-egress release || exit 1
fi
[ -n "$(newt_pid)" ] || newt-egress start || exit 1
measure_newt
cat "$work/table"
keep_table
remarks
if open_rows >/dev/null; then
    open_rows >&2
    [ "$mode" = enforce ] || { stays || not_up; echo "warning: the cage is open, and newt runs on: proof is $mode"; exit 0; }
    newt-egress hold >&2 || fail "the cage is open, and newt could not be stopped"
    fail "the cage is open: newt was stopped; correct the rules and run pulumi up again"
fi
stays || not_up
[ -z "$way" ] || fail "$way"
