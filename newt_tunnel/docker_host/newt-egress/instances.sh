# --- instances: several newts on one host -----------------------------------------------------------------------------

# use INSTANCE: from here on everything is about that newt. The empty name is the one newt of a host that a former release
# has set up, in names of its own; its stack's next update takes it over.
use() {
    INSTANCE=$1
    STATE=$ROOT${1:+/instances/$1}
    CURRENT=$STATE/current            # the declaration in force, its rules, and the last good answers of the resolvers
    NEXT=$STATE/next                  # being prepared; becomes CURRENT by a rename, which needs no disk space
    PREVIOUS=$STATE/previous          # CURRENT, aside for the moment between the two renames
    WORK=$NEXT/work                   # scratch of one run
    PENDING=$STATE/pending            # exists while rules are being changed: found later, it means a half-applied change
    HELD=$STATE/held                  # newt was stopped because the cage was open, and stays stopped
    CONFIRMED=$STATE/confirmed        # hash of the declaration that the deploying side is known to have recorded
    PROVED=$STATE/proof               # the table of the last proof, as newt-proof left it
    SEED=$STATE/credentials.seed      # revision and salted hash of newt's credentials
    RUNS="$PROGRAM${1:+ --instance $1}"
    NEW_PROGRAM=$PROGRAM${1:+@$1}.new

    EGRESS=NEWT-EGRESS${1:+-$1}
    INGRESS=NEWT-INGRESS${1:+-$1}
    TABLE=newt_guard${1:+_$1}         # nftables

    _at=${1:+@$1}
    LOCK=/run/newt-egress$_at.lock
    REFRESHED=/run/newt-egress$_at.refreshed    # when the rules were looked at last, in seconds since boot
    UNRESOLVED=/run/newt-egress$_at.unresolved  # exists while host names cannot be refreshed, and says why
    UNIT=/etc/systemd/system/newt-egress$_at.service
    REFRESH_UNIT=/etc/systemd/system/newt-egress-refresh$_at.service
    FOLLOWER=/etc/systemd/system/newt-egress-follow$_at.service
    TIMER=/etc/systemd/system/newt-egress-refresh$_at.timer
    DOCKER_DROP_IN=/etc/systemd/system/docker.service.d/newt-egress$_at.conf
    ENABLED="/etc/systemd/system/multi-user.target.wants/${UNIT##*/} /etc/systemd/system/timers.target.wants/${TIMER##*/}"
    CRON_FILE=/etc/cron.d/newt-egress${1:+-$1} # cron passes over names with other signs
    NETFILTER_PLUGIN=/usr/share/netfilter-persistent/plugins.d/40-newt-egress${1:+-$1}
}

is_instance() { printf '%s\n' "$1" | grep -q -x -E -e '[a-z][a-z0-9-]{0,14}'; }

# guarded: older programs are kept out by a declaration in their place, which is none.
guarded() { [ -d "$CURRENT" ] && [ ! -e "$CURRENT/barrier" ]; }

# instances: the newts of this host, one a line; "-" is the one without a name.
instances() {
    for _folder in "$ROOT"/current "$ROOT"/previous "$INSTANCES"/*/current "$INSTANCES"/*/previous; do
        [ -d "$_folder" ] && [ ! -e "$_folder/barrier" ] || continue
        _folder=${_folder%/*}
        [ "$_folder" != "$ROOT" ] || _folder=-
        echo "${_folder##*/}"
    done | sort -u
}

several() { [ "$(printf '%s\n' "$1" | wc -l)" -gt 1 ]; }

# the_one NAME: the newt that a command is about, which needs no name where it is the only one.
the_one() {
    _among=${1:-$(instances)}
    ! several "$_among" ||
        fail "several newts are on this host: newt-egress --instance NAME $COMMAND, and NAME is one of $(one_line "$_among")"
    use "${_among#-}"
}

# each NAME COMMAND: the command for the newt of that name; without a name for every newt of the host.
each() {
    _among=${1:-$(instances)} _worst=0
    shift
    for _name in ${_among:--}; do
        (use "${_name#-}" && "$@") || _worst=1
    done
    return "$_worst"
}

# --- beside the others ------------------------------------------------------------------------------------------------

# others: the other newts of this host, and those whose first rules were loaded by an apply that was cut off.
others() {
    {
        instances
        for _folder in "$INSTANCES"/*/pending; do
            [ ! -e "$_folder" ] || { _folder=${_folder%/*}; echo "${_folder##*/}"; }
        done
    } | sort -u | grep -v -x -e "${INSTANCE:--}"
}

# folder_of INSTANCE: where its declaration is.
folder_of() {
    (
        use "${1#-}"
        for _folder in "$CURRENT" "$PREVIOUS" "$NEXT"; do
            [ ! -d "$_folder" ] || { echo "$_folder"; return; }
        done
    )
}

# check_others DIR: the newt that DIR declares must not take what belongs to another one of this host.
check_others() {
    _mine=$(value "$1" owner)
    for _other in $(others); do
        _theirs=$(folder_of "$_other")
        [ -n "$_theirs" ] || continue
        if of_another "$_theirs" "$_mine"; then
            _owner=$(value "$_theirs" owner)
            [ "$_other" != - ] ||
                fail "this host is guarded by stack $_owner as a former release did it, which allows no other newt: run pulumi up of $_owner with this release, then again of $_mine; nothing was changed"
            _conflicts=$(conflicts "$1" "$_theirs" | joined)
            [ -z "$_conflicts" ] ||
                fail "the newt of stack $_mine cannot be on this host beside that of stack $_owner: $_conflicts; that is for the stack file of $_mine; nothing was changed"
        elif [ -z "$(value "$_theirs" owner)" ]; then
            continue # damaged: it claims nothing, and keeps nobody else from being updated
        elif [ "$_other" != - ]; then
            fail "stack $_mine has a newt on this host as docker.instance $_other: write that again, or pulumi destroy first; nothing was changed"
        else
            for _key in network container; do
                [ "$(value "$1" "$_key")" = "$(value "$_theirs" "$_key")" ] ||
                    fail "docker.instance would give newt's $_key another name: leave it out, or pulumi destroy first; nothing was changed"
            done
        fi
    done
}

# conflicts DIR OTHER-DIR: what both claim, with a value that is free.
conflicts() {
    _taken=
    for _key in network container; do
        [ "$(value "$1" "$_key")" != "$(value "$2" "$_key")" ] || _taken="$_taken and $_key $(value "$1" "$_key")"
    done
    if [ -n "$_taken" ]; then
        echo "both want ${_taken# and }: write docker.instance: $(free_instance)"
    elif [ "$(value "$1" bridge)" = "$(value "$2" bridge)" ]; then
        echo "docker.bridge $(value "$1" bridge) is that of both: write docker.bridge: $(free_bridge)"
    fi
    ! overlap "$(value "$1" subnet)" "$(value "$2" subnet)" ||
        echo "docker.subnet $(value "$1" subnet) overlaps with $(value "$2" subnet): write docker.subnet: $(free_subnet)"
}

free_instance() {
    _free=$INSTANCE _n=2
    while [ -d "$INSTANCES/$_free/current" ]; do
        _free=$(echo "$INSTANCE" | cut -c 1-12)-$_n _n=$((_n + 1))
    done
    echo "$_free"
}

free_bridge() {
    _n=2
    while ip link show dev "br-newt$_n" >/dev/null 2>&1 || grep -q -s -x -e "bridge=br-newt$_n" "$INSTANCES"/*/*/declaration; do
        _n=$((_n + 1))
    done
    echo "br-newt$_n"
}

free_subnet() {
    _used=$(
        ip -4 route show | awk '$1 ~ /^[0-9]/ { print $1 }'
        for _each in $(others); do value "$(folder_of "$_each")" subnet; done
    )
    _n=0
    while [ "$_n" -lt 256 ]; do
        _free=172.30.$_n.0/24
        _n=$((_n + 1))
        for _each in $_used; do ! overlap "$_each" "$_free" || continue 2; done
        echo "$_free"
        return
    done
}

# install_program: unless another newt of this host needs a newer one.
install_program() {
    _installed=$(sed -n 's/^VERSION=//p' "$PROGRAM" 2>/dev/null | head -n 1)
    if [ "${_installed:-0}" -gt "$VERSION" ] && [ -n "$(others)" ]; then
        rm -f "$NEW_PROGRAM"
    else
        mv "$NEW_PROGRAM" "$PROGRAM"
    fi
}

# --- the newt without a name, and its take-over -----------------------------------------------------------------------

# takes_over DIR: whether the stack that DIR declares has the newt without a name.
takes_over() { [ -n "$INSTANCE" ] && [ -n "$(former_folder "$1")" ]; }

# former_folder DIR: the declaration of that newt.
former_folder() { (_owner=$(value "$1" owner); use ""; ! guarded || of_another "$CURRENT" "$_owner" || echo "$CURRENT"); }

# replaced DIR: the declaration that the one in DIR replaces: the former of its instance, or that of the newt without a name.
replaced() {
    if guarded; then echo "$CURRENT"; elif [ -n "$INSTANCE" ]; then former_folder "$1"; fi
}

# What it leaves to the newt that takes it over; its credentials stay where they are mounted.
INHERITED="held credentials.seed proof"

inherit() {
    for _file in $INHERITED; do
        [ ! -e "$ROOT/$_file" ] || cp "$ROOT/$_file" "$STATE/$_file" || return 1
    done
}

# disinherit: after a take-over that did not happen.
disinherit() { guarded || for _file in $INHERITED; do rm -f "$STATE/$_file"; done; }

# prepare_barrier: programs of former releases leave alone what they take for the newt of another stack.
prepare_barrier() {
    [ ! -e "$ROOT/current/barrier" ] || return 0
    mkdir -p "$ROOT/barrier" && true >"$ROOT/barrier/barrier" &&
        echo "owner=(several: a newer newt-tunnel is needed here)" >"$ROOT/barrier/declaration"
}

# place_barrier: and clears away what was there before it.
place_barrier() {
    [ -e "$ROOT/current" ] || mv "$ROOT/barrier" "$ROOT/current" || return 1
    [ -e "$ROOT/current/barrier" ] || return 0
    for _file in $INHERITED confirmed pending; do rm -f "$ROOT/$_file" || return 1; done
    rm -rf "$ROOT/retired" "$ROOT/next" "$ROOT/previous"
}

# retire: removes the cage without a name once its newt is in this one, whose rules are in force.
retire() {
    ! takes_over "$CURRENT" || (
        use ""
        remove_all_persistence && clear_rules && mv "$CURRENT" "$ROOT/retired" && rm -f "$REFRESHED" "$UNRESOLVED"
    ) || return 1
    place_barrier
}

# retire_former: what an interrupted take-over has left.
retire_former() {
    takes_over "$CURRENT" || return 0
    lock_former
    prepare_barrier && retire || { complain "the cage of the former release could not be removed; both are in force"; return 1; }
    exec 8>&-
}
