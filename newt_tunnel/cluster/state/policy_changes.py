"""Describes how one of our policies differs from what was rendered.

Pulumi's refresh ignores additions to a policy by hand. Pure; works on what was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from newt_tunnel.cluster.reading.snapshot import NetworkPolicy, Snapshot
from newt_tunnel.cluster.text import kubectl, listed
from newt_tunnel.egress.network_policy import RENDERED_ANNOTATION
from newt_tunnel.egress.policy_statements import Statement, statements
from newt_tunnel.findings import Finding, warning

#: Most characters of one statement; ``listed`` limits their number.
_LONGEST_TEXT = 160


def changed_by_hand(
    snapshot: Snapshot, own: Mapping[str, Mapping[str, Any]]
) -> tuple[Finding, ...]:
    """Return a warning for each of our policies that differs from its own record of the rendered
    rules, for a stack without a recorded update.

    ``own`` are the program's policies: name to spec, as rendered now.
    """
    return tuple(
        warning(
            f"NetworkPolicy {policy.name}",
            f"was changed by hand, which Pulumi does not notice; {text}; "
            f"{removal(snapshot, policy)} && pulumi up --refresh (newt is shut meanwhile)",
        )
        for policy in snapshot.policies
        if policy.name in own and (text := policy_difference(policy, own[policy.name]))
    )


def policy_difference(policy: NetworkPolicy, rendered: Mapping[str, Any]) -> str:
    """Return what differs between ``policy`` and ``rendered``; empty if nothing does.

    Our policies record what they were rendered with, so a change of the stack file is not reported
    as one by hand.
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
        differences.append(f"added: {listed_statements(added)}")
    if missing:
        differences.append(f"missing: {listed_statements(missing)}")
    if len(gone) > len(missing):
        # The stack file has changed since, so the former rules are not known.
        differences.append(f"missing of an earlier stack file: {len(gone) - len(missing)}")
    return "; ".join(differences)


def removal(snapshot: Snapshot, policy: NetworkPolicy) -> str:
    return (
        f"remove it: {kubectl(snapshot.context)} --namespace {policy.namespace} "
        f"delete networkpolicy {policy.name}"
    )


def listed_statements(found: Iterable[Statement]) -> str:
    return listed(
        one.text if len(one.text) <= _LONGEST_TEXT else f"{one.text[:_LONGEST_TEXT]}..."
        for one in found
    )
