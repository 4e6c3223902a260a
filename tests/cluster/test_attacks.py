"""Every attack on newt in a cluster, as in `make attack`."""

from __future__ import annotations

import pytest

from tests.attack.cluster import Place, besiege
from tests.attack.siege import FREE, Verdict
from tests.lab import Lab
from tests.lab.kubernetes import Cluster

pytestmark = pytest.mark.lab


def test_an_attack_arrives_without_a_policy_and_under_newts_policy_nothing_does(
    lab: Lab, cluster: Cluster
) -> None:
    place = Place(lab, cluster)
    with place.prepared():
        found = list(besiege(place))

    free = [finding for finding in found if finding.arrangement == FREE.name]
    caged = [finding for finding in found if finding.arrangement != FREE.name]
    assert [finding.attack for finding in free if not finding.arrived] == [], "a blank"
    assert [finding for finding in caged if finding.verdict is not Verdict.HELD] == []
