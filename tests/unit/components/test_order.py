"""What comes before what. The firewall is the first thing on the host and the last to leave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.components import nas as example
from tests.unit.components.nas import (
    CONTAINER,
    CREDENTIALS,
    IMAGE,
    NETWORK,
    ON_DOCKER,
    PROBES,
    RULES,
    VOLUME,
    deploy,
)
from tests.unit.components.recording import Recording

AFTER_THE_RULES = (*ON_DOCKER, CREDENTIALS, PROBES)


@pytest.mark.parametrize("name", AFTER_THE_RULES)
def test_the_firewall_stands_before_anything_else_and_leaves_after_it(
    nas: Recording, name: str
) -> None:
    assert nas.position(RULES) < nas.position(name)
    assert RULES in nas.needs(name), (
        f"{name} would be made while the rules are still loading, and at destroy the rules could "
        "go first"
    )


@pytest.mark.parametrize("name", AFTER_THE_RULES)
def test_the_firewall_is_a_dependency_of_each_resource_itself(nas: Recording, name: str) -> None:
    assert nas.named(RULES).urn in nas.named(name).dependencies, (
        "a component's depends_on orders creation only: destroy looks at each resource's own"
    )


@pytest.mark.parametrize("name", [NETWORK, VOLUME, IMAGE, CREDENTIALS])
def test_the_container_comes_after_all_it_is_made_of(nas: Recording, name: str) -> None:
    assert name in nas.needs(CONTAINER)


def test_credentials_come_after_the_volume_they_may_be_stored_in(nas: Recording) -> None:
    assert VOLUME in nas.needs(CREDENTIALS)


def test_the_proof_is_last(nas: Recording) -> None:
    assert nas.resources[-1].name == PROBES
    assert {RULES, *ON_DOCKER, CREDENTIALS} <= nas.needs(PROBES)


def test_nothing_needs_the_proof(nas: Recording) -> None:
    for resource in nas.resources:
        assert PROBES not in nas.needs(resource.name), "a failed proof would hold up other updates"


def test_a_firewall_that_does_not_load_leaves_docker_untouched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails_to_load(type_: str, name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        if name == RULES:
            raise RuntimeError("newt-egress: no iptables on this host")
        return computed(type_, name, inputs)

    computed = example.computed
    monkeypatch.setattr(example, "computed", fails_to_load)
    recording = Recording()
    with pytest.raises(RuntimeError, match="no iptables"):
        deploy(into=recording)
    created = {resource.name for resource in recording.resources}
    assert RULES in created
    assert created.isdisjoint(AFTER_THE_RULES), "newt may never run before its cage"


def test_a_preview_keeps_the_same_order(preview: Recording) -> None:
    for name in AFTER_THE_RULES:
        assert RULES in preview.needs(name)
    assert {*ON_DOCKER, CREDENTIALS} <= preview.needs(PROBES)
