"""A flood of forbidden targets while Cilium and newt fail; `make faults` lets more happen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.cluster.faults import Fault, changed_while_away, newt_deleted
from tests.faults.cluster.scene import Scene
from tests.faults.cluster.trial import control, suffer
from tests.faults.finding import Verdict
from tests.faults.report import conclusion
from tests.lab import Lab
from tests.lab.kubernetes import Cluster

pytestmark = pytest.mark.lab

SHORT = (
    Fault("the list changes while Cilium's agent is away", changed_while_away),
    Fault("newt's pod is deleted and replaced", newt_deleted(times=1)),
)


@pytest.fixture(scope="module")
def scene(lab: Lab, cluster: Cluster) -> Iterator[Scene]:
    made = Scene(lab, cluster)
    with made.namespace():
        yield made


def test_the_flood_of_a_newt_without_a_policy_arrives_at_every_target(scene: Scene) -> None:
    found = control(scene)
    assert found.verdict is Verdict.ARRIVED, conclusion([found])


def test_nothing_arrives_whatever_happens_to_the_enforcer_and_to_newt(scene: Scene) -> None:
    found = list(suffer(scene, SHORT))
    # First, and without a word of what was late: a leak gets no second try.
    assert [each.fault for each in found if each.leaked] == []
    assert [each.verdict for each in found] == [Verdict.HELD] * len(SHORT), conclusion(found)
