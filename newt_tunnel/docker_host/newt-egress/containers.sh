# --- containers that newt reaches by name, on its network of services -------------------------------------------------

# bridges DIR: newt's own, and that of its network of services where there is one.
bridges() { value "$1" bridge; value "$1" servicebridge; }

# attached NETWORK: the containers that run on it, tab-separated: address, name, number of their networks, process, image,
# Compose project and service. The last three are in JSON, because their text may be anything.
attached() {
    for _try in 1 2 3; do
        _ids=$(docker ps -q --no-trunc --filter "network=$1" 2>/dev/null) || return 1
        [ -n "$_ids" ] || return 0
        # A container that is gone between the two calls makes inspect fail.
        ! _found=$(inspect_attached "$1" "$_ids" 2>/dev/null) || { printf '%s\n' "$_found" | grep '^[0-9]' || :; return 0; }
    done
    return 1
}

# shellcheck disable=SC2086 # one argument per container
inspect_attached() {
    _tab='{{"\t"}}'
    docker container inspect -f "{{with index .NetworkSettings.Networks \"$1\"}}{{.IPAddress}}{{end}}$_tab{{.Name}}$_tab{{len .NetworkSettings.Networks}}$_tab{{.State.Pid}}$_tab\
{{json .Config.Image}}$_tab{{json (index .Config.Labels \"com.docker.compose.project\")}}$_tab{{json (index .Config.Labels \"com.docker.compose.service\")}}" $2
}

# of_container NAME: the lines of `attached` that a name of the stack file means.
of_container() {
    case $1 in
        */*) awk -F '\t' -v project="\"${1%%/*}\"" -v service="\"${1#*/}\"" '$6 == project && $7 == service' ;;
        *) awk -F '\t' -v name="/$1" '$2 == name' ;;
    esac
}

# port_of PID ADDRESS BRIDGE: the port of the bridge behind which a process has an address; nothing where it has none.
port_of() {
    _inside=$(limited "$TOOL_SECONDS" nsenter -t "$1" -n ip -4 -o addr show to "$2" 2>/dev/null | awk 'NR == 1 { print $2 }')
    [ -n "$_inside" ] || return 0
    _index=$(limited "$TOOL_SECONDS" nsenter -t "$1" -n ip -o link show dev "$_inside" 2>/dev/null | sed -n 's/^[0-9]*: [^ ]*@if\([0-9]*\):.*/\1/p')
    _port=$(ip -o link show | sed -n "s/^${_index:-none}: \\([^@: ]*\\)[@:].*/\\1/p")
    [ -z "$_port" ] || [ ! -e "/sys/class/net/$3/brif/$_port" ] || echo "$_port"
}

# look_up_containers DIR: prints "container:NAME ADDRESS PORT" lines, and one of newt. A container that is not there has none,
# and is closed; where newt is not there all are. Fails when Docker does not answer.
look_up_containers() {
    [ -n "$(value "$1" servicenetwork)" ] || return 0
    _there=$(attached "$(value "$1" servicenetwork)") || { complain "Docker does not list the containers on newt's network of services"; return 1; }
    _on=$(value "$1" servicebridge) _newt=$(value "$1" servicenewt)
    _port=$(port_of "$(printf '%s\n' "$_there" | of_container "$(value "$1" container)" | cut -f 4)" "$_newt" "$_on")
    [ -n "$_port" ] || return 0
    echo "services:newt $_newt $_port"
    for _name in $(values "$1" service); do
        printf '%s\n' "$_there" | of_container "$_name" | cut -f 1,4 | while read -r _address _process; do
            _port=$(port_of "$_process" "$_address" "$_on")
            [ -z "$_port" ] || echo "container:$_name $_address $_port"
        done
    done
}

# attach_containers DIR: puts the containers on the network that the stack file asks for (docker.services.attach), and that
# run elsewhere. Their other networks stay.
attach_containers() {
    [ -n "$(value "$1" attach)" ] || return 0
    _network=$(value "$1" servicenetwork)
    docker network inspect "$_network" >/dev/null 2>&1 || return 0
    for _name in $(values "$1" attach); do
        for _id in $(running "$_name"); do
            [ "$(docker container inspect -f "{{with index .NetworkSettings.Networks \"$_network\"}}there{{end}}" "$_id" 2>/dev/null)" != there ] || continue
            _said=$(docker network connect "$_network" "$_id" 2>&1) && tell "container $_name was put on $_network" ||
                tell "container $_name cannot be put on $_network: $(said "$_said")"
        done
    done
}

# of_service PROJECT/SERVICE [-a]: ids of the containers of a Compose service that run, or of all.
of_service() {
    docker ps -q --no-trunc ${2:+"$2"} --filter "label=com.docker.compose.project=${1%%/*}" --filter "label=com.docker.compose.service=${1#*/}"
}

# running NAME: ids of the containers that run and that a name of the stack file means.
running() {
    case $1 in
        */*) of_service "$1" ;;
        *) docker container inspect -f '{{if .State.Running}}{{.Name}} {{.Id}}{{end}}' "$1" | sed -n "s|^/$1 ||p" ;;
    esac 2>/dev/null
}

# known_containers: the addresses in force.
known_containers() { [ ! -f "$CURRENT/resolved" ] || sed -n -e '/^container:/p' -e '/^services:/p' "$CURRENT/resolved"; }

# refresh_services: Docker is asked without the lock of the rules, because a repair must not wait for it; another lock keeps
# an older answer from coming after a newer one.
refresh_services() {
    guarded && [ -n "$(value "$CURRENT" servicenetwork)" ] || return 0
    (
        exec 6>"$LOCK.services" || exit 1
        await 6
        attach_containers "$CURRENT"
        _found=$(look_up_containers "$CURRENT" 2>&1) || { names_stay "$(echo "$_found" | tail -n 1)"; exit 1; }
        [ "$_found" != "$(known_containers)" ] || exit 0
        lock
        ! guarded || use_containers "$_found"
    ) 8>&- 9>&-
}

# use_containers LINES: the rules with these addresses of containers. The names keep theirs.
use_containers() {
    [ "$(loadable "$CURRENT")" = "$(record loadable)" ] || { names_stay "$CURRENT was altered or is damaged"; return 1; }
    trap 'rm -rf "$NEXT"' EXIT
    rm -rf "$NEXT"
    cp -R "$CURRENT" "$NEXT" && mkdir "$WORK" && sed -e '/^container:/d' -e '/^services:/d' "$CURRENT/resolved" >"$NEXT/resolved" &&
        printf '%s\n' "$1" | sed '/^$/d' >>"$NEXT/resolved" || { names_stay "cannot write to $STATE (disk full?)"; return 1; }
    cmp -s "$NEXT/resolved" "$CURRENT/resolved" || use_names
}

# follow: changes the rules when containers come and go. Events are asked for from before the first look.
follow() {
    while guarded && [ -n "$(value "$CURRENT" servicenetwork)" ]; do
        _since=$(date +%s)
        refresh_services
        # Not limited: it waits for events.
        command docker events --since "$_since" --format '{{.Action}}' --filter type=network --filter type=container \
            --filter event=connect --filter event=disconnect --filter event=start --filter event=die --filter event=rename 2>/dev/null |
            while read -r _event; do refresh_services; done
        sleep 2 # Docker is gone, or not up yet
    done
}

# check_services DIR: what keeps containers from being reached, and reached alone. Before anything changes.
check_services() {
    _services=$(value "$1" servicenetwork)
    [ -n "$_services" ] || return 0
    need nsenter util-linux
    load_bridge_filter
    [ -e "$BRIDGE_SETTINGS" ] || fail "this kernel has no br_netfilter, so containers on one network cannot be kept apart: write \`host: $(value "$1" host)\` and the published port instead of \`container:\`"
    check_free "$1" servicenetwork servicebridge servicesubnet docker.services
    _there=$(attached "$_services" 2>/dev/null)
    for _name in $(values "$1" service); do
        [ "$_name" != "$(value "$1" container)" ] || fail "container: $_name is newt itself: write the container that newt shall reach"
        _lines=$(printf '%s\n' "$_there" | of_container "$_name")
        if [ -z "$_lines" ]; then
            absent_container "$_name" "$_services"
        elif printf '%s\n' "$_lines" | awk -F '\t' '$3 > 1 { exit 1 }'; then
            warn "container $_name is on $_services alone, which leads nowhere: it has no way to the Internet; give it its other network, too"
        fi
    done
}

# absent_container NAME NETWORK: says why NAME is not on the network. An error where it never can be.
absent_container() {
    case $1 in
        */*)
            [ -n "$(of_service "$1" -a 2>/dev/null)" ] ||
                { warn "container: $1: no such Compose service is here now; newt reaches it when it runs on $2"; return; }
            ;;
        *)
            _mode=$(docker container inspect -f '{{.HostConfig.NetworkMode}}' "$1" 2>/dev/null) || { unknown_container "$1" "$2"; return; }
            case $_mode in
                host) fail "container: $1 is on the host's own network: write \`host:\` with docker.address and its port instead" ;;
                none | container:*) fail "container: $1 has no network of its own ($_mode): remove its network_mode, so that it can join $2" ;;
            esac
            ;;
    esac
    warn "container: $1 does not run on $2 now: add that network to its compose file, or run docker network connect $2 NAME"
}

# unknown_container NAME NETWORK: no container has this name; a Compose service may.
unknown_container() {
    _projects=$(docker ps -a --filter "label=com.docker.compose.service=$1" --format '{{.Label "com.docker.compose.project"}}' 2>/dev/null | sort -u)
    case $(printf '%s\n' "$_projects" | grep -c .) in
        0) warn "container: $1: no such container is here now; newt reaches it when it runs on $2" ;;
        1) warn "container: no container is called $1, and the Compose service $1 is: write $_projects/$1" ;;
        *) fail "container: $1 is a Compose service in several projects ($(one_line "$_projects")): write one as PROJECT/$1" ;;
    esac
}

# containers_report: where each entry leads now.
containers_report() {
    [ -n "$(value "$CURRENT" servicenetwork)" ] || return 0
    _there=$(attached "$(value "$CURRENT" servicenetwork)" 2>/dev/null)
    for _name in $(values "$CURRENT" service); do
        _lines=$(printf '%s\n' "$_there" | of_container "$_name")
        [ -n "$_lines" ] || { echo "$_name: not on $(value "$CURRENT" servicenetwork)"; continue; }
        printf '%s\n' "$_lines" | awk -F '\t' -v entry="$_name" '{
            gsub(/[^A-Za-z0-9._:\/@-]/, "", $5); gsub(/[^A-Za-z0-9_-]/, "", $6); sub(/^\//, "", $2)
            print entry ": " (entry == $2 ? "" : $2 " ") "at " $1 ", image " $5 ($6 == "" ? "" : ", project " $6) }'
    done
}

# empty NETWORK: before the network of services is removed, which Docker refuses while containers are on it. The rules may not
# name it any more.
empty() {
    guarded || return 0
    _network=$1
    [ "$_network" != "$(value "$CURRENT" network)" ] || fail "$_network is newt's own network"
    [ "$(docker network inspect -f "$MADE_BY" "$_network" 2>/dev/null)" = "$(value "$CURRENT" owner)" ] || return 0
    for _name in $(on_network "$_network"); do
        say "$_name leaves $_network"
        docker network disconnect -f "$_network" "$_name" || fail "$_name could not be taken off $_network"
    done
}
