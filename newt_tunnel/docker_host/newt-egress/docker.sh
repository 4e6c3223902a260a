# --- Docker -----------------------------------------------------------------------------------------------------------

# `with`: a network made without options or labels would say "<no value>".
BRIDGE_NAME='{{with .Options}}{{index . "com.docker.network.bridge.name"}}{{end}}'
MADE_BY='{{with .Labels}}{{index . "newt-tunnel.stack"}}{{end}}'

# as_user COMMAND: runs it as the user who deploys; under sudo that is not root.
as_user() {
    if [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ]; then limited "$DOCKER_SECONDS" sudo -n -u "$SUDO_USER" "$@"; else "$@"; fi
}

newt_runs() { [ "$(docker container inspect -f '{{.State.Running}}' "$1" 2>/dev/null)" = true ]; }
# newt_status CONTAINER: Docker's word for what it is doing, or absent; nothing when Docker does not answer.
newt_status() {
    _said=$(docker container inspect -f '{{.State.Status}}' "$1" 2>&1) && { echo "$_said"; return; }
    case $_said in *"o such container"*) echo absent ;; esac
}

# said OUTPUT: Docker's last line, or that there was none in time.
said() { [ -n "$1" ] && echo "$1" | tail -n 1 || echo "nothing within $DOCKER_SECONDS s"; }
docker_answers() { docker version -f '{{.Server.Version}}' >/dev/null 2>&1; }
bridge_of() { docker network inspect -f "$BRIDGE_NAME" "$1" 2>/dev/null; }

# newt_on_host: newt's user and group as this host knows them, UID:GID. With userns-remap Docker names its folder by the
# ids that a container's root has here, and newt's are NOBODY above them.
newt_on_host() {
    _said=$(docker info -f '{{.DockerRootDir}} {{.SecurityOptions}}' 2>&1) || fail "Docker does not answer: $(echo "$_said" | tail -n 1)"
    case $_said in *name=userns*) ;; *) echo "$NOBODY:$NOBODY"; return ;; esac
    _root=${_said%% *}
    _root=${_root##*/}
    _uid=$(shifted "${_root%.*}" /etc/subuid) && _gid=$(shifted "${_root#*.}" /etc/subgid) ||
        fail "this Docker remaps users (userns-remap, $_root) to fewer ids than newt's $NOBODY in its container needs: give its user a range of 65536 in /etc/subuid and /etc/subgid and restart Docker"
    echo "$_uid:$_gid"
}

# shifted ROOT FILE: newt's id where ROOT is that of a container's root.
shifted() {
    awk -F: -v root="$1" -v id="$NOBODY" '$2 == root && $3 > id { print root + id; found = 1; exit } END { exit !found }' "$2"
}

# A container made for another bridge, or put on a second network, would run outside the cage.
in_cage() {
    # shellcheck disable=SC2016 # a template, not the shell's variables
    _networks=$(docker container inspect -f '{{range $name, $_ := .NetworkSettings.Networks}}{{println $name}}{{end}}' "$1" | grep . | sort)
    [ "$_networks" = "$({ value "$CURRENT" network; value "$CURRENT" servicenetwork; } | sort)" ] || return 1
    for _leg in "" service; do
        _network=$(value "$CURRENT" "${_leg}network")
        [ -z "$_network" ] || [ "$(bridge_of "$_network")" = "$(value "$CURRENT" "${_leg}bridge")" ] || return 1
    done
}

# not_forwarding: why an engine with firewall-backend nftables may not have started.
not_forwarding() {
    [ "$(cat /proc/sys/net/ipv4/ip_forward 2>/dev/null)" != 0 ] ||
        echo "; with its nftables backend it starts only on a host that forwards: net.ipv4.ip_forward=1 in /etc/sysctl.d"
}

check_docker() {
    need docker "Docker"
    # Not `docker info`: in version 20 it does not say what is wrong. Podman names itself as its client or among the
    # components of its server, whatever a format asks for.
    _said=$(as_user docker version 2>&1)
    _status=$?
    case $_said in *[Pp]odman*) fail "docker on this host is podman, which is not supported: the rules rely on Docker's own bridges, and on when it starts containers: install Docker (docker.io, docker-ce) in place of podman and podman-docker, or choose another host" ;; esac
    # A client of today tells of itself while it waits for the engine.
    [ "$_status" -lt 124 ] || _said=
    [ "$_status" = 0 ] || {
        case $_said in
            *"client version"*"too old"*) fail "the docker client on this host is too old for its Docker engine: $(said "$_said"): install the client that came with the engine (docker-cli, docker-ce-cli)" ;;
            *"permission denied"*) fail "${SUDO_USER:-root} may not use Docker: sudo usermod -aG docker ${SUDO_USER:-root}, then log in again" ;;
            *) fail "Docker does not answer: $(said "$_said")$(not_forwarding)" ;;
        esac
    }
    case $(as_user docker info -f '{{.SecurityOptions}}' 2>&1) in *rootless*) fail "this Docker is rootless: its bridges are not in the host's network, rules here would confine nothing" ;; esac
    newt_on_host >/dev/null || exit 1
    # shellcheck disable=SC2046 # one argument per network
    _bridges=$(as_user docker network inspect -f "{{.Id}} $BRIDGE_NAME" $(as_user docker network ls -q -f driver=bridge) 2>/dev/null)
    while read -r _id _name; do
        [ -n "$_id" ] || continue
        [ -n "$_name" ] || _name=br-$(echo "$_id" | cut -c 1-12)
        ip link show dev "$_name" >/dev/null 2>&1 || ! docker network inspect "$_id" >/dev/null 2>&1 ||
            fail "Docker's bridge $_name is not on this host (another context, a virtual machine?): rules here would confine nothing"
    done <<END
$_bridges
END
}

# on_network NETWORK: names of the containers there, in a line.
on_network() { docker network inspect -f '{{range .Containers}}{{.Name}} {{end}}' "$1" 2>/dev/null; }

# neighbours DIR: names of other containers on newt's network. With bridge-nf-call-iptables off they can talk with newt.
neighbours() {
    for _name in $(on_network "$(value "$1" network)"); do
        [ "$_name" = "$(value "$1" container)" ] || echo "$_name"
    done
}

# check_network DIR: the names, the bridge and the subnet of newt's network must be free, and newt alone on it.
check_network() {
    _container=$(value "$1" container)
    check_free "$1" network bridge subnet docker
    _made_by=$(docker container inspect -f "{{with .Config}}$MADE_BY{{end}}" "$_container" 2>/dev/null) &&
        [ "$_made_by" != "$(value "$1" owner)" ] &&
        fail "a container named $_container exists already, made by ${_made_by:-others}: docker rm -f $_container"
    _neighbours=$(neighbours "$1")
    [ -z "$_neighbours" ] || fail "container $(one_line "$_neighbours") is on newt's network $(value "$1" network): newt must be alone there"
}

# check_free DIR NETWORK BRIDGE SUBNET SECTION: keys of the declaration, and the section of the stack file.
check_free() {
    _network=$(value "$1" "$2") _bridge=$(value "$1" "$3") _subnet=$(value "$1" "$4")
    _made_by=$(docker network inspect -f "$MADE_BY" "$_network" 2>/dev/null) && [ "$_made_by" != "$(value "$1" owner)" ] &&
        fail "a Docker network named $_network exists already, made by ${_made_by:-others}: $([ "$2" = network ] || echo "write another $5.network, or ")docker network rm $_network"
    if [ "$(bridge_of "$_network")" != "$_bridge" ] && ip link show dev "$_bridge" >/dev/null 2>&1; then
        fail "an interface $_bridge exists already: choose another $5.bridge"
    fi
    # inspect complains about a network that is being removed, which is no obstacle.
    # shellcheck disable=SC2046 # one argument per network
    _networks=$(docker network inspect -f '{{.Name}} {{range .IPAM.Config}}{{.Subnet}} {{end}}' $(docker network ls -q) 2>/dev/null)
    [ -n "$_networks" ] || fail "Docker does not list its networks"
    while read -r _name _subnets; do
        [ "$_name" != "$_network" ] || continue
        for _other in $_subnets; do
            case $_other in *:*) continue ;; esac
            ! overlap "$_other" "$_subnet" || fail "$5.subnet $_subnet is in use: Docker network $_name has $_other"
        done
    done <<END
$_networks
END
    _mine=$_bridge _former=$(replaced "$1")
    [ -z "$_former" ] || _mine="$_bridge $(one_line "$(bridges "$_former")")"
    _routes=$(ip -4 route show | awk '$1 ~ /^[0-9]/ { for (i = 1; i < NF; i++) if ($i == "dev") print $1, $(i + 1) }')
    while read -r _other _device; do
        case " $_mine " in *" $_device "*) continue ;; esac
        [ -z "$_other" ] || ! overlap "$_other" "$_subnet" ||
            fail "$5.subnet $_subnet is in use: this host routes $_other to $_device"
    done <<END
$_routes
END
}

# check_tools DIR
check_tools() {
    for _tool in awk sed grep flock sha256sum timeout ip; do need "$_tool" "the package that brings it (iproute2, util-linux, coreutils)"; done
    if [ "$(value "$1" firewall)" = nftables ]; then
        need nft "nftables, or set docker.firewall to iptables"
    else
        for _tool in iptables iptables-restore; do need "$_tool" "iptables, or set docker.firewall to nftables"; done
        ! has_ipv6 || need ip6tables-restore "ip6tables, or set docker.firewall to nftables"
    fi
}
