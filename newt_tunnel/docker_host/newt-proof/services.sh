# --- containers on newt's network of services -------------------------------------------------------------------------

# note_containers: fills WORK/containers with "ADDRESS PID NAME" of each that runs there but newt.
note_containers() {
    : >"$WORK/containers"
    _network=$(declared servicenetwork)
    [ -n "$_network" ] || return 0
    for _id in $(docker ps -q --filter "network=$_network"); do
        docker container inspect -f "{{with index .NetworkSettings.Networks \"$_network\"}}{{.IPAddress}}{{end}} {{.State.Pid}} {{.Name}}" "$_id" 2>/dev/null
    done | awk -v newt="$(declared servicenewt)" '/^[0-9]/ && $1 != newt { sub(/\//, "", $3); print $1, $2, $3 }' >"$WORK/containers"
}

# listening PID: TCP ports on which a process accepts connections from others.
listening() {
    awk 'function number(text, i, n) { for (i = 1; i <= length(text); i++) n = n * 16 + index("0123456789ABCDEF", substr(text, i, 1)) - 1; return n }
        $4 == "0A" { split($2, end, ":"); if (end[1] !~ /^[0-9A-F]*7F$/ && end[1] !~ /^0+1000000$/) print number(end[2]) }' \
        "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null | sort -un
}

# canaries: probes of every port that answers on that network; those that a rule allows are left out later. No entry has a
# name with a colon.
canaries() {
    while read -r _address _pid _name; do
        for _port in $(listening "$_pid" | head -n "$PORTS_EACH"); do
            echo "block tcp $_address $_port container:$_name"
        done
    done <"$WORK/containers"
}

# control ADDRESS: what enters the network from which the control tries an address: that of the container itself, because
# the rules close the network to this host, too; nothing for other addresses.
control() { awk -v address="$1" '$1 == address { print "nsenter -t " $2 " -n"; exit }' "$WORK/containers"; }
