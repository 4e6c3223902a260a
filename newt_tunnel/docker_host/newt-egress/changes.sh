# --- changes: apply and remove ----------------------------------------------------------------------------------------

# One lock for each newt, so that a name that does not resolve for one delays no repair of another's rules (9); one for the
# newt without a name while it is taken over (8); and one for all changes of what is declared here (7).
lock() {
    exec 9>"$LOCK" || exit 1
    await 9
    recover
}

unlock() { exec 9>&-; }

lock_changes() {
    exec 7>"$CHANGES_LOCK" || exit 1
    await 7
}

lock_former() {
    exec 8>"$(use "" && echo "$LOCK")" || exit 1
    await 8
}

# await LOCK
await() {
    need flock "util-linux or busybox"
    _waited=0
    until flock -n "$1"; do
        [ "$_waited" -lt "$LOCK_SECONDS" ] || fail "another newt-egress has been at work for $LOCK_SECONDS s: look for it with ps"
        _waited=$((_waited + 1))
        sleep 1
    done
}

# swap: makes NEXT CURRENT, which needs no disk space. recover: undoes a swap that was interrupted.
swap() {
    # A power cut may lose what is not on the disk yet, and the next boot needs it.
    sync "$NEXT"/* 2>/dev/null || sync
    rm -rf "$PREVIOUS" "$WORK" && { ! guarded || mv "$CURRENT" "$PREVIOUS"; } && mv "$NEXT" "$CURRENT" || return 1
    rm -rf "$PREVIOUS"
}

recover() { guarded || [ ! -d "$PREVIOUS" ] || mv "$PREVIOUS" "$CURRENT"; }

# check_owner DIR
check_owner() {
    ! of_another "$CURRENT" "$(value "$1" owner)" ||
        fail "docker.instance $INSTANCE of stack $(value "$1" owner) is that of stack $(value "$CURRENT" owner) on this host: write docker.instance: $(free_instance) into the stack file of the former, or choose another host; nothing was changed"
}

# check_way DIR: a cage that is open from the start is refused. One that opened under a newt is proved: see hold_if_open.
check_way() {
    _former=$(replaced "$1")
    [ -n "$_former" ] && [ "$(value "$_former" table4)" = "$(value "$1" table4)" ] && return
    _open=$(way_faults "$1")
    [ -z "$_open" ] || fail "$_open: nothing was changed"
}

# hold_if_open: where the way to the rules is open, newt does not run on until a proof finds the cage shut.
hold_if_open() {
    _open=$(way_faults "$CURRENT")
    [ -n "$_open" ] || return 0
    warn "$_open"
    hold
}

# give_up REASON: restores the rules and the persistence that were in force before, if there were any.
give_up() {
    recover
    if guarded; then
        load "$CURRENT" && clear_rules "$CURRENT" && install_persistence "$(value "$CURRENT" persistence)" &&
            remove_persistence "$(value "$NEXT" persistence)" "$(value "$CURRENT" persistence)"
    else
        clear_rules && remove_all_persistence && { [ -n "$(others)" ] || rm -f "$PROGRAM"; }
    fi || fail "$1; the state before this change could not be restored: see newt-egress status"
    rm -rf "$NEXT" "$PENDING"
    fail "$1; the state before this change is restored"
}

apply() {
    from='' generation='' dry_run=''
    while [ $# -gt 0 ]; do
        case $1 in
            --from) from=$2; shift ;;
            --generation) generation=$2; shift ;;
            --dry-run) dry_run=yes ;;
            *) fail "apply: unknown option $1" ;;
        esac
        shift
    done
    if [ -n "$from" ]; then use "$(value "$from" instance)"; else the_one "$NAMED"; from=$CURRENT; fi
    is_instance "$INSTANCE" || [ "$from" = "$CURRENT" ] || fail "apply: the declaration names no instance"
    : "${generation:=$(record generation)}"
    trap '' HUP PIPE # a connection that is lost now must not stop us half-way
    lock_changes
    lock
    [ -f "$from/declaration" ] || fail "apply: nothing is declared here yet; --from DIR names a declaration"
    check_tools "$from"
    check_owner "$from"
    check_others "$from"
    # Docker may hang, and a repair of the rules that are in force must not wait for it.
    unlock
    check_docker
    check_network "$from"
    check_services "$from"
    _containers=$(look_up_containers "$from") || exit 1
    lock
    taken_over=
    ! takes_over "$from" || { lock_former; guarded || taken_over=yes; }
    trap 'rm -rf "$NEXT" "$NEW_PROGRAM" "$ROOT/barrier"; [ -z "$taken_over" ] || disinherit; rmdir "$STATE" "$INSTANCES" "$ROOT" 2>/dev/null' EXIT
    mkdir -p "$STATE" && rm -rf "$NEXT" && cp -R "$from" "$NEXT" && mkdir "$WORK" || fail "cannot write to $STATE (disk full?): nothing was changed"
    for _folder in "$ROOT" "$INSTANCES" "$STATE" "${PROGRAM%/*}"; do
        is_roots "$_folder" || fail "users other than root may write to $_folder: chown root $_folder; chmod o-w $_folder"
    done

    check_persistence "$(value "$NEXT" persistence)"
    resolve_names || exit 1
    [ -z "$_containers" ] || printf '%s\n' "$_containers" >>"$NEXT/resolved" || fail "cannot write to $STATE (disk full?): nothing was changed"
    prepare "$NEXT" || fail "cannot write to $STATE (disk full?): nothing was changed"
    load "$NEXT" --test || fail "the rules were refused by the firewall's own tools: nothing was changed"
    check_way "$NEXT"
    if [ -n "$dry_run" ]; then
        cat "$NEXT"/load*
        say "dry run: nothing was changed"
        return
    fi
    # Everything that needs disk space is written before the first rule changes.
    write_record "$generation" && true >"$WORK/pending" && printf '%67s\n' '' >"$NEXT/live" &&
        cp "$NEXT/newt-egress" "$NEW_PROGRAM" && chmod 755 "$NEW_PROGRAM" &&
        prepare_barrier && { [ -z "$taken_over" ] || inherit; } ||
        fail "cannot write to $STATE or ${PROGRAM%/*} (disk full, read-only?): nothing was changed"

    stop_if_moved
    mv "$WORK/pending" "$PENDING" || fail "cannot write to $STATE: nothing was changed"
    load "$NEXT" || give_up "loading failed"
    note_live "$NEXT" || give_up "cannot write to $STATE"
    _faults=$(rule_faults "$NEXT")
    [ -z "$_faults" ] || give_up "the rules did not take effect: $_faults"
    show_frames "$NEXT"
    install_persistence "$(value "$NEXT" persistence)" || give_up "persistence could not be installed"
    _old_persistence=
    ! guarded || _old_persistence=$(value "$CURRENT" persistence)
    install_program || give_up "cannot write to $PROGRAM"
    swap || give_up "cannot write to $STATE"
    hold_if_open
    retire || fail "the cage of the former release could not be removed; both are in force"
    clear_rules "$CURRENT" || fail "a former arrangement could not be removed; both are in force"
    [ -z "$_old_persistence" ] || remove_persistence "$_old_persistence" "$(value "$CURRENT" persistence)" ||
        fail "the former persistence could not be removed"
    install_follower "$CURRENT" || fail "the service that follows containers could not be installed; the rules are in force"
    rm -f "$PENDING" "$UNRESOLVED"
    note_refresh
    clear_former || fail "the rules of the blog post's script could not be removed; both are in force"
    former_remarks "$CURRENT"
    bridge_limit
    say "in force: $(grep -c 'newt: ' "$CURRENT"/load* | awk -F: '{ n += $NF } END { print n }') rules on $(value "$CURRENT" bridge)"
}

# Another bridge or address means that newt's container is about to be replaced: it must not run without a cage meanwhile.
stop_if_moved() {
    _former=$(replaced "$NEXT")
    [ -n "$_former" ] || return 0
    for _key in bridge newt subnet servicebridge servicenewt servicesubnet servicenetwork; do
        [ "$(value "$_former" "$_key")" = "$(value "$NEXT" "$_key")" ] || {
            newt_runs "$(value "$_former" container)" || return 0
            say "$_key changes: newt is stopped until its network is replaced"
            limited "$STOP_SECONDS" docker stop "$(value "$_former" container)" >/dev/null || fail "newt could not be stopped: nothing was changed"
            return
        }
    done
}

remove() {
    owner=
    [ "${1:-}" != --owner ] || owner=$2
    trap '' HUP PIPE
    lock_changes
    lock
    _declared=$CURRENT
    guarded || _declared=$NEXT # a first apply that was killed half-way
    [ -d "$_declared" ] || { say "nothing to remove"; return; }
    [ -z "$owner" ] || ! of_another "$_declared" "$owner" ||
        fail "this host is guarded by stack $(value "$_declared" owner), not by $owner: nothing was changed"
    ! have docker || docker_answers || fail "Docker does not answer, so it is not known whether newt runs: start Docker first; nothing was changed"
    ! newt_runs "$(value "$_declared" container)" ||
        fail "newt is still running in container $(value "$_declared" container): stop it first, the cage is removed last"
    _others=$(on_network "$(value "$_declared" network)")
    [ -z "$_others" ] || fail "still on newt's network: $_others: remove them first, the cage is removed last"
    ! guarded || retire_former || exit 1
    remove_all_persistence || fail "persistence could not be removed; the rules are in force"
    clear_rules || fail "the rules could not be removed"
    ! guarded || rm -rf "$(own_folder)" || fail "cannot remove newt's credentials"
    rm -rf "$CURRENT" "$NEXT" "$PREVIOUS" "$PENDING" "$HELD" "$CONFIRMED" "$PROVED" "$SEED" \
        "$NEW_PROGRAM" "$REFRESHED" "$UNRESOLVED" || fail "cannot remove $STATE"
    [ -z "$INSTANCE" ] || rm -rf "$STATE" || fail "cannot remove $STATE"
    [ -n "$(others)" ] || rm -rf "$ROOT" "$PROGRAM" || fail "cannot remove $ROOT"
    say "removed"
}

confirm() { guarded && record hash >"$CONFIRMED"; }

adopt() {
    lock
    guarded || fail "no rules of newt-egress are on this host: the script's rules are the only ones, so they are kept"
    in_force "$CURRENT" || fail "the rules are not in force: the script's rules are kept until they are (see newt-egress status)"
    clear_former || fail "the rules of the script could not be removed; both are in force"
    former_remarks "$CURRENT"
}
