"""Differences from the state after the last update: namespaces, policies, newt's objects.

``generation`` makes the engine repair them. Pure; works on what was read, and on the engine's
record of the deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from newt_tunnel.cluster.reading.snapshot import NetworkPolicy, Snapshot
from newt_tunnel.cluster.state.expected import (
    NAMESPACE,
    NETWORK_POLICY,
    OWNER,
    REFRESH,
    Difference,
    Expected,
    repair,
)
from newt_tunnel.cluster.state.own_objects import needed_objects, release_and_pods
from newt_tunnel.cluster.state.policy_changes import policy_difference
from newt_tunnel.egress.network_policy import DIGEST_ANNOTATION, deny_all, deny_in_words, digest_of
from newt_tunnel.egress.policy_statements import statements


def deployed_digest(
    snapshot: Snapshot, recorded: str | None, pod_labels: Mapping[str, str]
) -> str | None:
    """Return the hash of the deployed policy; None if nothing was deployed.

    ``recorded`` comes from the engine's state, which lacks an interrupted update; newt's pods then
    have the hash.
    """
    if recorded:
        return recorded
    digests = {
        pod.annotations[DIGEST_ANNOTATION]
        for pod in snapshot.installed.pods_with(pod_labels) or ()
        if DIGEST_ANNOTATION in pod.annotations
    }
    return min(digests, default=None)


def differences(
    snapshot: Snapshot, expected: Expected, digest: str | None
) -> tuple[Difference, ...]:
    """Return all differences from the last update. ``digest`` is ``deployed_digest``."""
    return () if digest is None else tuple(_differences(snapshot, expected, digest))


def _differences(snapshot: Snapshot, expected: Expected, digest: str) -> Iterator[Difference]:
    yield from _namespace(snapshot, expected, expected.namespace)
    control = expected.control_namespace
    if control is not None and not _is_renamed(snapshot, expected):
        yield from _namespace(snapshot, expected, control)
    if snapshot.has_namespace(expected.namespace):
        yield from _policies(snapshot, expected, digest)
        yield from needed_objects(snapshot, expected)
        yield from release_and_pods(snapshot, expected)


def _is_renamed(snapshot: Snapshot, expected: Expected) -> bool:
    """Whether the control namespace has another name in the cluster than in the stack file."""
    own = (expected.namespace, expected.control_namespace)
    return any(
        one.annotations.get(OWNER) == expected.owner and one.name not in own
        for one in snapshot.namespaces
    )


def _namespace(snapshot: Snapshot, expected: Expected, name: str) -> Iterator[Difference]:
    found = snapshot.namespace(name)
    if found is None:
        # The engine would upgrade the release in newt's namespace, which Helm refuses without its
        # record.
        text = f"is missing, with all that was in it, and the engine does not notice; {REFRESH}"
        yield Difference(kind=NAMESPACE, name=name, text=text, is_missing=True, is_repaired=False)
        return
    labels = dict(found.labels)
    lost = [
        f"{key} is {labels[key]!r} instead of {value!r}" if key in labels else f"{key} is missing"
        for key, value in expected.namespace_labels.items()
        if labels.get(key) != value
    ]
    if OWNER not in found.annotations:
        lost.append(f"{OWNER} is missing")
    if lost:
        yield Difference(
            kind=NAMESPACE, name=name, text=f"was changed: {', '.join(lost)}; {repair()}"
        )


def _policies(snapshot: Snapshot, expected: Expected, digest: str) -> Iterator[Difference]:
    there = {one.name: one for one in snapshot.policies}
    is_open = not expected.policies.keys() & there.keys()
    for name, rendered in expected.policies.items():
        found = there.get(name)
        if found is None:
            text = "is missing" + (
                ", and no other of ours is there: newt may reach everything" if is_open else ""
            )
            yield Difference(
                kind=NETWORK_POLICY, name=name, text=f"{text}; {repair()}", is_missing=True
            )
        elif not _is_as_deployed(
            found, rendered, digest if name == expected.newts_policy else None
        ):
            said = policy_difference(found, rendered) or policy_difference(
                NetworkPolicy(namespace=found.namespace, name=name, spec=found.spec), rendered
            )
            text = f"is not as it was deployed; {said}" if said else "is not the one of this stack"
            yield Difference(kind=NETWORK_POLICY, name=name, text=f"{text}; {repair()}")


def deny_as_there(snapshot: Snapshot, name: str) -> Mapping[str, Any]:
    """Return the spec of the namespace-wide deny as it exists: either of two forms, which close the
    same.
    """
    in_words = deny_in_words()
    is_in_words = any(
        one.name == name and _meaning(one.spec) == _meaning(in_words) for one in snapshot.policies
    )
    return in_words if is_in_words else deny_all()


def _is_as_deployed(found: NetworkPolicy, rendered: Mapping[str, Any], digest: str | None) -> bool:
    """Compare with what is rendered now and with the state, never with the object's own
    annotations: a client that changes a policy can change them too.
    """
    if OWNER not in found.annotations:
        return False
    if _meaning(found.spec) == _meaning(rendered):
        return True
    # The stack file has changed since.
    is_like = _meaning({**found.spec, "egress": []}) == _meaning({**rendered, "egress": []})
    return is_like and digest_of(found.spec) == digest


def _meaning(spec: Mapping[str, Any]) -> set[str]:
    return {one.fingerprint for one in statements(spec)}
