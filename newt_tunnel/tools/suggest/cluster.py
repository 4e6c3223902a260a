"""Judges what newt tried from its pod, by the stack file alone.

Which pods a Service has only the cluster knows, so a Service on ``mustNotReach`` shuts its whole
namespace here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from newt_tunnel.egress.model import Address, Pods
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.stack import KubernetesSettings
from newt_tunnel.settings.targets import Target
from newt_tunnel.tools.suggest.assessment import (
    OFFERED,
    Advice,
    Assessment,
    has_port,
    no_target,
    outside,
)
from newt_tunnel.tools.suggest.attempts import Attempt

_SYSTEM = "kube-system"

#: The output without flows, because no API offers them.
EXPLANATION = """\
# A NetworkPolicy has no counters and no log, and the Kubernetes API offers nothing to read: how
# often an entry was used, and what was refused, only the enforcer knows. Cilium with Hubble
# switched on: its flows, which this program reads: kubectl -n kube-system exec ds/cilium -c
# cilium-agent -- hubble observe \\ --type drop --type policy-verdict --from-namespace {namespace}
# --last 1000 \\ --output json >flows.json (an agent knows the flows of its own node: ask the one on
# newt's) make suggest STACK={stack} FLOWS=flows.json kube-router (k3s): the node's kernel hands
# dropped packets to NFLOG group 100, for tcpdump -n -i nflog:100 on newt's node. Nothing keeps
# them; this program does not read them. Another: its own documentation. Where it says nothing,
# nothing can be told.
"""


@dataclass(frozen=True)
class Cluster:
    """Judges by ``settings``."""

    settings: KubernetesSettings

    def verdict_on(self, attempt: Attempt) -> Assessment:
        if any(means(entry, attempt) for entry in self.settings.egress):
            return Advice.ALLOWED, "the stack file allows it now"
        never = next(self._never(attempt), None)
        if never is not None:
            return Advice.NEVER, never
        doubt = next(self._doubts(attempt), None)
        return OFFERED if doubt is None else (Advice.DOUBTED, doubt)

    def _never(self, attempt: Attempt) -> Iterator[str]:
        destination = attempt.destination
        for entry in self.settings.must_not_reach:
            meaning = entry.meaning
            if means(entry, attempt) or (_is_at(entry, destination) and entry.port.names):
                yield f"mustNotReach {entry.name}"
            if (
                isinstance(meaning, ServiceRef)
                and isinstance(destination, Pods)
                and meaning.namespace == destination.namespace
            ):
                yield f"may be mustNotReach {entry.name}, whose pods only the cluster knows"
        if attempt.entity:
            yield f"a node or the Kubernetes API ({attempt.entity})"
        if isinstance(destination, Pods) and destination.namespace == self._namespace:
            yield "NEWT'S OWN NAMESPACE: a pod there can attack newt, and newt can attack it"
        yield from no_target(attempt)

    def _doubts(self, attempt: Attempt) -> Iterator[str]:
        destination = attempt.destination
        for entry in self.settings.must_not_reach:
            if _is_at(entry, destination):
                yield f"the target of mustNotReach {entry.name}, at another port"
        if not isinstance(destination, Pods):
            yield from outside(destination, attempt)
            return
        if destination.namespace == _SYSTEM:
            yield "PART OF THE CLUSTER ITSELF"
        if not destination.labels:
            yield "pods without an identifying label: this opens their whole namespace"

    @property
    def _namespace(self) -> str:
        return self.settings.kubernetes.namespace


def means(entry: Target, attempt: Attempt) -> bool:
    """Whether the entry matches the attempt's target and port, as far as the stack file shows."""
    return _is_at(entry, attempt.destination) and has_port(
        entry.protocol, entry.port.ranges, attempt
    )


def _is_at(entry: Target, destination: Address | Pods) -> bool:
    meaning = entry.meaning
    if isinstance(meaning, Pods):
        return isinstance(destination, Pods) and meaning.overlaps(destination)
    if isinstance(meaning, ServiceRef | str) or isinstance(destination, Pods):
        return False
    return destination in meaning
