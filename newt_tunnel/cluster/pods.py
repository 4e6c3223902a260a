"""Pods: what is probably not meant, the numbers behind their ports' names, those on their node.

Pure; works on a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from newt_tunnel.cluster.entry_result import Entry, Found, listed
from newt_tunnel.cluster.findings import Finding, info, warning
from newt_tunnel.cluster.probe_targets import dial_pods, leads_to, numbers_of
from newt_tunnel.cluster.snapshot import Pod, Service, Snapshot
from newt_tunnel.egress.model import Pods, PortName, PortRange, Protocol, labels_text
from newt_tunnel.egress.rules import Rule
from newt_tunnel.settings.cluster_types import TargetPorts


def check_pods(entry: Entry, destination: Pods, snapshot: Snapshot) -> Found:
    """Pods that the file names itself."""
    pods = snapshot.selected(destination.namespace, destination.labels)
    ports: TargetPorts = entry.target.port
    names = [named(name, pods, entry) for name in ports.names]
    rule = entry.rule(destination, ports.ranges, names)
    findings: list[Finding] = []
    if not destination.labels:
        findings.append(
            warning(
                f"{entry.key}.labels",
                f"without labels every pod of namespace {destination.namespace} is meant; write "
                "those of the one you mean",
            )
        )
    if not snapshot.has_namespace(destination.namespace):
        findings.append(
            warning(
                f"{entry.key}.namespace",
                f"there is no namespace {destination.namespace}; correct the name, unless it is "
                "still to come",
            )
        )
    else:
        findings += pod_findings(entry, destination, pods, rule)
        findings += _undeclared(entry, pods, snapshot.services_of(destination.namespace))
    return Found(
        rules=(rule, *on_the_node(entry, pods, rule)),
        dialled=(dial_pods(entry, rule, pods, snapshot),),
        findings=tuple(findings),
    )


def named(name: str, pods: Iterable[Pod], entry: Entry) -> PortName:
    """The numbers that a named port has in the pods there are."""
    return PortName(name, numbers_of(name, pods, entry.target.protocol))


def pod_findings(
    entry: Entry, destination: Pods, pods: tuple[Pod, ...], rule: Rule
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


def _undeclared(
    entry: Entry, pods: tuple[Pod, ...], services: Iterable[Service]
) -> Iterator[Finding]:
    """Numbers that no container declares: most often the Service's port instead of the pods'."""
    protocol = entry.target.protocol.value
    declared = sorted(
        {port.port for pod in pods for port in pod.ports if port.protocol.lower() == protocol}
    )
    for ports in entry.target.port.ranges if pods else ():
        if any(port in ports for port in declared):
            continue
        behind = _behind(ports, pods, services, entry.target.protocol)
        key = f"{entry.key}.port"
        if behind:
            yield warning(
                key,
                f"this looks like the service port {ports}; the pods listen on {listed(behind)}",
            )
        elif declared:
            yield warning(
                key,
                f"no container of these pods declares {ports}; the pods listen on "
                f"{listed(declared)}",
            )
        else:
            yield info(key, f"these pods declare no {protocol} port, so {ports} is not checked")


def _behind(
    ports: PortRange, pods: tuple[Pod, ...], services: Iterable[Service], protocol: Protocol
) -> list[int]:
    """Where Services in front of ``pods`` lead from such a port."""
    found: list[int] = []
    for service in services:
        if not service.selector or not any(leads_to(service, pod) for pod in pods):
            continue
        for port in service.ports:
            if port.port in ports and port.protocol.lower() == protocol.value:
                found += (
                    [port.target]
                    if isinstance(port.target, int)
                    else numbers_of(port.target, pods, protocol)
                )
    return [number for number in dict.fromkeys(found) if number not in ports]


def on_the_node(entry: Entry, pods: Iterable[Pod], rule: Rule) -> Iterator[Rule]:
    """Pods in their node's network are no pods to a policy."""
    addresses = {address for pod in pods if pod.host_network for address in pod.addresses}
    for address in sorted(addresses, key=lambda one: (one.version, int(one))):
        if rule.numbers:
            yield entry.rule(ip_network(address), rule.numbers)
