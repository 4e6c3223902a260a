"""Nothing reaches newt but replies: from the host, from the LAN, whatever conntrack says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.attack.ingress import WAYS, doors_open, ways_that_lead_in
from tests.host.rig import ARRANGEMENTS, GITEA, NEWT, OUTSIDER, Host, declare, rule

pytestmark = pytest.mark.lab

FREE = "free"
SMALL_MTU = 1300
UPLOAD = 500_000


@pytest.fixture(scope="module", params=[FREE, *ARRANGEMENTS])
def arrangement(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def besieged(nas: Host, arrangement: str) -> Iterator[Host]:
    if arrangement != FREE:
        nas.apply(declare(rule("outsider", OUTSIDER, 443), arrangement=arrangement))
    nas.create_network()
    nas.start_newt()
    with doors_open(nas):
        yield nas
    nas.reset()


@pytest.fixture(scope="module")
def seen(besieged: Host) -> set[str]:
    return ways_that_lead_in(besieged)


@pytest.mark.parametrize("way", [name for name, _, _ in WAYS])
def test_a_way_in_leads_to_a_free_newt_and_to_no_other(
    arrangement: str, seen: set[str], way: str
) -> None:
    if arrangement == FREE:
        assert way in seen, "a blank: this does not even reach a newt without a cage"
    else:
        assert way not in seen


def test_path_mtu_discovery_reaches_newt_and_a_large_transfer_completes(
    besieged: Host,
) -> None:
    router, mark = besieged.lab["router"], besieged.lab.log("outsider").mark()
    router.run(["ip", "link", "set", "wan", "mtu", str(SMALL_MTU)])
    try:
        besieged.newt("upload", OUTSIDER, "443", str(UPLOAD))
    finally:
        router.run(["ip", "link", "set", "wan", "mtu", "1500"])

    received = [entry.bytes for entry in besieged.lab.log("outsider").since(mark)]
    assert sum(received) >= UPLOAD
    known = besieged.nas.run([*besieged.inside_newt(), "ip", "route", "get", OUTSIDER]).stdout
    assert f"mtu {SMALL_MTU}" in known, "no packet was too large: this showed nothing"


def test_replies_reach_newt(besieged: Host) -> None:
    order = {"name": "ask", "kind": "udp", "address": GITEA, "port": 3000, "token": "anybody?"}

    with besieged.newt_tapped() as wire:
        answers = besieged.newt("fire", json.dumps([order]))

    assert answers == {"ask": "anybody?"}
    assert wire.targets.get(NEWT) == 1
