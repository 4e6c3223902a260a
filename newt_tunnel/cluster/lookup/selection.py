"""The pods that an entry selects, by labels or through a Service, and their rules and contacts.

Pure; works on a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from newt_tunnel.cluster.lookup.entry import KeyedTarget
from newt_tunnel.cluster.reading.snapshot import Pod, ServicePort, Snapshot
from newt_tunnel.cluster.text import listed
from newt_tunnel.egress.cluster_proof import Contact
from newt_tunnel.egress.model import Pods, PortName, PortRange, Protocol, labels_text
from newt_tunnel.egress.rules import Rule
from newt_tunnel.findings import Finding, warning


@dataclass(frozen=True, kw_only=True)
class Selection:
    pods: tuple[Pod, ...]
    #: The rule's destination.
    rule: Rule
    #: The rule, and one for each address of a pod in its node's network, which a policy does not
    #: select.
    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]

    def contacts(self, numbers: Iterable[int]) -> list[Contact]:
        """One pod is enough, preferably one that is ready."""
        candidates = sorted(
            (pod for pod in self.pods if pod.addresses), key=lambda pod: (not pod.ready, pod.name)
        )
        return [Contact(pod.addresses[0], number) for pod in candidates[:1] for number in numbers]


def select(
    entry: KeyedTarget,
    destination: Pods,
    ports: Iterable[PortRange],
    names: Iterable[str],
    snapshot: Snapshot,
) -> Selection:
    """``ports`` and ``names`` are the pods' own."""
    pods = snapshot.selected(destination.namespace, destination.labels)
    known = [PortName(name, _numbers_of(name, pods, entry.target.protocol)) for name in names]
    rule = entry.rule(destination, ports, known)
    on_nodes = {address for pod in pods if pod.host_network for address in pod.addresses}
    at_nodes = (
        entry.rule(ip_network(address), rule.numbers)
        for address in sorted(on_nodes, key=lambda one: (one.version, int(one)))
        if rule.numbers
    )
    return Selection(
        pods=pods,
        rule=rule,
        rules=(rule, *at_nodes),
        findings=tuple(_findings(entry, destination, pods, rule)),
    )


def target_numbers(port: ServicePort, pods: Iterable[Pod], protocol: Protocol) -> tuple[int, ...]:
    """Return the ports of ``pods`` behind a Service's port."""
    if isinstance(port.target, int):
        return (port.target,)
    return _numbers_of(port.target, pods, protocol)


def _numbers_of(name: str, pods: Iterable[Pod], protocol: Protocol) -> tuple[int, ...]:
    """Return the numbers of a port's name in the existing pods."""
    return tuple(
        sorted(
            {
                port.port
                for pod in pods
                for port in pod.ports
                if port.name == name and port.protocol.lower() == protocol.value
            }
        )
    )


def _findings(
    entry: KeyedTarget, destination: Pods, pods: tuple[Pod, ...], rule: Rule
) -> Iterator[Finding]:
    if not pods:
        yield warning(
            entry.key,
            f"no pod of namespace {destination.namespace} has the labels "
            f"{labels_text(destination.labels) or '(any)'} now; see kubectl get pods -n "
            f"{destination.namespace} --show-labels",
        )
        return
    for port in rule.port_names:
        if not port.numbers:
            has = listed(one.name for pod in pods for one in pod.ports if one.name)
            yield warning(
                f"{entry.key}.port",
                f"no container of these pods calls a port {port}; they have {has or 'no names'}",
            )
    if any(pod.host_network for pod in pods):
        addresses = listed(address for pod in pods if pod.host_network for address in pod.addresses)
        yield warning(
            entry.key,
            f"these pods use their node's network, where policies know them by address only: "
            f"{addresses} now; run pulumi up when they move",
        )
