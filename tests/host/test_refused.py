"""What newt was refused is remembered, within bounds, where that is asked for; and whoever shares
newt's network is told of.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

from newt_tunnel.egress.cage import REMEMBERED_DROPS
from newt_tunnel.egress.proof_plan import Probe
from tests.host.rig import (
    COMPLETE,
    GITEA,
    HOMEASSISTANT,
    IMAGE,
    NETWORK,
    POSTGRES,
    ROUTER,
    Host,
    declare,
    rule,
)

pytestmark = pytest.mark.lab

NAMED = rule("homeassistant", "homeassistant.lan", 8123)
#: More than is remembered, each of its own: PORTS ports of FIRST and the addresses behind it.
SPRAY = """
import socket, sys
first, ports = sys.argv[1], int(sys.argv[2])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    for port in range(1024, 1024 + ports):
        try:
            sender.sendto(b"attack-spray", (first, port))
        except OSError:
            pass  # nftables says no at once
"""


@pytest.fixture(scope="module", params=COMPLETE)
def arrangement(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def caged(host: Host, arrangement: str) -> Host:
    """newt in a cage that remembers."""
    host.apply(declare(arrangement=arrangement, log_drops=True))
    host.create_network()
    host.start_newt()
    return host


def _refused(host: Host) -> dict[str, tuple[int, str]]:
    """Target to seconds ago and how often."""
    rows = [line.split("\t") for line in host.egress("refused").stdout.splitlines()]
    return {f"{address}:{port}/{of}": (int(ago), n) for ago, n, of, address, port in rows}


def _not_listed(host: Host) -> int:
    rows = [line.split("\t") for line in host.egress("counters").stdout.splitlines()]
    (packets,) = [row[0] for row in rows if row[3] == "not listed"]
    return int(packets)


def _send(host: Host, address: str, port: int, times: int) -> None:
    orders = [
        {"name": str(n), "kind": "udp", "address": address, "port": port, "token": "attack-udp"}
        for n in range(times)
    ]
    host.newt("fire", json.dumps(orders))


@contextlib.contextmanager
def _busybox(host: Host, shell: str) -> Iterator[None]:
    with host.busybox_shell() if shell == "busybox" else contextlib.nullcontext():
        yield


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_what_newt_was_refused_is_told_with_how_often_and_when(
    caged: Host, arrangement: str, shell: str
) -> None:
    with _busybox(caged, shell):
        assert _refused(caged) == {}
        assert "nothing" in caged.egress("status").stdout

        caged.dial((POSTGRES, 5432), (GITEA, 3000))
        _send(caged, ROUTER, 161, times=5)

        refused = _refused(caged)
        assert refused.keys() == {f"{POSTGRES}:5432/tcp", f"{ROUTER}:161/udp"}
        ago, times = refused[f"{ROUTER}:161/udp"]
        assert ago < 60
        assert times == ("5" if arrangement == "nftables" else "5+")
        said = caged.egress("status").stdout
        assert f"{ROUTER} 161/udp" in said
        assert "what newt tried, which is not what it needs" in said


def test_what_is_remembered_is_no_drift_and_nothing_to_repair(caged: Host) -> None:
    caged.dial((POSTGRES, 5432))
    _send(caged, ROUTER, 161, times=2)
    assert len(_refused(caged)) == 2

    assert caged.check()["state"] == "ok"
    assert caged.egress("refresh").stdout == ""
    assert len(_refused(caged)) == 2, "the refresh has loaded the rules again"


def test_a_flood_of_targets_fills_a_bounded_memory_and_opens_and_hides_nothing(
    caged: Host,
) -> None:
    before = _not_listed(caged)
    with caged.tapped() as wire:
        spray = [*caged.inside_newt(), "python3", "-c", SPRAY, HOMEASSISTANT, "1000"]
        caged.nas.run(spray)

    assert not wire.seen, "something of the flood left the host"
    assert _not_listed(caged) - before == 1000, "a full memory drops past the counter"
    assert len(_refused(caged)) == REMEMBERED_DROPS
    caged.dial((POSTGRES, 5432))
    assert f"{POSTGRES}:5432/tcp" in _refused(caged), "a flood in UDP hides what happens in TCP"
    said = caged.egress("status").stdout
    assert f"{REMEMBERED_DROPS} in udp, which is all that is recorded" in said
    assert caged.check()["state"] == "ok"
    assert "gitea at" in caged.dial((GITEA, 3000))[0], "what is listed no longer answers"


def test_a_full_memory_does_not_mislead_the_proof(caged: Host) -> None:
    spray = [*caged.inside_newt(), "python3", "-c", SPRAY, HOMEASSISTANT, "1000"]
    caged.nas.run(spray)
    probe = Probe(name="snmp", address=ROUTER, protocol="udp", port="161", must_reach=False)

    said = caged.prove("enforce", probe).stdout

    assert "blocked" in said
    assert caged.newt_runs()


def test_the_memory_is_switched_on_and_off_by_what_is_declared(
    host: Host, arrangement: str
) -> None:
    host.apply(declare(arrangement=arrangement))
    host.create_network()
    host.start_newt()
    off = host.egress("refused", check=False)
    assert off.returncode != 0
    assert "set docker.logDrops to true" in off.stdout

    host.apply(declare(arrangement=arrangement, log_drops=True))
    host.dial((POSTGRES, 5432))
    assert _refused(host).keys() == {f"{POSTGRES}:5432/tcp"}
    # Allowed now, it is refused no more: only what was before is remembered.
    more = rule("postgres", POSTGRES, 5432)
    host.apply(declare(more, arrangement=arrangement, log_drops=True, forbidden=()))
    host.dial((POSTGRES, 5432))
    assert len(_refused(host)) <= 1

    host.apply(declare(arrangement=arrangement))
    assert "drops" not in host.rules(), "something of the memory stays"
    assert host.egress("refused", check=False).returncode != 0
    assert host.check()["state"] == "ok"


def test_whoever_shares_newts_network_is_told_of_and_nothing_is_repaired(caged: Host) -> None:
    assert "neighbours" not in caged.check()
    run = f"docker run --detach --name stranger --network {NETWORK} --stop-signal KILL"
    caged.sh(f"{run} --entrypoint sleep {IMAGE} 600")
    try:
        found = caged.check()
        status = caged.egress("status")
        caged.dial((POSTGRES, 5432))
        refreshed = caged.egress("refresh")
        kept = _refused(caged)
    finally:
        caged.sh("docker rm --force stranger")

    assert (found["state"], found["neighbours"]) == ("ok", "stranger")
    assert "on newt's network, where newt must be alone: stranger" in status.stdout
    assert refreshed.stdout == "", "nothing about the rules is wrong"
    assert kept, "the refresh has loaded the rules again"
    assert "neighbours" not in caged.check()
