# --- what the blog post's script left ---------------------------------------------------------------------------------

SCRIPTS_CHAIN=NEWT-EGRESS # in the filter table

# former_jumps [IPTABLES]: the jumps of the blog post's script, which matches newt by its address. None where the chain is
# that of a newt without a name, whose rules carry names.
former_jumps() {
    have "${1:-iptables}" || return 0
    ! listing "${1:-iptables}" filter "$SCRIPTS_CHAIN" | grep -q -F -e '--comment "newt: ' || return 0
    listing "${1:-iptables}" filter DOCKER-USER | grep -E -e "^-A DOCKER-USER -s [0-9./]+ -j $SCRIPTS_CHAIN\$"
}

# newts_former_jump DIR: the one for the newt that DIR declares.
newts_former_jump() { echo "-A DOCKER-USER -s $(value "$1" newt)/32 -j $SCRIPTS_CHAIN"; }

# others_former_jumps DIR: the sources of the rest.
others_former_jumps() { former_jumps | grep -v -x -F -e "$(newts_former_jump "$1")" | sed 's/.* -s //; s/ -j .*//'; }

# former_remarks DIR: what rules of the script mean for the cage that DIR declares; nothing where there are none.
former_remarks() {
    ! former_jumps | grep -q -x -F -e "$(newts_former_jump "$1")" ||
        say "the rules of the blog post's script are still in force, and newt reaches only what both allow: disable what loads them at boot, then run newt-egress adopt"
    _others=$(others_former_jumps "$1")
    [ -z "$_others" ] || say "the rules of the blog post's script also confine $(one_line "$_others"): they are left alone"
}

# clear_former: removes what the script left for newt. Where its chain also confines others, only newt's jump.
clear_former() {
    _jumps=$(former_jumps | grep -x -F -e "$(newts_former_jump "$CURRENT")")
    [ -n "$_jumps" ] || return 0
    {
        echo "*filter"
        echo "$_jumps" | sed 's/^-A/-D/'
        [ -n "$(others_former_jumps "$CURRENT")" ] || printf -- '-F %s\n-X %s\n' "$SCRIPTS_CHAIN" "$SCRIPTS_CHAIN"
        echo COMMIT
    } | restore iptables || return 1
    say "removed the rules of the blog post's script: these replace them"
    for _file in /etc/iptables/rules.v4 /etc/sysconfig/iptables; do
        ! grep -q -s -e "$SCRIPTS_CHAIN" "$_file" || warn "$_file restores them at boot: remove the lines with $SCRIPTS_CHAIN from it"
    done
}
