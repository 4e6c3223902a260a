# --- iptables ---------------------------------------------------------------------------------------------------------

has_ipv6() { [ -e /proc/net/if_inet6 ]; }
# listing IPTABLES TABLE [CHAIN [-v]]: rules as text.
listing() { limited "$TOOL_SECONDS" "$1" -w "$XTABLES_SECONDS" -t "$2" -S ${3:+"$3"} ${4:+"$4"} 2>/dev/null; }
restore() { limited "$TOOL_SECONDS" "$1-restore" -w "$XTABLES_SECONDS" --noflush ${2:+"$2"}; }
chains_of() { echo "$1" | awk '!seen[$1]++ { print $1 }'; }
of_chain() { echo "$1" | awk -v chain="$2" '$1 == chain { print "-A " $0 }'; }
ours() { grep -E -e "-j ($EGRESS|$INGRESS)\$"; }
# Jumps for other newts may be ahead of ours: each is about one bridge.
OTHERS=' -[io] [^ ]+ -j NEWT-(E|IN)GRESS(-[a-z0-9-]+)?$'

# hook_edits IPTABLES TABLE JUMPS: lines for iptables-restore that make our jumps first and single in their chains.
# -I in every load would duplicate them; checking first and editing in the same transaction leaves no window.
hook_edits() {
    for _chain in $(chains_of "$3"); do
        _rules=$(listing "$1" "$2" "$_chain") || {
            complain "$1 has no chain $_chain in table $2: $(missing_chain "$_chain")"
            return 1
        }
        wanted_and_present "$3" "$_chain" "$_rules" | awk -v ours=" -j ($EGRESS|$INGRESS)\$" -v others="$OTHERS" '
            /^wanted / { sub(/^wanted /, ""); wanted[++n] = $0; next }
            $0 ~ others && $0 !~ ours { next }
            { if (++at <= n && $0 != wanted[at]) displaced = 1 }
            $0 ~ ours { present[++m] = $0 }
            END {
                if (!displaced && at >= n && m == n) exit
                for (i = 1; i <= m; i++) { sub(/^-A/, "-D", present[i]); print present[i] }
                for (i = n; i; i--) { sub(/^-A [^ ]+/, "& 1", wanted[i]); sub(/^-A/, "-I", wanted[i]); print wanted[i] }
            }'
    done
}

# wanted_and_present JUMPS CHAIN LISTING: our jumps, marked, then the rules that are there.
wanted_and_present() {
    of_chain "$1" "$2" | sed 's/^/wanted /'
    printf '%s\n' "$3" | sed -n '/^-A/p'
}

missing_chain() {
    if [ "$1" = DOCKER-USER ]; then
        echo "restart Docker, which creates it; if it is still missing, set docker.hook to prerouting"
    else
        echo "the kernel lacks it"
    fi
}

# restore_input IPTABLES TABLE JUMPS FILE
restore_input() {
    _edits=$(hook_edits "$1" "$2" "$3") || return 1
    sed '/^COMMIT$/d' "$4"
    [ -z "$_edits" ] || echo "$_edits"
    echo COMMIT
}

# jump_report DIR: one line per jump, "ok" or what is wrong with it.
jump_report() {
    [ "$(value "$1" firewall)" = iptables ] || return 0
    jump_positions iptables "$(value "$1" table4)" "$(values "$1" jump4)"
    ! has_ipv6 || jump_positions ip6tables mangle "$(values "$1" jump6)"
}

jump_positions() {
    for _chain in $(chains_of "$3"); do
        wanted_and_present "$3" "$_chain" "$(listing "$1" "$2" "$_chain")" | awk -v table="$1 $2" -v ours=" -j ($EGRESS|$INGRESS)\$" -v others="$OTHERS" '
            /^wanted / { sub(/^wanted /, ""); wanted[++n] = $0; next }
            $0 ~ others && $0 !~ ours { next }
            { at++; count[$0]++; if (!($0 in place)) place[$0] = at }
            END {
                for (i = 1; i <= n; i++) {
                    jump = wanted[i]; verdict = "ok"
                    if (!count[jump]) verdict = "missing"
                    else if (count[jump] > 1) verdict = "there " count[jump] " times"
                    else if (place[jump] != i) verdict = "at rule " place[jump] " instead of " i
                    print table " " substr(jump, 4) ": " verdict
                }
            }'
    done
}

# way_faults DIR: whether packets still come to our jumps. With hook docker-user that is up to a jump of Docker's, which
# is Docker's to mend. Two looks: Docker may be moving it just now.
way_faults() {
    [ "$(value "$1" table4)" = filter ] || return 0
    leads_to_docker_user "$(value "$1" bridge)" || { sleep 1; leads_to_docker_user "$(value "$1" bridge)"; } ||
        echo "the cage is open: FORWARD does not lead to DOCKER-USER, and the jump is Docker's: restart Docker, or set docker.hook to prerouting"
}

# leads_to_docker_user BRIDGE: the jump is there, and nothing that accepts all of newt's packets is ahead of it.
leads_to_docker_user() {
    listing iptables filter FORWARD | awk -v ours="-A FORWARD -i $1 -j ACCEPT" '
        $0 == "-A FORWARD -j DOCKER-USER" { leads = 1; exit }
        $0 == "-A FORWARD -j ACCEPT" || $0 == ours { exit }
        END { exit !leads }'
}

# clear_iptables IPTABLES TABLE: our jumps and our chains, in one transaction.
clear_iptables() {
    _listing=$(listing "$1" "$2")
    {
        echo "*$2"
        echo "$_listing" | grep '^-A' | ours | sed 's/^-A/-D/'
        for _chain in "$EGRESS" "$INGRESS"; do
            echo "$_listing" | grep -q -x -e "-N $_chain" && printf -- '-F %s\n-X %s\n' "$_chain" "$_chain"
        done
        echo COMMIT
    } | restore "$1"
}

# backends iptables|ip6tables: the command, and that of the other backend (nf_tables, legacy) where this host has both.
backends() {
    have "$1" || return 0
    echo "$1"
    case $(limited "$TOOL_SECONDS" "$1" -V 2>/dev/null) in *nf_tables*) _other=$1-legacy ;; *) _other=$1-nft ;; esac
    ! have "$_other" || echo "$_other"
}

# has_ours IPTABLES TABLE: whether chains of ours are there. Looking with legacy's tool would make the table.
has_ours() {
    case $1 in *-legacy) grep -q -s -x "$2" "/proc/net/${1%tables-legacy}_tables_names" || return 1 ;; esac
    listing "$1" "$2" | grep -q -E -e "^-N ($EGRESS|$INGRESS)\$"
}

# has_nft FAMILY: whether a table of ours is there.
has_nft() { have nft && nft list table "$1" "$TABLE" 2>/dev/null | grep -q .; }

# strays [KEEP-DIR]: where rules of ours are, one "TOOL TABLE" a line, but for those that KEEP-DIR declares.
strays() {
    _keep=none
    [ $# -eq 0 ] || _keep=$(value "$1" firewall)$(value "$1" table4)
    [ "$_keep" = nftables ] || ! has_nft inet || echo "nft inet/$TABLE"
    { [ "$_keep" = nftables ] && [ -n "$(value "$1" servicenetwork)" ]; } || ! has_nft bridge || echo "nft bridge/$TABLE"
    for _iptables in $(backends iptables); do
        for _table in mangle filter; do
            [ "$_iptables$_table" != "$_keep" ] && has_ours "$_iptables" "$_table" || continue
            # The blog post's script calls its chain there as a former release of ours does.
            [ "$_table" = mangle ] || [ "$EGRESS" != "$SCRIPTS_CHAIN" ] || [ -z "$(former_jumps "$_iptables")" ] || continue
            echo "$_iptables $_table"
        done
    done
    has_ipv6 || return 0
    for _iptables in $(backends ip6tables); do
        case $_iptables/$_keep in ip6tables/iptables*) continue ;; esac
        ! has_ours "$_iptables" mangle || echo "$_iptables mangle"
    done
}
