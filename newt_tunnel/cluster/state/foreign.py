"""Objects in newt's namespace that are not this stack's, and access that others give newt.

NetworkPolicies add up. ``drift`` finds missing or replaced objects of ours. Pure; works on what was
read.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from newt_tunnel.cluster.reading.snapshot import NetworkPolicy, Snapshot
from newt_tunnel.cluster.state.expected import NAMESPACE, NETWORK_POLICY, OWNER
from newt_tunnel.cluster.state.policy_changes import listed_statements, removal
from newt_tunnel.cluster.text import kubectl
from newt_tunnel.egress.policy_statements import opened
from newt_tunnel.findings import Finding, error, warning

_TOKENS = {
    NAMESPACE: "kubernetes:core/v1:Namespace",
    NETWORK_POLICY: "kubernetes:networking.k8s.io/v1:NetworkPolicy",
}


@dataclass(frozen=True, kw_only=True)
class Owned:
    """An object the program makes; ``resource`` is its name in Pulumi."""

    kind: str
    name: str
    resource: str


def existing_objects(
    snapshot: Snapshot,
    namespace: str,
    owned: Iterable[Owned],
    owner: str,
    *,
    is_deployed: bool = False,
) -> tuple[Finding, ...]:
    """Return an error for each existing object that is not this stack's, with the commands that
    take it over.

    ``namespace`` is newt's own, ``owner`` this stack as its ``OWNER`` annotation says. If the stack
    is deployed already, an object without an owner has replaced ours, which ``drift`` reports.
    """
    return tuple(
        _taken(snapshot, namespace, one, owner, found)
        for one in owned
        if (found := _annotations(snapshot, namespace, one)) is not None
        and found.get(OWNER) != owner
        and not (is_deployed and OWNER not in found)
    )


def _annotations(snapshot: Snapshot, namespace: str, one: Owned) -> Mapping[str, str] | None:
    if one.kind == NAMESPACE:
        return next((n.annotations for n in snapshot.namespaces if n.name == one.name), None)
    return next(
        (
            policy.annotations
            for policy in snapshot.policies
            if (policy.namespace, policy.name) == (namespace, one.name)
        ),
        None,
    )


def _taken(
    snapshot: Snapshot, namespace: str, one: Owned, owner: str, annotations: Mapping[str, str]
) -> Finding:
    text = f"{one.kind} {one.name} exists already"
    if OWNER in annotations:
        return error(
            "kubernetes.namespace",
            f"{text} and belongs to the stack {annotations[OWNER]}; write another "
            "kubernetes.namespace",
        )
    if one.kind == NAMESPACE:
        where, identity = "", one.name
    else:
        where, identity = f" --namespace {namespace}", f"{namespace}/{one.name}"
    command = f"{kubectl(snapshot.context)}{where}"
    return error(
        "kubernetes.namespace",
        f"{text} and is not of this stack; write another kubernetes.namespace, or take it over: "
        f"{command} annotate {one.kind.lower()} {one.name} {OWNER}={owner} && "
        f"pulumi import {_TOKENS[one.kind]} {one.resource} {identity} --protect=false --yes",
    )


def foreign_access(
    snapshot: Snapshot, labels: Mapping[str, str], own: Container[str]
) -> tuple[Finding, ...]:
    """Return a warning for everything that other policies allow newt, whose pods have ``labels``;
    ``own`` are the names of the program's policies.
    """
    return tuple(
        finding
        for policy in snapshot.policies
        if policy.name not in own
        for finding in _foreign(snapshot, policy, labels)
    )


def _foreign(
    snapshot: Snapshot, policy: NetworkPolicy, labels: Mapping[str, str]
) -> Iterator[Finding]:
    access = opened(policy.spec)
    if access and _selects(policy.spec.get("podSelector") or {}, labels):
        yield warning(
            f"NetworkPolicy {policy.name}",
            "is not of this program and selects newt's pods; policies add up, and it allows: "
            f"{listed_statements(access)}; {removal(snapshot, policy)}",
        )


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _fits(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _fits(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            # An unknown operator of a later Kubernetes: a needless warning is better than none.
            return True
