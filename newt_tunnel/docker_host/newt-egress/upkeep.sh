# --- upkeep: refresh, boot, and newt's start --------------------------------------------------------------------------

# refresh: the rules first, because nothing may delay them; then the names; Docker last, without the lock.
refresh() {
    lock
    guarded || return 0
    _status=0
    if repair; then retire_former || _status=1; else _status=1; fi
    show_frames "$CURRENT"
    refresh_names || _status=1
    note_refresh
    rm -rf "$NEXT" # now: the next process that has the lock makes its own
    trap - EXIT
    unlock
    stop_if_held
    [ "$(restarts)" = docker ] || start
    refresh_services || _status=1
    return "$_status"
}

# refresh_names: a full disk, or a refused answer that no good one came before, leaves the rules as they are. Another
# refused answer leaves that name as it was.
refresh_names() {
    if [ -n "$(value "$CURRENT" name)" ]; then
        trap 'rm -rf "$NEXT"' EXIT
        rm -rf "$NEXT"
        cp -R "$CURRENT" "$NEXT" && mkdir "$WORK" || { names_stay "cannot write to $STATE (disk full?)"; return 1; }
        _said=$(resolve_names keep 2>&1 && known_containers >>"$NEXT/resolved") || {
            _said=$(echo "$_said" | tail -n 1)
            names_stay "${_said:-cannot write to $STATE (disk full?)}"
            return 1
        }
        echo "$_said" | sed -n '/^warning: /p'
        cmp -s "$NEXT/resolved" "$CURRENT/resolved" || use_names || return 1
        _kept=$(echo "$_said" | sed -n "s/^warning: \(.*\); $KEPT\$/\1/p" | joined)
        [ -z "$_kept" ] || { names_stay "$_kept; the other names are refreshed"; return 1; }
    fi
    rm -f "$UNRESOLVED"
}

# use_names: rules with the new addresses, in place of CURRENT.
use_names() {
    prepare "$NEXT" && write_record "$(record generation)" && load "$NEXT" --test || {
        names_stay "cannot write to $STATE (disk full?), or the rules were refused by the firewall's own tools"
        return 1
    }
    load "$NEXT" && note_live "$NEXT" && swap || {
        recover
        names_stay "the rules with the new addresses could not be put in force"
        repair
        return 1
    }
    tell "names changed: $(tr '\n' ',' <"$CURRENT/resolved")"
}

# names_stay REASON: for the system log, and for status.
names_stay() {
    tell "host names are not refreshed, the rules keep the addresses that they have: $1"
    echo "$1" >"$UNRESOLVED"
}

tell() {
    say "$*"
    ! have logger || logger -t newt-egress -- "${INSTANCE:+$INSTANCE: }$*" 2>/dev/null || :
}

# restarts: which program starts newt at boot: Docker, where the rules are certain to come first; else this one, after them.
restarts() {
    case $(value "$CURRENT" persistence) in systemd | netfilter-persistent) echo docker ;; *) echo newt-egress ;; esac
}

boot() {
    lock
    guarded || return 0
    _loaded=yes
    reload || {
        _loaded=
        close_bridge "the last good rules do not load" || fail "newt cannot be confined: Docker must not start it"
    }
    note_refresh
    unlock
    [ -z "$_loaded" ] || [ "$(restarts)" = docker ] || { await_docker && start; }
}

await_docker() {
    _until=$(($(uptime_seconds) + LOCK_SECONDS))
    until docker_answers; do
        [ "$(uptime_seconds)" -lt "$_until" ] || fail "Docker does not answer: newt is not started"
        sleep 1
    done
}

# gate: checks without the lock first: a process that has it must not keep Docker from starting where the rules are good.
gate() {
    guarded && in_force "$CURRENT" && return
    (lock && { ! guarded || in_force "$CURRENT"; }) || boot
}

start() {
    guarded || fail "no rules are in force here: newt is not started"
    _container=$(value "$CURRENT" container)
    [ ! -e "$HELD" ] || { say "newt is held: the proof found the cage open"; return 0; }
    _said=$(docker container inspect -f '{{.State.Running}}' "$_container" 2>&1)
    case $_said in
        true | *"No such container"*) return 0 ;;
        false) ;;
        *) fail "Docker does not answer, newt is not started: $(said "$_said")" ;;
    esac
    in_force "$CURRENT" || fail "the rules are not in force: newt is not started"
    in_cage "$_container" || fail "container $_container is not on the guarded bridge alone: newt is not started"
    show_frames "$CURRENT"
    limited "$STOP_SECONDS" docker start "$_container" >/dev/null || fail "newt could not be started"
    tell "newt started"
    # It is behind another port of the bridge than before.
    refresh_services
}

# hold: a link needs neither disk space nor an inode.
hold() {
    guarded || fail "no rules are in force here"
    [ -e "$HELD" ] || { true >"$HELD"; } 2>/dev/null || ln "$CURRENT/record" "$HELD" || complain "cannot record in $STATE that newt is held"
    _said=$(limited "$STOP_SECONDS" docker stop "$(value "$CURRENT" container)" 2>&1) || case $_said in
        *"No such container"*) ;;
        *) fail "newt could not be stopped: $(one_line "${_said:-no answer within $STOP_SECONDS s}")" ;;
    esac
    tell "newt is stopped: the cage is open"
}

# stop_if_held: others may have started or replaced its container.
stop_if_held() {
    [ -e "$HELD" ] || return 0
    newt_runs "$(value "$CURRENT" container)" || return 0
    tell "newt is held and was running: it was started without newt-egress"
    hold
}

release() {
    rm -f "$HELD"
    start
}
