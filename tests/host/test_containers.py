"""Containers that newt reaches by name: those that are listed, at the listed port, and nothing else
on the network that newt shares with them."""

from __future__ import annotations

import dataclasses
import json
import shlex
import time
from collections.abc import Iterator

import pytest

from newt_tunnel.docker_host.payload import Declaration
from newt_tunnel.egress import proof_plan
from newt_tunnel.egress.model import Container
from newt_tunnel.egress.proof_table import ProbeVerdict, parse
from tests.host.rig import (
    COMPLETE,
    CONTAINER,
    IMAGE,
    LABEL,
    NETWORK,
    NEWT,
    OWNER,
    SERVICES,
    Host,
    declare,
    eventually,
    rule,
)
from tests.lab.registry import JELLYFIN

pytestmark = pytest.mark.lab

LISTED, OTHER = "web", "database"
PORT = 8096


def declared(arrangement: str = "iptables") -> Declaration:
    entry = rule("web", Container(LISTED), PORT)
    return declare(entry, arrangement=arrangement, services=SERVICES)


def create_services(host: Host) -> None:
    """As the stack makes it: the network, and then the guard looks."""
    half = next(SERVICES.subnet.subnets())
    host.sh(
        f"docker network create --internal --label {LABEL}={OWNER} --subnet {SERVICES.subnet} "
        f"--gateway {SERVICES.gateway} --ip-range {half} "
        f"--opt com.docker.network.bridge.name={SERVICES.bridge} {SERVICES.network}; "
        "[ ! -e /usr/local/sbin/newt-egress ] || newt-egress refresh"
    )


def run(host: Host, name: str, *options: str) -> str:
    """A service on the network; returns its address there."""
    host.sh(
        f"docker run --detach --name {name} --network {SERVICES.network} "
        f"{' '.join(options)} {JELLYFIN}"
    )
    return address(host, name)


def address(host: Host, name: str) -> str:
    form = f'{{{{(index .NetworkSettings.Networks "{SERVICES.network}").IPAddress}}}}'
    return host.sh(f"docker container inspect -f '{form}' {name}").strip()


@pytest.fixture
def cleared(host: Host) -> Iterator[Host]:
    yield host
    host.sh(f"docker rm --force {LISTED} {OTHER} {LISTED}-2 >/dev/null 2>&1; :")


def deploy(host: Host, declaration: Declaration) -> None:
    """In the order in which the stack does it."""
    host.apply(declaration)
    host.create_network()
    create_services(host)
    host.start_newt(run="create")
    host.sh(f"docker network connect --ip {SERVICES.newt} {SERVICES.network} {CONTAINER}")
    host.egress("start")


def dialled(host: Host, *targets: tuple[str, int], by: str = CONTAINER) -> list[bool]:
    """Whether a container gets an answer of each."""
    orders = [
        {"name": str(n), "kind": "tcp", "address": address, "port": port, "token": "dial"}
        for n, (address, port) in enumerate(targets)
    ]
    heard = host.attacker(host.nas, "fire", json.dumps(orders), enter=host.inside(by))
    return [heard[order["name"]].startswith("HTTP") for order in orders]


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_newt_reaches_the_listed_container_at_its_port_and_nothing_else_is_reached_by_anyone(
    cleared: Host, arrangement: str
) -> None:
    host = cleared
    host.sh("sysctl -qw net.bridge.bridge-nf-call-iptables=0")
    create_services(host)
    web, other = run(host, LISTED), run(host, OTHER)
    assert dialled(host, (web, PORT), by=OTHER) == [True], "else the rest shows nothing"
    host.apply(declared(arrangement))
    assert host.sh(f"cat /sys/class/net/{SERVICES.bridge}/bridge/nf_call_iptables") == "1\n"

    host.create_network()
    host.start_newt(run="create")
    host.sh(f"docker network connect --ip {SERVICES.newt} {SERVICES.network} {CONTAINER}")
    host.egress("start")

    gateway = str(SERVICES.gateway)
    assert dialled(host, (web, PORT), (other, PORT), (gateway, 22)) == [True, False, False]
    assert dialled(host, (web, PORT), (gateway, 22), by=OTHER) == [False, False]
    orders = json.dumps([{"name": "0", "kind": "tcp", "address": web, "port": PORT, "token": "x"}])
    assert host.attacker(host.nas, "fire", orders)["0"].startswith("error")
    host.sh("sysctl -qw net.bridge.bridge-nf-call-iptables=1")
    assert host.check()["state"] == "ok", host.check()
    told = host.check()["containers"]
    assert told == f"{LISTED}: at {web}, image {JELLYFIN}"
    assert f"{LISTED}: at {web}" in host.egress("status").stdout


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_a_container_that_moves_is_followed_and_its_old_address_closed(
    cleared: Host, arrangement: str
) -> None:
    host = cleared
    deploy(host, declared(arrangement))
    assert "containers" in host.check()
    with host.nas.popen(["newt-egress", "follow"]) as follower:
        try:
            old = run(host, LISTED)
            eventually(lambda: dialled(host, (old, PORT)) == [True], "the container is reached")
            host.sh(f"docker rm --force {LISTED}")
            assert run(host, OTHER) == old, "else nobody has the old address"
            new = run(host, LISTED)
            eventually(lambda: dialled(host, (new, PORT)) == [True], "it is followed")
            assert dialled(host, (old, PORT)) == [False]
            host.sh(f"docker network disconnect {SERVICES.network} {LISTED}")
            eventually(lambda: "not on" in host.check()["containers"], "it is gone")
        finally:
            follower.kill()
            # What it started is not its parent's to end: under systemd the whole unit is.
            host.sh("pkill -KILL -f '[n]ewt-egress follow|[d]ocker events'; :")
    assert f"{LISTED}: not on {SERVICES.network}" in host.check()["containers"]


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_the_proof_tries_the_entries_and_the_containers_that_nobody_listed(
    cleared: Host, arrangement: str
) -> None:
    host = cleared
    declaration = declared(arrangement)
    deploy(host, declaration)
    web, other = run(host, LISTED), run(host, OTHER)
    host.egress("refresh")

    done = host.prove("enforce", *proof_plan.plan(declaration.policy, declaration.cage))

    rows = {(row.name, row.destination): row for row in parse(done.stdout)}
    assert rows["web", web].verdict is ProbeVerdict.REACHED
    canary = rows[f"container:{OTHER}", other]
    assert canary.verdict is ProbeVerdict.BLOCKED
    assert "itself: connected" in canary.evidence
    assert rows["gateway-ssh", str(SERVICES.gateway)].verdict is ProbeVerdict.BLOCKED


def test_what_can_never_be_on_the_network_is_refused(cleared: Host) -> None:
    host = cleared
    host.sh(f"docker run --detach --name {LISTED} --network host {JELLYFIN}")
    assert "is on the host's own network" in host.refuses(declared())
    host.sh(f"docker rm --force {LISTED}")
    host.sh(f"docker run --detach --name {LISTED} --network none {JELLYFIN}")
    assert "has no network of its own" in host.refuses(declared())
    itself = declare(rule("web", Container(CONTAINER), PORT), services=SERVICES)
    assert "is newt itself" in host.refuses(itself)


def test_a_network_of_that_name_that_is_not_ours_is_refused(cleared: Host) -> None:
    host = cleared
    host.sh(f"docker network create {SERVICES.network}")
    assert f"a Docker network named {SERVICES.network} exists already" in host.refuses(declared())


def test_a_container_that_is_not_there_is_a_warning(cleared: Host) -> None:
    host = cleared
    assert f"warning: container: {LISTED}: no such container" in host.apply(declared()).stdout
    assert host.check()["state"] == "ok"


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_an_address_that_another_container_gets_is_closed_before_anyone_looks(
    cleared: Host, arrangement: str
) -> None:
    """Under a flood, with nothing that follows: the address is open at one port of the bridge."""
    host = cleared
    deploy(host, declared(arrangement))
    old = run(host, LISTED)
    host.egress("refresh")
    assert dialled(host, (old, PORT)) == [True]
    with host.newt_meanwhile("flood", old, str(PORT), "60", "2000"):
        host.sh(f"docker rm --force {LISTED}")
        assert run(host, OTHER) == old, "else nobody has the old address"
        with host.container_tapped(OTHER) as wire:
            time.sleep(2)
            # And whatever is looked up: it is not the listed one.
            host.egress("refresh")
            time.sleep(1)
    assert not wire.ports.get(f"{old}:{PORT}"), wire.ports
    assert dialled(host, (old, PORT)) == [False]


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_a_rogue_with_the_address_of_newt_or_of_a_listed_container_is_not_heard(
    cleared: Host, arrangement: str
) -> None:
    host = cleared
    deploy(host, declared(arrangement))
    web, rogue = run(host, LISTED), run(host, OTHER)
    host.egress("refresh")
    inside = shlex.join(host.inside(OTHER))

    # As newt it would reach the listed port.
    host.sh(f"{inside} ip addr add {SERVICES.newt}/32 dev eth0")
    order = {"name": "0", "kind": "tcp", "address": web, "port": PORT, "token": "x"}
    with host.container_tapped(LISTED) as wire:
        told = host.attacker(
            host.nas,
            "fire",
            json.dumps([{**order, "source": str(SERVICES.newt)}]),
            enter=host.inside(OTHER),
        )
    assert told["0"].startswith("error"), told
    assert not wire.ports.get(f"{web}:{PORT}"), wire.ports

    # As the listed one it would be reached: newt is told its hardware address.
    host.sh(f"{inside} ip addr flush dev eth0; {inside} ip addr add {web}/24 dev eth0")
    mac = host.sh(f"{inside} ip -o link show dev eth0 | sed 's/.*ether \\([^ ]*\\).*/\\1/'").strip()
    newt = shlex.join(host.inside_newt())
    leg = f"$({newt} ip -4 -o addr show to {SERVICES.newt} | awk '{{print $2}}')"
    host.sh(f"{newt} ip neigh replace {web} lladdr {mac} dev {leg} nud permanent")
    with host.container_tapped(OTHER) as wire:
        dialled(host, (web, PORT))
    assert not wire.ports.get(f"{web}:{PORT}"), wire.ports
    assert rogue != web


def test_a_listed_container_is_put_on_the_network_and_no_other(cleared: Host) -> None:
    host = cleared
    services = dataclasses.replace(SERVICES, attach=True)
    deploy(host, declare(rule("web", Container(LISTED), PORT), services=services))
    for name in (LISTED, OTHER, f"{LISTED}-2"):
        host.sh(f"docker run --detach --name {name} {JELLYFIN}")
    said = host.egress("refresh").stdout
    assert f"container {LISTED} was put on {SERVICES.network}" in said
    assert dialled(host, (address(host, LISTED), PORT)) == [True]
    on_it = host.sh(f"docker ps --format '{{{{.Names}}}}' --filter network={SERVICES.network}")
    assert sorted(on_it.split()) == [CONTAINER, LISTED]
    assert "was put on" not in host.egress("refresh").stdout


def test_newt_knows_the_name_though_it_may_ask_no_resolver(cleared: Host) -> None:
    """With `dns: none` its container asks itself, where nothing answers."""
    host = cleared
    host.apply(declared())
    host.create_network()
    create_services(host)
    host.sh(
        f"docker create --name {CONTAINER} --label {LABEL}={OWNER} --network {NETWORK} "
        f"--ip {NEWT} --dns {NEWT} --stop-signal KILL --entrypoint sleep {IMAGE} 3600"
    )
    host.sh(f"docker network connect --ip {SERVICES.newt} {SERVICES.network} {CONTAINER}")
    host.egress("start")
    run(host, LISTED)
    host.egress("refresh")
    ask = f"docker exec {CONTAINER} nc -w 3 {LISTED} {PORT} </dev/null; echo $?"
    assert host.sh(ask).strip().endswith("0"), host.sh(ask)
    with host.tapped() as wire:
        host.sh(f"docker exec {CONTAINER} nc -w 2 elsewhere.example 80 </dev/null; :")
    assert not [target for target in wire.ports if target.endswith(":53")], wire.ports
