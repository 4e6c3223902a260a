"""What is not as the last update left it in the cluster, and what makes the engine notice.

Pulumi's engine compares a program with its own state and never looks at the cluster. So the program
looks: where something of ours is missing or changed it renders another *generation*, an annotation
of everything that must be done again. The generation is read back from the objects, so that the
next look finds what the state holds. A stack that nothing ever happened to has none.

Pure; works on what was read, and on what the engine's state says was deployed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from newt_tunnel.cluster.difference import REFRESH, Difference, Made, repair
from newt_tunnel.cluster.existing import NAMESPACE, NETWORK_POLICY, OWNER, difference
from newt_tunnel.cluster.installed import Named
from newt_tunnel.cluster.own_objects import belongings, newt
from newt_tunnel.cluster.snapshot import NetworkPolicy, Snapshot
from newt_tunnel.egress.network_policy import DIGEST_ANNOTATION, deny_all, deny_in_words, digest_of
from newt_tunnel.egress.policy_statements import statements

GENERATION_ANNOTATION = "newt-tunnel/generation"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_GENERATION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def deployed_digest(
    snapshot: Snapshot, recorded: str | None, pod_labels: Mapping[str, str]
) -> str | None:
    """The hash of the policy that was deployed; None where nothing was.

    ``recorded`` is what the engine's state says. It says nothing of an update that never came to
    its end, but newt's pods do.
    """
    if recorded:
        return recorded
    digests = {
        pod.annotations[DIGEST_ANNOTATION]
        for pod in snapshot.installed.pods_with(pod_labels) or ()
        if DIGEST_ANNOTATION in pod.annotations
    }
    return min(digests, default=None)


def generation(
    snapshot: Snapshot, made: Made, differences: tuple[Difference, ...], now: datetime
) -> str | None:
    """The generation to render: a new one where something is to be put right, else the newest that
    is there, which an interrupted update may have written to some objects only.
    """
    if any(one.is_repaired for one in differences):
        return now.strftime(_TIME)
    own = (made.namespace, made.control_namespace)
    annotations = [
        *(one.annotations for one in snapshot.namespaces if one.name in own),
        *(one.annotations for one in snapshot.policies if one.name in made.policies),
    ]
    return _newest(annotations)


def own_generation(there: Iterable[Named] | None, beginning: str) -> str | None:
    """Of an object that nothing changes but its own loss: the generation that it was made again
    in. Pulumi gives its name an end.
    """
    return _newest(one.annotations for one in there or () if one.name.startswith(beginning))


def _newest(annotations: Iterable[Mapping[str, str]]) -> str | None:
    found = (one.get(GENERATION_ANNOTATION, "") for one in annotations)
    return max((text for text in found if _GENERATION.fullmatch(text)), default=None)


def differences(snapshot: Snapshot, made: Made, digest: str | None) -> tuple[Difference, ...]:
    """All that is not as the update left it. ``digest`` is ``deployed_digest``."""
    return () if digest is None else tuple(_differences(snapshot, made, digest))


def _differences(snapshot: Snapshot, made: Made, digest: str) -> Iterator[Difference]:
    yield from _namespace(snapshot, made, made.namespace)
    control = made.control_namespace
    if control is not None and not _is_renamed(snapshot, made):
        yield from _namespace(snapshot, made, control)
    if snapshot.has_namespace(made.namespace):
        yield from _policies(snapshot, made, digest)
        yield from belongings(snapshot, made)
        yield from newt(snapshot, made)


def _is_renamed(snapshot: Snapshot, made: Made) -> bool:
    """Whether the control namespace goes by another name in the cluster than in the stack file."""
    own = (made.namespace, made.control_namespace)
    return any(
        one.annotations.get(OWNER) == made.owner and one.name not in own
        for one in snapshot.namespaces
    )


def _namespace(snapshot: Snapshot, made: Made, name: str) -> Iterator[Difference]:
    found = snapshot.namespace(name)
    if found is None:
        # The release in newt's would be upgraded, and Helm refuses that without its record.
        text = f"is missing, with all that was in it, and the engine does not notice; {REFRESH}"
        yield Difference(kind=NAMESPACE, name=name, text=text, is_missing=True, is_repaired=False)
        return
    labels = dict(found.labels)
    lost = [
        f"{key} is {labels[key]!r} instead of {value!r}" if key in labels else f"{key} is missing"
        for key, value in made.namespace_labels.items()
        if labels.get(key) != value
    ]
    if OWNER not in found.annotations:
        lost.append(f"{OWNER} is missing")
    if lost:
        yield Difference(
            kind=NAMESPACE, name=name, text=f"was changed: {', '.join(lost)}; {repair()}"
        )


def _policies(snapshot: Snapshot, made: Made, digest: str) -> Iterator[Difference]:
    there = {one.name: one for one in snapshot.policies}
    is_open = not made.policies.keys() & there.keys()
    for name, rendered in made.policies.items():
        found = there.get(name)
        if found is None:
            text = "is missing" + (
                ", and no other of ours is there: newt may reach everything" if is_open else ""
            )
            yield Difference(
                kind=NETWORK_POLICY, name=name, text=f"{text}; {repair()}", is_missing=True
            )
        elif not _is_as_deployed(found, rendered, digest if name == made.newts_policy else None):
            said = difference(found, rendered) or difference(
                NetworkPolicy(namespace=found.namespace, name=name, spec=found.spec), rendered
            )
            text = f"is not as it was deployed; {said}" if said else "is not the one of this stack"
            yield Difference(kind=NETWORK_POLICY, name=name, text=f"{text}; {repair()}")


def deny_as_there(snapshot: Snapshot, name: str) -> Mapping[str, Any]:
    """The spec of the namespace-wide deny: in words, if an update had to write it so, and without a
    difference in what it closes.
    """
    in_words = deny_in_words()
    is_in_words = any(
        one.name == name and _meaning(one.spec) == _meaning(in_words) for one in snapshot.policies
    )
    return in_words if is_in_words else deny_all()


def _is_as_deployed(found: NetworkPolicy, rendered: Mapping[str, Any], digest: str | None) -> bool:
    """Judged by what is rendered now and by what the state holds, never by what the object says of
    itself: who changes a policy can change its annotations.
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
