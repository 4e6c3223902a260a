# --- the blog post's script, where it was before ----------------------------------------------------------------------

# former_jumps [IPTABLES]: those of the blog post's script, which calls its chain as we do, in the filter table, and tells newt by
# its address. None where the chain there is ours: our rules carry names.
former_jumps() {
    have "${1:-iptables}" || return 0
    ! listing "${1:-iptables}" filter "$EGRESS" | grep -q -F -e '--comment "newt: ' || return 0
    listing "${1:-iptables}" filter DOCKER-USER | grep -E -e "^-A DOCKER-USER -s [0-9./]+ -j $EGRESS\$"
}

# newts_former_jump DIR: the one for the newt that DIR declares.
newts_former_jump() { echo "-A DOCKER-USER -s $(value "$1" newt)/32 -j $EGRESS"; }

# others_former_jumps DIR: the sources of the rest.
others_former_jumps() { former_jumps | grep -v -x -F -e "$(newts_former_jump "$1")" | sed 's/.* -s //; s/ -j .*//'; }

# former_remarks DIR: what the script's rules, if there are any, mean beside the cage that DIR declares.
former_remarks() {
    ! former_jumps | grep -q -x -F -e "$(newts_former_jump "$1")" ||
        say "the rules of the blog post's script stand beside these, and newt reaches only what both allow: stop whatever loads them at boot, then newt-egress adopt"
    _others=$(others_former_jumps "$1")
    [ -z "$_others" ] || say "the rules of the blog post's script confine somebody else, $(one_line "$_others"): they are left alone"
}

# clear_former: removes what the script left for newt. Where its chain also confines others, only newt's jump.
clear_former() {
    _jumps=$(former_jumps | grep -x -F -e "$(newts_former_jump "$CURRENT")")
    [ -n "$_jumps" ] || return 0
    {
        echo "*filter"
        echo "$_jumps" | sed 's/^-A/-D/'
        [ -n "$(others_former_jumps "$CURRENT")" ] || printf -- '-F %s\n-X %s\n' "$EGRESS" "$EGRESS"
        echo COMMIT
    } | restore iptables || return 1
    say "removed the rules of the blog post's script: these stand in their place"
    for _file in /etc/iptables/rules.v4 /etc/sysconfig/iptables; do
        ! grep -q -s -e "$EGRESS" "$_file" || warn "$_file brings them back at boot: take the lines with $EGRESS out of it"
    done
}

# check_former DIR: in one arrangement our chain takes the place of the script's, which may confine another newt.
check_former() {
    [ "$(value "$1" table4)" = filter ] || return 0
    _others=$(others_former_jumps "$1")
    [ -z "$_others" ] || fail "chain $EGRESS of the filter table is the blog post's script's and confines $(one_line "$_others"): set docker.hook to prerouting"
}
