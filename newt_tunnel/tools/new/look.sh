#!/bin/sh
# Looks at a Docker host on which newt is to run, for `python -m newt_tunnel new`. Changes nothing.
# Comes over the standard input of `sh -s`. Prints a fact per line: its kind, and values, with a tab before each.
# Of newt's variables it prints the names, and the values of those that are no secret. POSIX sh for dash and busybox.
set -u
export LC_ALL=C PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH"

have() { command -v "$1" >/dev/null 2>&1; }
fact() {
    printf '%s' "$1"
    shift
    for _value; do printf '\t%s' "$(printf '%s' "$_value" | tr '\t\r\n' '   ')"; done
    echo
}
sudo_here() {
    if [ "$(id -u)" = 0 ]; then echo root
    elif ! have sudo; then echo none
    elif sudo -n true 2>/dev/null; then echo yes
    else echo asks
    fi
}
as_root() {
    case $SUDO in
        root) "$@" ;;
        yes) sudo -n "$@" ;;
        *) return 1 ;;
    esac
}
cron_runs() { [ -d /etc/cron.d ] && grep -q -s -x -e cron -e crond /proc/[0-9]*/comm; }
docker_unit() { [ -d /run/systemd/system ] && [ -n "$(ls /etc/systemd/system/docker.service /usr/lib/systemd/system/docker.service /lib/systemd/system/docker.service 2>/dev/null)" ]; }
resolvers_in() { sed -n 's/^[[:space:]]*nameserver[[:space:]][[:space:]]*\([0-9.]*\)[[:space:]]*$/\1/p' "$1" 2>/dev/null | grep -v '^127\.'; }

SUDO=$(sudo_here)
fact user "$(id -un)"
fact sudo "$SUDO"
fact system "$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null | tr -d "\"'" | grep . || uname -sr)"

# The programs, and whether the kernel serves them.
as_root nft list tables >/dev/null 2>&1 && fact firewall nftables
as_root iptables -w 5 -t mangle -S >/dev/null 2>&1 && have iptables-restore && fact firewall iptables
if docker_unit; then fact boot systemd; fi
if cron_runs; then fact boot cron; fi
if [ -d /usr/share/netfilter-persistent/plugins.d ] && cron_runs; then fact boot netfilter-persistent; fi

# systemd's own resolver is on loopback, which newt's container does not reach.
{ resolvers_in /etc/resolv.conf || resolvers_in /run/systemd/resolve/resolv.conf; } | while read -r address; do fact resolver "$address"; done
ip -4 route show 2>/dev/null | sed -n 's|^\([0-9.]*/[0-9]*\) .*|\1|p' | while read -r block; do fact network "$block"; done

if ! have docker; then
    fact docker missing
    fact end
    exit
fi
version=$(docker version -f '{{.Server.Version}}' 2>&1) || {
    case $version in
        *"permission denied"*) fact docker refused ;;
        *) fact docker silent "$(printf '%s' "$version" | tail -n 1)" ;;
    esac
    fact end
    exit
}
fact docker runs "$version"
case $(docker --version 2>&1) in *odman*) fact docker podman ;; esac
case $(docker info -f '{{.SecurityOptions}}' 2>&1) in *rootless*) fact docker rootless ;; esac

# shellcheck disable=SC2046 # one argument per network
docker network inspect -f '{{range .IPAM.Config}}{{println .Subnet}}{{end}}' $(docker network ls -q) 2>/dev/null |
    sed -n 's|^[0-9.]*/[0-9]*$|&|p' | while read -r block; do fact network "$block"; done

# settings ID NAME: of a newt. A flag wins over the variable, so it comes last.
settings() {
    docker container inspect -f '{{range .Config.Env}}{{println (index (split . "=") 0)}}{{end}}' "$1" |
        while read -r variable; do [ -z "$variable" ] || fact variable "$2" "$variable"; done
    docker container inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$1" |
        sed -n 's/^\(PANGOLIN_ENDPOINT\|SITE_ID\|NEWT_ID\|LOG_LEVEL\)=\(.*\)/\1 \2/p' |
        while read -r variable value; do fact setting "$2" "$variable" "$value"; done
    docker container inspect -f '{{range .Args}}{{println .}}{{end}}' "$1" | awk '
        function known(flag) { return flag == "endpoint" || flag == "id" || flag == "log-level" }
        skip { skip = 0; next }
        before { print before, $0; before = ""; next }
        !/^--?[a-z]/ { next }
        { flag = $0; sub(/^--?/, "", flag); value = index(flag, "=") ? substr(flag, index(flag, "=") + 1) : ""; with = index(flag, "="); sub(/=.*/, "", flag) }
        flag == "secret" { print flag, "-"; skip = !with }
        known(flag) && with { print flag, value }
        known(flag) && !with { before = flag }' |
        while read -r flag value; do fact flag "$2" "$flag" "$value"; done
}
is_newt() {
    case ${1##*/} in newt | newt:* | newt@* | pangolin-cli | pangolin-cli:* | pangolin-cli@*) return 0 ;; esac
    docker container inspect -f '{{range .Config.Env}}{{println (index (split . "=") 0)}}{{end}}' "$2" |
        grep -q -x -e NEWT_ID -e SITE_ID
}

for id in $(docker ps -q 2>/dev/null); do
    name=$(docker container inspect -f '{{.Name}}' "$id" 2>/dev/null) || continue
    name=${name#/}
    image=$(docker container inspect -f '{{.Config.Image}}' "$id")
    fact container "$name" "$image" "$(docker container inspect -f '{{.HostConfig.NetworkMode}}' "$id")"
    docker container inspect -f '{{range $port, $at := .NetworkSettings.Ports}}{{range $at}}{{println $port .HostPort .HostIp}}{{end}}{{end}}' "$id" |
        while read -r inner outer at; do [ -z "$outer" ] || fact port "$name" "$inner" "$outer" "$at"; done
    if is_newt "$image" "$id"; then
        fact newt "$name" "$image"
        settings "$id" "$name"
    fi
done
fact end
