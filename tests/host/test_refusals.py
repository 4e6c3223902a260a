"""Hosts that cannot carry the guard: one clear sentence each, and the host as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.host.rig import (
    BRIDGE,
    CONTAINER,
    IMAGE,
    LABEL,
    NETWORK,
    OWNER,
    Host,
    declare,
)

pytestmark = pytest.mark.lab

#: Of Docker's interface: older than what any of its engines serves.
TOO_OLD = "1.11"
PODMAN_BEHIND_DOCKERS_CLIENT = """\
Client:
 Version:           20.10.24+dfsg1
 API version:       1.41

Server: linux/amd64/debian-12
 Podman Engine:
  Version:          4.3.1
  APIVersion:       4.3.1
 Conmon:
  Version:          conmon version 2.1.6, commit: unknown
"""
PODMAN_AS_CLIENT = """\
Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.
Client:       Podman Engine
Version:      4.3.1
API Version:  4.3.1
"""


def test_who_is_not_root_is_told_how_to_become_it(host: Host) -> None:
    said = host.refuses(declare(), before="exec setpriv --reuid admin --regid admin --clear-groups")

    assert (
        "root is needed for the firewall: set docker.user to root, or docker.sudo to true" in said
    )


def test_a_user_outside_the_docker_group_is_told_so(host: Host) -> None:
    said = host.refuses(declare(), before="export SUDO_USER=nodocker;")

    assert "nodocker may not use Docker: sudo usermod -aG docker nodocker" in said


def test_a_user_in_the_docker_group_may_deploy_through_sudo(host: Host) -> None:
    host.sh("export SUDO_USER=admin; sh -s -- apply one", stdin=declare().script)

    assert host.check()["state"] == "ok"


@pytest.mark.parametrize(
    ("tool", "arrangement", "reason"),
    [
        ("iptables", "iptables", "install iptables, or set docker.firewall to nftables"),
        ("iptables-restore", "iptables", "install iptables, or set docker.firewall to nftables"),
        ("ip6tables-restore", "iptables", "install ip6tables, or set docker.firewall to nftables"),
        ("nft", "nftables", "install nftables, or set docker.firewall to iptables"),
        ("docker", "iptables", "docker is not on this host: install Docker"),
        ("flock", "iptables", "flock is not on this host"),
    ],
)
def test_a_missing_tool_is_named(host: Host, tool: str, arrangement: str, reason: str) -> None:
    was = host.snapshot()
    with host.without(tool):
        done = host.apply(declare(arrangement=arrangement), check=False)

    assert done.returncode != 0
    assert f"{tool} is not on this host" in done.stdout
    assert reason in done.stdout
    assert host.snapshot() == was


@pytest.mark.parametrize(
    ("persistence", "there", "reason"),
    [
        ("systemd", "/usr/lib/systemd/system/docker.service", "docker.service not found"),
        ("cron", "/etc/cron.d", "/etc/cron.d not found: install cron"),
        ("netfilter-persistent", "", "install netfilter-persistent"),
    ],
)
def test_missing_persistence_is_named(
    host: Host, persistence: str, there: str, reason: str
) -> None:
    if there:
        host.sh(f"mv {there} {there}.hidden")
    try:
        said = host.refuses(declare(persistence=persistence))
    finally:
        if there:
            host.sh(f"mv {there}.hidden {there}")

    assert reason in said
    assert "docker.persistence" in said


def test_a_docker_that_does_not_answer_is_an_error(host: Host) -> None:
    with host.stub("docker", 'exec $real --host unix:///nowhere.sock "$@"'):
        said = host.refuses(declare())

    assert "Docker does not answer: " in said
    assert "unix:///nowhere.sock" in said


def test_a_docker_that_is_down_on_a_host_that_does_not_forward_may_be_why(host: Host) -> None:
    host.sh("sysctl -qw net.ipv4.ip_forward=0")
    try:
        with host.stub("docker", 'exec $real --host unix:///nowhere.sock "$@"'):
            said = host.refuses(declare())
    finally:
        host.sh("sysctl -qw net.ipv4.ip_forward=1")

    assert "Docker does not answer: " in said
    assert "net.ipv4.ip_forward=1 in /etc/sysctl.d" in said


def test_a_client_that_the_engine_refuses_is_named(host: Host) -> None:
    with host.stub("docker", f'DOCKER_API_VERSION={TOO_OLD} exec $real "$@"'):
        said = host.refuses(declare())

    assert "the docker client on this host is too old for its Docker engine" in said
    assert f"client version {TOO_OLD} is too old" in said
    assert "install the client that came with the engine" in said


@pytest.mark.parametrize("podman", [PODMAN_BEHIND_DOCKERS_CLIENT, PODMAN_AS_CLIENT])
def test_podman_is_called_by_its_name_and_refused(host: Host, podman: str) -> None:
    """By stand-ins for the client, which say what Debian 12's podman says."""
    stand_in = f"[ $1 != version ] || {{ cat <<'END'\n{podman}END\nexit; }}\nexec $real \"$@\""
    with host.stub("docker", stand_in):
        said = host.refuses(declare())

    assert "docker on this host is podman, which is not supported" in said
    assert "install Docker" in said


def test_a_rootless_docker_is_refused(host: Host) -> None:
    rootless = "case $* in *SecurityOptions*) echo [name=rootless] && exit ;; esac"
    with host.stub("docker", f'{rootless}; exec $real "$@"'):
        said = host.refuses(declare())

    assert "this Docker is rootless" in said


def test_a_docker_whose_bridges_are_elsewhere_is_refused(host: Host) -> None:
    with host.stub("ip", 'case $* in *"dev docker0") exit 1 ;; *) exec $real "$@" ;; esac'):
        said = host.refuses(declare())

    assert "Docker's bridge docker0 is not on this host" in said


IN_THE_WAY = {
    "a Docker network with the same addresses": (
        "docker network create --subnet 172.30.0.128/25 other",
        "docker network rm other",
        "docker.subnet 172.30.0.0/24 is in use: Docker network other has 172.30.0.128/25",
    ),
    "a route to the same addresses": (
        "ip route add 172.30.0.64/26 via 10.0.1.1",
        "ip route del 172.30.0.64/26",
        "docker.subnet 172.30.0.0/24 is in use: this host routes 172.30.0.64/26 to eth0",
    ),
    "an interface of the same name": (
        f"ip link add {BRIDGE} type bridge",
        f"ip link del {BRIDGE}",
        f"an interface {BRIDGE} exists already: choose another docker.bridge",
    ),
    "a network of the same name": (
        f"docker network create {NETWORK}",
        f"docker network rm {NETWORK}",
        f"a Docker network named {NETWORK} exists already, made by others",
    ),
    "a network of another stack": (
        f"docker network create --label {LABEL}=newt-tunnel/other {NETWORK}",
        f"docker network rm {NETWORK}",
        f"a Docker network named {NETWORK} exists already, made by newt-tunnel/other",
    ),
    "a container of the same name": (
        f"docker create --name {CONTAINER} {IMAGE}",
        f"docker rm {CONTAINER}",
        f"a container named {CONTAINER} exists already, made by others",
    ),
    "a stranger on newt's network": (
        f"docker network create --label {LABEL}={OWNER} --subnet 172.30.0.0/24 "
        f"--opt com.docker.network.bridge.name={BRIDGE} {NETWORK} && "
        f"docker run --detach --name stranger --network {NETWORK} --stop-signal KILL "
        f"--entrypoint sleep {IMAGE} 600",
        f"docker rm --force stranger; docker network rm {NETWORK}",
        f"container stranger is on newt's network {NETWORK}: newt must be alone there",
    ),
}


@contextlib.contextmanager
def _in_the_way(host: Host, obstacle: str) -> Iterator[str]:
    create, remove, reason = IN_THE_WAY[obstacle]
    host.sh(create)
    try:
        yield reason
    finally:
        host.sh(remove)


@pytest.mark.parametrize("obstacle", IN_THE_WAY)
def test_what_stands_in_the_way_is_named(host: Host, obstacle: str) -> None:
    with _in_the_way(host, obstacle) as reason:
        assert reason in host.refuses(declare())


def test_the_bridge_of_others_is_never_taken_over(host: Host) -> None:
    host.apply(declare())
    host.create_network()

    said = host.refuses(declare(bridge="docker0"))

    assert "an interface docker0 exists already" in said


def test_an_image_or_volume_of_newts_name_is_no_obstacle(host: Host) -> None:
    host.sh(f"docker tag {IMAGE} {CONTAINER} && docker volume create {CONTAINER}")
    try:
        host.apply(declare())
    finally:
        host.sh(f"docker rmi {CONTAINER}; docker volume rm {CONTAINER}")


def test_our_own_network_and_container_are_no_obstacle(host: Host) -> None:
    host.apply(declare())
    host.create_network()
    host.start_newt()

    host.apply(declare())

    assert host.check()["state"] == "ok"


def test_the_guard_of_another_stack_is_left_alone(host: Host) -> None:
    host.apply(declare(owner="newt-tunnel/first"))

    said = host.refuses(declare(owner="newt-tunnel/second"))
    was = host.snapshot()
    removal = host.nas.run(
        ["sh", "-c", "exec 2>&1; sh -s -- remove"],
        stdin=declare(owner="newt-tunnel/second").script,
        check=False,
    )

    assert "of stack newt-tunnel/second is that of stack newt-tunnel/first on this host" in said
    assert removal.returncode != 0
    assert "guarded by stack newt-tunnel/first, not by newt-tunnel/second" in removal.stdout
    assert host.snapshot() == was


def test_the_cage_is_not_removed_while_newt_is_in_it(host: Host) -> None:
    host.apply(declare())
    host.create_network()
    host.start_newt()

    running = host.egress("remove", check=False)
    with host.stub("docker", 'exec $real --host unix:///nowhere.sock "$@"'):
        unknown = host.egress("remove", check=False)

    assert "newt is still running in container newt-tunnel: stop it first" in running.stdout
    assert "Docker does not answer, so it is not known whether newt runs" in unknown.stdout
    assert host.check()["state"] == "ok"


def test_newt_is_not_started_outside_the_cage(host: Host) -> None:
    host.apply(declare())
    host.create_network()
    host.sh("docker network create second")
    host.start_newt()
    try:
        host.sh(f"docker network connect second {CONTAINER} && docker stop {CONTAINER}")
        second = host.egress("start", check=False)
        assert not host.newt_runs()
        host.sh(f"docker network disconnect second {CONTAINER}")
        host.egress("start")
        assert host.newt_runs()
        moved = host.apply(declare(bridge="br-other"))
        assert not host.newt_runs()
        other = host.egress("start", check=False)
    finally:
        host.sh(
            f"docker network disconnect second {CONTAINER}; docker network rm second", check=False
        )

    assert "newt is stopped until its network is replaced" in moved.stdout
    for refused in (second, other):
        assert refused.returncode != 0
        assert "is not on the guarded bridge alone: newt is not started" in refused.stdout
    assert not host.newt_runs()
