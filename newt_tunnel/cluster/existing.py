"""What is in newt's namespace already: objects that are not ours, and access that we did not give.
What of ours is missing or replaced is ``drift``'s.

NetworkPolicies add up, and Pulumi's refresh does not see what was added to one by hand. Pure; works
on what was read.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from newt_tunnel.cluster.entry_result import listed
from newt_tunnel.cluster.findings import Finding, error, warning
from newt_tunnel.cluster.snapshot import NetworkPolicy, Snapshot
from newt_tunnel.egress.network_policy import RENDERED_ANNOTATION
from newt_tunnel.egress.policy_statements import Statement, opened, statements

#: Annotation of everything of ours: ``project/stack``.
OWNER = "newt-tunnel/owner"

NAMESPACE = "Namespace"
NETWORK_POLICY = "NetworkPolicy"
_TOKENS = {
    NAMESPACE: "kubernetes:core/v1:Namespace",
    NETWORK_POLICY: "kubernetes:networking.k8s.io/v1:NetworkPolicy",
}
#: Of one statement; how many are shown is ``listed``'s.
_LONGEST_TEXT = 160


@dataclass(frozen=True, kw_only=True)
class Owned:
    """An object the program makes; ``resource`` is its name in Pulumi."""

    kind: str
    name: str
    resource: str


def existing_objects(
    snapshot: Snapshot,
    namespace: str,
    expected: Iterable[Owned],
    owner: str,
    *,
    is_deployed: bool = False,
) -> tuple[Finding, ...]:
    """An error for each object that is there and not of this stack, with the way to take it over.

    ``namespace`` is newt's own, ``owner`` this stack as its ``OWNER`` annotation says. Where the
    stack is deployed already, an object without an owner has replaced ours: that is ``drift``'s.
    """
    return tuple(
        _taken(snapshot, namespace, one, owner, found)
        for one in expected
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
    kubectl = f"{_kubectl(snapshot)}{where}"
    return error(
        "kubernetes.namespace",
        f"{text} and is not of this stack; write another kubernetes.namespace, or take it over: "
        f"{kubectl} annotate {one.kind.lower()} {one.name} {OWNER}={owner} && "
        f"pulumi import {_TOKENS[one.kind]} {one.resource} {identity} --protect=false --yes",
    )


def changed_by_hand(
    snapshot: Snapshot, own: Mapping[str, Mapping[str, Any]]
) -> tuple[Finding, ...]:
    """A warning for each policy of ours that says more or less than it was rendered with, by what
    it remembers of that itself: for a stack of whose update nothing is recorded yet.

    ``own`` are the program's policies: name to spec, as rendered now.
    """
    return tuple(
        warning(
            f"NetworkPolicy {policy.name}",
            f"was changed by hand, which Pulumi does not see; {text}; "
            f"{_removal(snapshot, policy)} && pulumi up --refresh (newt is shut meanwhile)",
        )
        for policy in snapshot.policies
        if policy.name in own and (text := difference(policy, own[policy.name]))
    )


def difference(policy: NetworkPolicy, rendered: Mapping[str, Any]) -> str:
    """What ``policy`` says beside or instead of ``rendered``, in words; empty where it is nothing.

    A policy of ours remembers what it was rendered with: a change of the stack file is not taken
    for one by hand.
    """
    now = {one.fingerprint: one for one in statements(rendered)}
    there = {one.fingerprint: one for one in statements(policy.spec)}
    remembered = policy.annotations.get(RENDERED_ANNOTATION)
    was = set(now) if remembered is None else set(remembered.split())
    added = [one for fingerprint, one in there.items() if fingerprint not in was]
    gone = was - there.keys()
    missing = [one for fingerprint, one in now.items() if fingerprint in gone]
    differences = []
    if added:
        differences.append(f"added: {_listed(added)}")
    if missing:
        differences.append(f"missing: {_listed(missing)}")
    if len(gone) > len(missing):
        # The stack file has changed since, and only its words would say what they were.
        differences.append(f"missing of an earlier stack file: {len(gone) - len(missing)}")
    return "; ".join(differences)


def foreign_access(
    snapshot: Snapshot, labels: Mapping[str, str], own: Container[str]
) -> tuple[Finding, ...]:
    """A warning for everything that policies of others allow newt, whose pods have ``labels``;
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
            f"{_listed(access)}; {_removal(snapshot, policy)}",
        )


def _removal(snapshot: Snapshot, policy: NetworkPolicy) -> str:
    return (
        f"remove it: {_kubectl(snapshot)} --namespace {policy.namespace} delete networkpolicy "
        f"{policy.name}"
    )


def _kubectl(snapshot: Snapshot) -> str:
    return f"kubectl --context {snapshot.context}" if snapshot.context else "kubectl"


def _listed(found: Iterable[Statement]) -> str:
    return listed(
        one.text if len(one.text) <= _LONGEST_TEXT else f"{one.text[:_LONGEST_TEXT]}..."
        for one in found
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
            # An operator of a later Kubernetes: rather a warning too many.
            return True
