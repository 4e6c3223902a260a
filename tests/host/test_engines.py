"""A short attack on every Docker engine but the newest, which all other tests have. `make attack
ALL=yes` does everything on each of them.
"""

from __future__ import annotations

import pytest

from tests.attack.ingress import WAYS, doors_open, ways_that_lead_in
from tests.attack.siege import ARRANGEMENTS, CIRCUMSTANCES, FREE, Arrangement, besiege, newt_caged
from tests.host.rig import Host

pytestmark = [pytest.mark.lab, pytest.mark.engines(besides_newest=True)]

SHORT = CIRCUMSTANCES[:1]
TRIED = [each for each in (FREE, *ARRANGEMENTS) if not each.legacy]
EVERY_WAY = {name for name, _, _ in WAYS}


@pytest.mark.parametrize("arrangement", TRIED, ids=str)
def test_the_attacks_arrive_from_a_free_newt_and_from_no_other(
    host: Host, arrangement: Arrangement
) -> None:
    found = list(besiege(host, arrangement, SHORT))

    arrived = {finding.attack for finding in found if finding.arrived}
    expected = {finding.attack for finding in found} if arrangement is FREE else set()
    assert arrived == expected


@pytest.mark.parametrize("arrangement", TRIED, ids=str)
def test_every_way_in_leads_to_a_free_newt_and_to_no_other(
    host: Host, arrangement: Arrangement
) -> None:
    with newt_caged(host, arrangement), doors_open(host):
        led = ways_that_lead_in(host)

    assert led == (EVERY_WAY if arrangement is FREE else set())
