# --- persistence ------------------------------------------------------------------------------------------------------

# persistence_files KIND: the files of a kind; persistence_text FILE: the content of one.
persistence_files() {
    case $1 in
        systemd) echo "$UNIT $REFRESH_UNIT $TIMER $DOCKER_DROP_IN" ;;
        cron) echo "$CRON_FILE" ;;
        netfilter-persistent) echo "$NETFILTER_PLUGIN $CRON_FILE" ;;
    esac
}

persistence_text() {
    case $1 in
        "$UNIT") echo "# Written by newt-egress.
[Unit]
Description=Firewall of newt${INSTANCE:+ $INSTANCE}, before Docker starts
DefaultDependencies=no
After=local-fs.target netfilter-persistent.service nftables.service
Before=network-pre.target docker.service
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$RUNS boot

[Install]
WantedBy=multi-user.target" ;;
        "$DOCKER_DROP_IN") echo "# Written by newt-egress. Wants, not Requires: stopping the guard must never stop Docker. The gate refuses to start
# Docker only when newt could not be confined at all.
[Unit]
Wants=${UNIT##*/}
After=${UNIT##*/}

[Service]
ExecStartPre=$RUNS gate" ;;
        "$REFRESH_UNIT") echo "# Written by newt-egress.
[Unit]
Description=Resolve the host names in newt's firewall again
After=${UNIT##*/}

[Service]
Type=oneshot
ExecStart=$RUNS refresh" ;;
        "$TIMER") echo "# Written by newt-egress.
[Unit]
Description=Refresh newt's firewall every $REFRESH_MINUTES minutes

[Timer]
OnBootSec=1min
OnUnitActiveSec=${REFRESH_MINUTES}min
# Else systemd may put it off by another minute.
AccuracySec=1s

[Install]
WantedBy=timers.target" ;;
        "$FOLLOWER") echo "# Written by newt-egress.
[Unit]
Description=Follow the containers that newt may reach
After=${UNIT##*/} docker.service

[Service]
ExecStart=$RUNS follow
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target" ;;
        "$CRON_FILE") echo "# Written by newt-egress.
@reboot root $RUNS boot
*/$REFRESH_MINUTES * * * * root $RUNS refresh >/dev/null" ;;
        "$NETFILTER_PLUGIN") echo "#!/bin/sh
# Written by newt-egress: runs after the plugins that restore whole tables, and saves nothing.
case \"\$1\" in start|restart|reload) exec $RUNS boot ;; esac" ;;
    esac
}

systemd_runs() { [ -d /run/systemd/system ]; }

check_persistence() {
    case $1 in
        systemd)
            need systemctl "systemd, or set docker.persistence to cron or none"
            for _folder in /etc /usr/lib /lib; do [ -e "$_folder/systemd/system/docker.service" ] && return; done
            fail "docker.service not found, so the rules cannot be loaded before Docker: set docker.persistence to cron or none"
            ;;
        cron) check_cron "systemd or none" ;;
        netfilter-persistent)
            [ -d "${NETFILTER_PLUGIN%/*}" ] ||
                fail "${NETFILTER_PLUGIN%/*} not found: install netfilter-persistent, or set docker.persistence to systemd"
            check_cron systemd
            ;;
    esac
}

# check_cron OTHERS: what else docker.persistence may be.
check_cron() {
    [ -d /etc/cron.d ] || fail "/etc/cron.d not found: install cron, or set docker.persistence to $1"
    cron_runs || fail "no cron daemon that reads /etc/cron.d runs here: start cron or cronie (busybox's crond reads other folders), or set docker.persistence to $1"
}

# cron_runs: whether a cron daemon of this host, not of a container, runs whose program knows the folder.
cron_runs() {
    _here=$(readlink /proc/self/ns/pid)
    # shellcheck disable=SC2013 # paths without spaces
    for _comm in $(grep -l -s -x -e cron -e crond /proc/[0-9]*/comm); do
        _process=${_comm%/comm}
        [ "$(readlink "$_process/ns/pid")" = "$_here" ] || continue
        # busybox's grep finds nothing behind a NUL.
        tr -c ' -~' '\n' <"$_process/exe" 2>/dev/null | grep -q -F -e /etc/cron.d && return
    done
    return 1
}

written() { [ "$(cat "$1" 2>/dev/null)" = "$(persistence_text "$1")" ]; }

persistence_faults() {
    for _file in $(persistence_files "$1"); do
        written "$_file" || echo "$_file is missing or was edited"
    done
    case $1 in
        systemd)
            for _file in $ENABLED; do
                [ -L "$_file" ] || echo "$_file is missing"
            done
            _checked="systemctl status ${TIMER##*/}"
            ;;
        cron | netfilter-persistent)
            cron_runs || echo "no cron daemon that reads /etc/cron.d runs"
            _checked="whether cron runs ${CRON_FILE}"
            ;;
        *) return 0 ;;
    esac
    [ "$(since_refresh)" -le $((2 * 60 * REFRESH_MINUTES)) ] ||
        echo "no refresh has run for $(($(since_refresh) / 60)) min, and one is due every $REFRESH_MINUTES: check $_checked"
}

# note_refresh: records when the rules were checked: in seconds since boot, because clocks jump, and always of one length,
# which is written over the old value and needs no disk space.
note_refresh() { printf '%-12s\n' "$(uptime_seconds)" 1<>"$REFRESHED"; }

# since_refresh: seconds; since boot where there was none yet.
since_refresh() {
    _now=$(uptime_seconds)
    _then=$(sed -n '1s/ *$//p' "$REFRESHED" 2>/dev/null)
    [ "${_then:-0}" -le "$_now" ] 2>/dev/null || _then=0 # of another boot, or damaged
    echo $((_now - ${_then:-0}))
}

install_persistence() {
    for _file in $(persistence_files "$1"); do
        ! written "$_file" || continue # restoring the former files needs no disk space
        _mode=644
        [ "$_file" != "$NETFILTER_PLUGIN" ] || _mode=755
        # A dot keeps cron and systemd from reading it before it is whole.
        _new=${_file%/*}/.${_file##*/}.new
        mkdir -p "${_file%/*}" && persistence_text "$_file" >"$_new" && chmod "$_mode" "$_new" && mv "$_new" "$_file" || {
            rm -f "$_new"
            return 1
        }
    done
    [ "$1" = systemd ] || return 0
    systemctl enable --quiet "${UNIT##*/}" "${TIMER##*/}" || return 1
    if systemd_runs; then
        systemctl daemon-reload && systemctl start "${TIMER##*/}"
    else
        warn "systemd does not run here: its units take effect at the next boot"
    fi
}

# remove_persistence KIND [KEEP-KIND]
remove_persistence() {
    [ "$1" != "${2:-}" ] || return 0
    for _file in $(persistence_files "$1"); do
        case " $(persistence_files "${2:-}") " in *" $_file "*) ;; *) rm -f "$_file" || return 1 ;; esac
    done
    [ "$1" = systemd ] || return 0
    for _file in $ENABLED "$DOCKER_DROP_IN"; do
        rm -f "$_file" || return 1
        rmdir "${_file%/*}" 2>/dev/null # unless other files are there
    done
    systemd_runs && have systemctl || return 0
    # systemctl fails for a unit that it does not know; such a unit is gone already.
    systemctl stop "${TIMER##*/}" "${REFRESH_UNIT##*/}" "${UNIT##*/}" 2>/dev/null
    systemctl daemon-reload
}

# wants_follower DIR: whether containers are listed, and systemd runs what follows them.
wants_follower() { [ -n "$(value "$1" servicenetwork)" ] && [ "$(value "$1" persistence)" = systemd ]; }

install_follower() {
    wants_follower "$1" || { remove_follower; return; }
    written "$FOLLOWER" || { persistence_text "$FOLLOWER" >"$FOLLOWER.new" && mv "$FOLLOWER.new" "$FOLLOWER"; } || return 1
    systemctl enable --quiet "${FOLLOWER##*/}" || return 1
    ! systemd_runs || { systemctl daemon-reload && systemctl restart "${FOLLOWER##*/}"; }
}

remove_follower() {
    [ -e "$FOLLOWER" ] || return 0
    ! systemd_runs || systemctl stop "${FOLLOWER##*/}" 2>/dev/null
    rm -f "$FOLLOWER" "/etc/systemd/system/multi-user.target.wants/${FOLLOWER##*/}" || return 1
    ! systemd_runs || systemctl daemon-reload
}

# follower_faults DIR
follower_faults() {
    wants_follower "$1" || return 0
    written "$FOLLOWER" || echo "$FOLLOWER is missing or was edited"
    ! systemd_runs || systemctl is-active --quiet "${FOLLOWER##*/}" || echo "${FOLLOWER##*/} does not run: containers that are recreated stay closed for up to $REFRESH_MINUTES min"
}

remove_all_persistence() {
    remove_follower || return 1
    for _kind in systemd cron netfilter-persistent; do remove_persistence "$_kind" || return 1; done
}
