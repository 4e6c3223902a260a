"""Every attack on newt in a cluster, and a short differential test, as in `make attack`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from newt_tunnel.egress import decide_connection
from tests.attack import cluster_differential
from tests.attack.cluster import CAGED, Place, besiege
from tests.attack.cluster_differential import compare
from tests.attack.differential import MismatchError
from tests.attack.siege import FREE, Verdict
from tests.lab import Lab
from tests.lab.kubernetes import Cluster

pytestmark = pytest.mark.lab

PAIRS = 180


@pytest.fixture
def place(lab: Lab, cluster: Cluster) -> Iterator[Place]:
    with Place(lab, cluster).prepared() as place:
        yield place


def test_an_attack_arrives_without_a_policy_and_under_newts_policy_nothing_does(
    place: Place,
) -> None:
    found = list(besiege(place))

    free = [finding for finding in found if finding.arrangement == FREE.name]
    caged = [finding for finding in found if finding.arrangement != FREE.name]
    assert [finding.attack for finding in free if not finding.arrived] == [], "a blank"
    assert [finding for finding in caged if finding.verdict is not Verdict.HELD] == []


def test_cilium_gives_the_verdict_of_the_model(place: Place) -> None:
    tally = compare(place, PAIRS, secrets.randbelow(2**32))
    assert tally.pairs[CAGED] >= PAIRS


def test_a_model_of_cilium_that_is_wrong_is_found_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = decide_connection.ConnectionVerdict(decide_connection.Answer.ALLOWED, "a wrong model")
    monkeypatch.setattr(cluster_differential, "with_cilium", lambda *_: wrong)
    with pytest.raises(MismatchError, match="a wrong model") as found:
        compare(place, PAIRS, 1)
    said = str(found.value)
    assert "The policy allows\n  nothing" in said, f"shrunk to no rule: {said}"
    assert said.endswith("The seed was 1.")
