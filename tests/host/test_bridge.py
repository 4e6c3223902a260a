"""Frames between ports of newt's bridge pass the rules, whatever the host does on other bridges."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.host.rig import ARRANGEMENTS, BRIDGE, NETWORK, Host, declare
from tests.lab.registry import JELLYFIN

pytestmark = [pytest.mark.lab, pytest.mark.engines]

OTHER, ADDRESS, PORT = "attached-later", "172.30.0.77", 8096
SWITCHES = f"/sys/class/net/{BRIDGE}/bridge"
OFF = f"for switch in {SWITCHES}/nf_call_ip*; do echo 0 >$switch; done"


@contextlib.contextmanager
def attached(host: Host) -> Iterator[None]:
    """Another container on newt's network, on a host that shows the rules no frame between ports of
    a bridge."""
    run = f"docker run --detach --name {OTHER} --network {NETWORK} --ip {ADDRESS} {JELLYFIN}"
    with host.bridged_unseen():
        host.sh(run)
        try:
            yield
        finally:
            host.sh(f"docker rm --force {OTHER}")


def switches(host: Host) -> str:
    return host.sh(f"cat {SWITCHES}/nf_call_iptables {SWITCHES}/nf_call_ip6tables")


def reached(host: Host) -> bool:
    """Whether newt's frames come in at the other container."""
    with host.container_tapped(OTHER) as wire:
        host.dial((ADDRESS, PORT))
    return bool(wire.ports.get(f"{ADDRESS}:{PORT}"))


def test_without_a_cage_newt_reaches_a_container_on_its_network(host: Host) -> None:
    host.create_network()
    host.start_newt()
    with attached(host):
        assert reached(host), "else the next test shows nothing"


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_a_container_that_is_attached_later_is_not_reached(host: Host, arrangement: str) -> None:
    host.apply(declare(arrangement=arrangement))
    host.create_network()
    host.start_newt()
    host.egress("refresh")
    with attached(host):
        assert switches(host) == "1\n1\n"
        assert host.check()["state"] == "ok"
        assert not reached(host)


def test_a_switch_that_was_turned_off_is_drift_and_turned_on_again(host: Host) -> None:
    host.apply(declare())
    host.create_network()
    host.start_newt()
    with host.bridged_unseen():
        host.sh(OFF)
        check = host.check()
        assert check["state"] == "drifted"
        assert f"frames between ports of {BRIDGE} do not pass the rules" in check["faults"]

        said = host.egress("refresh").stdout

        assert "repaired: frames between ports" in said
        assert host.check()["state"] == "ok"
        assert switches(host) == "1\n1\n"


def test_where_the_hosts_own_switch_is_on_nothing_has_drifted(host: Host) -> None:
    host.apply(declare())
    host.create_network()
    host.show_bridged(1)
    host.sh(OFF)

    assert host.check()["state"] == "ok"
    assert "repaired" not in host.egress("refresh").stdout
    assert switches(host) == "1\n1\n"
