# --- loading, reading back and clearing -------------------------------------------------------------------------------

# prepare DIR: makes the files that are loaded from the rules and the addresses of the names in them.
prepare() {
    if [ "$(value "$1" firewall)" = nftables ]; then
        expand "$1/resolved" "$1/rules.nft" >"$1/load.nft" && whole "$1/load.nft" "$1/rules.nft"
    else
        expand "$1/resolved" "$1/rules4" >"$1/load4" && whole "$1/load4" "$1/rules4" && cp "$1/rules6" "$1/load6"
    fi
}

# Rules that a full disk cut short would lack their end, where everything is dropped.
whole() { [ "$(tail -n 1 "$1")" = "$(tail -n 1 "$2")" ]; }

# load DIR [--test]: IPv6 first. With --test the kernel's own tools judge the files and nothing changes.
load() {
    if [ "$(value "$1" firewall)" = nftables ]; then
        if [ "${2:-}" = --test ]; then nft -c -f "$1/load.nft"; else nft -f "$1/load.nft"; fi
        return
    fi
    _input4=$(restore_input iptables "$(value "$1" table4)" "$(values "$1" jump4)" "$1/load4") || return 1
    if has_ipv6; then
        _input6=$(restore_input ip6tables mangle "$(values "$1" jump6)" "$1/load6") || return 1
        printf '%s\n' "$_input6" | restore ip6tables "${2:-}" || return 1
    fi
    printf '%s\n' "$_input4" | restore iptables "${2:-}"
}

# live DIR: what the kernel holds of ours, without counters, in an order of its own.
live() {
    if [ "$(value "$1" firewall)" = nftables ]; then
        # Elements of a set come in hash order, and the first and last share a line with the braces.
        # What is refused is remembered in sets that change by themselves, and says nothing about the rules.
        { nft -s list table inet "$TABLE" && { [ -z "$(value "$1" servicenetwork)" ] || nft -s list table bridge "$TABLE"; }; } 2>/dev/null |
            awk '/^\tset / { remembered = $2 ~ /^drops_/ }
                 remembered && /elements = / { leaving_out = 1 }
                 leaving_out { left_out++; if (/}/) leaving_out = 0; next }
                 /elements = / { inside = 1 }
                 inside { done = /}/; gsub(/elements = |[{},\t]|^ +| +$/, ""); print "element " $0; if (done) inside = 0; next }
                 { print "0 " (NR - left_out) " " $0 }' | sort
        return
    fi
    _table=$(value "$1" table4)
    listing iptables "$_table" "$EGRESS"
    listing iptables "$_table" "$INGRESS"
    has_ipv6 || return 0
    listing ip6tables mangle "$EGRESS"
    listing ip6tables mangle "$INGRESS"
}

# rule_faults DIR: what is wrong with the declared rules in the kernel, and with our jumps to them.
rule_faults() {
    [ "$(live "$1" | sha256sum)" = "$(cat "$1/live" 2>/dev/null)" ] || echo "the rules are not those that were loaded"
    jump_report "$1" | grep -v ': ok$'
}

# live_faults DIR: everything that is wrong in the kernel; nothing when the declared rules are in force, and no others.
live_faults() {
    rule_faults "$1"
    way_faults "$1"
    strays "$1" | sed 's/\([^ ]*\) \(.*\)/rules of newt-egress are also in \1, table \2/'
}

# faults DIR: the same, and what would go wrong later.
faults() {
    [ ! -e "$PENDING" ] || echo "a change was begun and not finished"
    live_faults "$1"
    for _bridge in $(bridges "$1"); do bridge_faults "$_bridge"; done
    persistence_faults "$(value "$1" persistence)"
    follower_faults "$1"
}

in_force() { [ -z "$(live_faults "$1")" ]; }

# note_live DIR: what the kernel shows right after loading. Another version of its tools may word it differently. Written
# over what is there, which is as long and needs no disk space.
note_live() { printf '%s\n' "$(live "$1" | sha256sum)" 1<>"$1/live"; }

# reload: loads CURRENT again, from disk as it is. Then removes all other rules of newt-egress: those that closed the bridge
# (drop_all), and those in the other backend of iptables. Needs no disk space.
reload() {
    [ "$(loadable "$CURRENT")" = "$(record loadable)" ] || { complain "$CURRENT was altered or is damaged"; return 1; }
    load "$CURRENT" || return 1
    [ -z "$(rule_faults "$CURRENT")" ] || { note_live "$CURRENT" && [ -z "$(rule_faults "$CURRENT")" ]; } || return 1
    [ -z "$(way_faults "$CURRENT")" ] || return 1
    clear_rules "$CURRENT"
}

# close_bridge REASON: the last resort where the rules of CURRENT cannot be in force. The next refresh tries again.
close_bridge() {
    tell "$1: nothing crosses $(one_line "$(bridges "$CURRENT")")"
    drop_all "$CURRENT"
}

# repair: restores the rules, or cuts newt off. Waits for no disk space, no resolver and no Docker.
repair() {
    _faults=$(live_faults "$CURRENT" | joined)
    [ -n "$_faults" ] || return 0
    if reload; then
        tell "repaired: $_faults"
    else
        close_bridge "the rules cannot be put in force ($_faults)" || tell "newt cannot be confined: see newt-egress status"
        return 1
    fi
}

# clear_rules [KEEP-DIR]: removes every arrangement of ours but the one that KEEP-DIR declares.
clear_rules() {
    strays "$@" | while read -r _tool _table; do
        case $_tool in
            nft) nft delete table "${_table%/*}" "$TABLE" ;;
            *) clear_iptables "$_tool" "$_table" ;;
        esac || exit 1
    done
}

# drop_all DIR: nothing crosses newt's bridge. The last resort, with whichever tool works. No here-documents: some shells
# write them to the disk.
drop_all() {
    _bridges=$(bridges "$1")
    [ -n "$_bridges" ] || return 1
    _closed='counter drop comment "newt: no good rules"'
    echo "table inet $TABLE
delete table inet $TABLE
table inet $TABLE {
	chain prerouting {
		type filter hook prerouting priority mangle; policy accept;
$(for _bridge in $_bridges; do echo "		iifname \"$_bridge\" $_closed"; done)
	}
	chain postrouting {
		type filter hook postrouting priority mangle; policy accept;
$(for _bridge in $_bridges; do echo "		oifname \"$_bridge\" $_closed"; done)
	}
}" | nft -f - 2>/dev/null && return 0
    _families=iptables
    ! has_ipv6 || _families="ip6tables iptables"
    for _family in $_families; do
        _edits=$(hook_edits "$_family" mangle "$(for _bridge in $_bridges; do
            echo "PREROUTING -i $_bridge -j $EGRESS"
            echo "POSTROUTING -o $_bridge -j $INGRESS"
        done)") || return 1
        echo "*mangle
:$EGRESS - [0:0]
:$INGRESS - [0:0]
-A $EGRESS -j DROP
-A $INGRESS -j DROP
$_edits
COMMIT" | restore "$_family" 2>/dev/null || return 1
    done
}
