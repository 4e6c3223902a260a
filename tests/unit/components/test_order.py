"""What comes before what. Nothing of newt is made before its cage is in force, nor outlives it.

On a host the firewall is the first thing to come and the last to leave, and the proof is last of
all. In a cluster the proof needs no newt, so that newt itself comes last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.unit.components import examples, k3s_home, nas
from tests.unit.components.examples import EXAMPLES, Example
from tests.unit.components.k3s_home import CLAIM, CONTROL, CONTROL_NAMESPACE, PROOF, RELEASE
from tests.unit.components.nas import CONTAINER, CREDENTIALS, IMAGE, NETWORK, PROBES, RULES, VOLUME
from tests.unit.components.recording import Recording

#: By stack: what confines newt, and what may only come after it.
CAGE = {
    nas.STACK: (RULES,),
    k3s_home.STACK: (k3s_home.NAMESPACE, k3s_home.DENY, k3s_home.POLICY),
}
CAGED = {
    nas.STACK: (*nas.ON_DOCKER, CREDENTIALS, PROBES),
    k3s_home.STACK: (PROOF, k3s_home.CREDENTIALS, CLAIM, RELEASE),
}
OF_NEWT = {
    nas.STACK: (*nas.ON_DOCKER, CREDENTIALS),
    k3s_home.STACK: (k3s_home.CREDENTIALS, CLAIM, RELEASE),
}
#: By stack: what else comes before what.
FURTHER = {
    nas.STACK: [
        *((part, CONTAINER) for part in (NETWORK, VOLUME, IMAGE, CREDENTIALS)),
        (VOLUME, CREDENTIALS),
        *((part, PROBES) for part in OF_NEWT[nas.STACK]),
    ],
    k3s_home.STACK: [
        (k3s_home.NAMESPACE, k3s_home.DENY),
        (k3s_home.DENY, k3s_home.POLICY),
        (CONTROL_NAMESPACE, CONTROL),
        *((proof, part) for proof in (PROOF, CONTROL) for part in OF_NEWT[k3s_home.STACK]),
        (k3s_home.CREDENTIALS, RELEASE),
        (CLAIM, RELEASE),
    ],
}
LAST = {nas.STACK: PROBES, k3s_home.STACK: RELEASE}


def _caged() -> Iterator[Any]:
    for example in EXAMPLES:
        for cage in CAGE[example.STACK]:
            for caged in CAGED[example.STACK]:
                yield pytest.param(example, cage, caged, id=f"{cage} before {caged}")


def _further() -> Iterator[Any]:
    for example in EXAMPLES:
        for earlier, later in FURTHER[example.STACK]:
            yield pytest.param(example, earlier, later, id=f"{earlier} before {later}")


@pytest.mark.parametrize(
    ("example", "earlier", "later"), [*_caged(), *_further()], indirect=["example"]
)
def test_each_thing_stands_before_what_relies_on_it_and_leaves_after_it(
    deployed: Recording, earlier: str, later: str
) -> None:
    assert deployed.position(earlier) < deployed.position(later)
    assert earlier in deployed.needs(later), (
        f"{later} would be made while {earlier} is still being made, and outlive it at destroy"
    )


@pytest.mark.parametrize(("example", "cage", "caged"), [*_caged()], indirect=["example"])
def test_the_cage_is_a_dependency_of_each_resource_itself(
    deployed: Recording, cage: str, caged: str
) -> None:
    assert deployed.named(cage).urn in deployed.named(caged).dependencies, (
        "a component's depends_on orders creation only: destroy looks at each resource's own"
    )


def test_the_last_thing_is_the_proof_on_a_host_and_newt_in_a_cluster(
    example: Example, deployed: Recording
) -> None:
    assert deployed.resources[-1].name == LAST[example.STACK]


def test_on_a_host_nothing_needs_the_proof() -> None:
    deployed = examples.deployed(nas)
    for resource in deployed.resources:
        assert PROBES not in deployed.needs(resource.name), (
            "a failed proof would hold up other updates"
        )


def test_a_preview_keeps_the_same_order(example: Example, previewed: Recording) -> None:
    for caged in CAGED[example.STACK]:
        assert set(CAGE[example.STACK]) <= previewed.needs(caged)
    for earlier, later in FURTHER[example.STACK]:
        assert earlier in previewed.needs(later)


@pytest.mark.parametrize(
    ("example", "fails"),
    [
        (nas, RULES),
        *((k3s_home, part) for part in (*CAGE[k3s_home.STACK], PROOF, CONTROL)),
    ],
    indirect=["example"],
    ids=lambda value: value if isinstance(value, str) else value.STACK,
)
def test_nothing_of_newt_is_made_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, example: Example, fails: str
) -> None:
    def fail(type_: str, name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        if name == fails:
            raise RuntimeError("the cage is open")
        return computed(type_, name, inputs)

    computed = example.computed
    monkeypatch.setattr(example, "computed", fail)
    recording = Recording()
    with pytest.raises(RuntimeError, match="the cage is open"):
        example.deploy(into=recording)
    made = {resource.name for resource in recording.resources}
    assert fails in made
    assert made.isdisjoint(OF_NEWT[example.STACK]), "newt may never run before its cage"
    assert PROBES not in made
