# --- newt's bridge: frames between its ports pass the rules -----------------------------------------------------------

# The kernel shows such frames to the firewall where br_netfilter is loaded and a switch is on: one of the whole host, or
# one of the bridge, which is ours alone. Docker turns the host's on when it makes newt's network; others turn it off.
BRIDGE_SETTINGS=/proc/sys/net/bridge

# bridge_switches BRIDGE: the files with the bridge's own switches; nothing until Docker has made it.
bridge_switches() {
    for _family in iptables $(has_ipv6 && echo ip6tables); do
        [ ! -e "/sys/class/net/$1/bridge/nf_call_$_family" ] || echo "/sys/class/net/$1/bridge/nf_call_$_family"
    done
}

# bridge_faults BRIDGE: what keeps the rules from frames between its ports.
bridge_faults() {
    for _switch in $(bridge_switches "$1"); do
        _setting=$BRIDGE_SETTINGS/bridge-nf-call-${_switch##*_}
        [ "$(cat "$_switch" "$_setting" 2>/dev/null | tr -d '\n')" != 00 ] ||
            echo "frames between ports of $1 do not pass the rules: $_switch is 0"
    done
}

# bridge_limit: reports a kernel that cannot show such frames to the rules at all.
bridge_limit() {
    [ -e "$BRIDGE_SETTINGS" ] ||
        warn "this kernel has no br_netfilter: another container on newt's network would reach newt past the rules"
}

# load_bridge_filter: before Docker makes newt's network, which engines from 28 on refuse to do without it.
load_bridge_filter() {
    [ -e "$BRIDGE_SETTINGS" ] || ! have modprobe || limited "$TOOL_SECONDS" modprobe -q br_netfilter
}

# show_frames DIR: turns the own switches of newt's bridges on.
show_frames() {
    load_bridge_filter
    for _bridge in $(bridges "$1"); do show_frames_of "$_bridge"; done
}

show_frames_of() {
    _unseen=$(bridge_faults "$1" | joined)
    for _switch in $(bridge_switches "$1"); do
        [ "$(cat "$_switch")" = 1 ] || echo 1 >"$_switch" || complain "cannot write 1 to $_switch"
    done
    [ -z "$_unseen" ] || tell "repaired: $_unseen"
}
