"""While rules are swapped, moved to another arrangement or shaken by Docker, not one packet of a
flood slips through.
"""

from __future__ import annotations

import pytest

from tests.host.rig import COMPLETE, POSTGRES, Host, declare, rule

pytestmark = pytest.mark.lab

PPS = 4000
ENOUGH = 2000  # packets a second, below which a flood shows nothing
SECONDS = 5
STORM = "for n in 1 2 3 4; do docker network create storm$n && docker network rm storm$n; done"


def _flood(seconds: float = SECONDS) -> list[str]:
    return ["flood", POSTGRES, "5432", str(seconds), str(PPS)]


def test_a_flood_from_a_free_newt_arrives(host: Host) -> None:
    host.create_network()
    host.start_newt()

    with host.tapped() as wire:
        sent = host.newt(*_flood(1))

    assert sent > ENOUGH
    assert wire.targets[POSTGRES] > ENOUGH, "the tap must see what it is to count"


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_no_packet_passes_while_rules_are_swapped_and_networks_created(
    host: Host, arrangement: str
) -> None:
    wide = declare(rule("postgres", POSTGRES, 5433), arrangement=arrangement)
    narrow = declare(arrangement=arrangement, without="gitea")
    host.apply(wide)
    host.create_network()
    host.start_newt()
    applied = 0

    with host.tapped() as wire, host.newt_meanwhile(*_flood()) as flood:
        storm = host.nas.popen(["sh", "-c", STORM])
        while flood.poll() is None:
            host.apply(narrow if applied % 2 == 0 else wide)
            applied += 1
        said, _ = storm.communicate()
        assert flood.stdout
        sent = int(flood.stdout.read())

    assert storm.returncode == 0, said
    assert applied >= 3
    assert sent > ENOUGH * SECONDS
    assert wire.targets.get(POSTGRES, 0) == 0


def test_no_packet_passes_while_the_arrangement_changes(host: Host) -> None:
    host.apply(declare())
    host.create_network()
    host.start_newt()

    with host.tapped() as wire, host.newt_meanwhile(*_flood(30)) as flood:
        for arrangement in ("nftables", "docker-user", "nftables", "iptables"):
            host.apply(declare(arrangement=arrangement))
        assert flood.poll() is None, "the flood ended before the last change"

    assert wire.targets.get(POSTGRES, 0) == 0
