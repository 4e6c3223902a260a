"""Rules applied to recorded resources that a test has changed, and resources written by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from policies.rules import RULES, ResourceRule, StackRule
from tests.unit.components.recording import STACK
from tests.unit.policies.recorder import alone, recorded, together

Rule = ResourceRule | StackRule
Data = list[dict[str, Any]]

PROJECT = "newt-tunnel"
SECRET = "canary-0815-4711"


def rule(name: str) -> Rule:
    (found,) = (one for one in RULES if one.name == name)
    return found


def findings(which: Rule | str, data: Data) -> list[str]:
    """What a rule says of the resources, each line as a user reads it."""
    judged = rule(which) if isinstance(which, str) else which
    if isinstance(judged, ResourceRule):
        return [str(one) for resource in alone(data) for one in judged.check(resource)]
    return [str(one) for one in judged.check(together(data))]


def everything(data: Data) -> dict[str, list[str]]:
    """What all rules say, by rule."""
    said = {one.name: findings(one, data) for one in RULES}
    return {name: lines for name, lines in said.items() if lines}


def changed(name: str, resource: str, change: Callable[[dict[str, Any]], object]) -> Data:
    """A recording in which ``change`` was made to the properties of one resource."""
    data = recorded(name)
    found = named(data, resource)
    # Inputs and outputs may say the same, and must go on doing so.
    for properties in (found["inputs"], found["outputs"]):
        if properties:
            change(properties)
    return data


def by_hand(type_: str, properties: dict[str, Any], name: str = "bare") -> dict[str, Any]:
    """A resource that somebody wrote beside ours, or instead."""
    return {
        "type": type_,
        "name": name,
        "urn": f"urn:pulumi:nas::{PROJECT}::{type_}::{name}",
        "parent": f"urn:pulumi:nas::{PROJECT}::{STACK}::{PROJECT}-nas",
        "needs": [],
        "provider": "",
        "inputs": properties,
        "outputs": copy.deepcopy(properties),
    }


def container(**properties: Any) -> dict[str, Any]:
    return by_hand(
        "docker:index/container:Container",
        {"name": "newt", "image": "fosrl/newt:1.16.0", **properties},
    )


def deployment(
    *, labels: dict[str, str] | None = None, newt: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """A Deployment of newt in the namespace ``newt``."""
    template = {
        "metadata": {"labels": labels or {"app": "newt"}},
        "spec": {
            "containers": [{"name": "newt", "image": "fosrl/newt:1.16.0", **(newt or {})}],
            **spec,
        },
    }
    return by_hand(
        "kubernetes:apps/v1:Deployment",
        {"metadata": {"namespace": "newt"}, "spec": {"template": template}},
    )


def release(**properties: Any) -> dict[str, Any]:
    """newt's chart in the namespace ``newt``."""
    values = {"newtInstances": [{"name": "main", "enabled": True}]}
    given = {"chart": "newt", "version": "1.5.0", "namespace": "newt", "values": values}
    return by_hand("kubernetes:helm.sh/v3:Release", given | properties)


def network_policy(
    *, egress: object = None, selector: object = None, **spec: Any
) -> dict[str, Any]:
    """A policy for everything in the namespace ``newt``."""
    return by_hand(
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        {
            "metadata": {"namespace": "newt", "name": "cage"},
            "spec": {
                "podSelector": selector or {},
                "policyTypes": ["Egress"],
                "egress": egress or [],
                **spec,
            },
        },
        name="cage",
    )


def provider(package: str, name: str, **properties: Any) -> dict[str, Any]:
    return by_hand(f"pulumi:providers:{package}", properties, name=name)


def made_by(resource: dict[str, Any], provider: dict[str, Any]) -> dict[str, Any]:
    """``resource``, as if it had been given that provider."""
    return resource | {"provider": provider["urn"]}


def named(data: Data, name: str) -> dict[str, Any]:
    (found,) = (one for one in data if one["name"] == name)
    return found


def in_values(*path: str | int, **keys: Any) -> Callable[[dict[str, Any]], object]:
    """Set keys deep in the values of the chart."""

    def change(properties: dict[str, Any]) -> None:
        place = properties["values"]
        for part in path:
            place = place[part]
        place.update(keys)

    return change


def values_of(**instance: Any) -> dict[str, Any]:
    return {"newtInstances": [{"name": "main", "enabled": True, **instance}]}


def after(resource: dict[str, Any], *others: dict[str, Any]) -> Data:
    """``others``, and ``resource`` that depends on them."""
    return [*others, resource | {"needs": [other["urn"] for other in others]}]
