"""How the proof dials a target inside the cluster: as its clients do, through a Service.

A Service's address outlives the pods, so that an unchanged stack has an unchanged plan. Pure; works
on a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable

from newt_tunnel.cluster.entry_result import Entry
from newt_tunnel.cluster.snapshot import Pod, Service, ServicePort, Snapshot
from newt_tunnel.egress.cluster_proof import Contact, Dialled
from newt_tunnel.egress.model import PortRange, Protocol
from newt_tunnel.egress.rules import Rule


def through_service(
    entry: Entry, service: Service, ports: Iterable[ServicePort], pods: Iterable[Pod]
) -> Dialled:
    if service.addresses:
        contacts = tuple(Contact(service.addresses[0], port.port) for port in ports)
    else:
        contacts = tuple(
            contact
            for port in ports
            for contact in _at_pods(
                pods,
                (port.target,)
                if isinstance(port.target, int)
                else numbers_of(port.target, pods, entry.target.protocol),
            )
        )
    return _dialled(entry, contacts)


def dial_pods(entry: Entry, rule: Rule, pods: tuple[Pod, ...], snapshot: Snapshot) -> Dialled:
    """Through a Service where one leads to such a port: its address outlives the pods."""
    contacts: list[Contact] = []
    for ports in rule.numbers:
        through = [
            Contact(service.addresses[0], port.port)
            for service in snapshot.services_of(pods[0].namespace if pods else "")
            for port in service.ports
            if service.addresses
            and service.selector
            and port.protocol.lower() == rule.protocol.value
            and (behind := [pod for pod in pods if leads_to(service, pod)])
            and set(snapshot.selected(service.ref.namespace, service.selector)) <= set(pods)
            and _leads_into(port, ports, behind, rule.protocol)
        ]
        contacts += through[:1] or _at_pods(pods, (ports.first,))
    return _dialled(entry, tuple(contacts))


def _leads_into(
    port: ServicePort, ports: PortRange, pods: Iterable[Pod], protocol: Protocol
) -> bool:
    if isinstance(port.target, int):
        return port.target in ports
    return any(number in ports for number in numbers_of(port.target, pods, protocol))


def _at_pods(pods: Iterable[Pod], numbers: Iterable[int]) -> list[Contact]:
    """One pod is enough, preferably one that is ready."""
    candidates = sorted(
        (pod for pod in pods if pod.addresses), key=lambda pod: (not pod.ready, pod.name)
    )
    return [Contact(pod.addresses[0], number) for pod in candidates[:1] for number in numbers]


def _dialled(entry: Entry, contacts: tuple[Contact, ...]) -> Dialled:
    return Dialled(
        name=entry.target.name,
        protocol=entry.target.protocol,
        contacts=contacts,
        must_reach=entry.is_allowed,
    )


def leads_to(service: Service, pod: Pod) -> bool:
    return service.ref.namespace == pod.namespace and set(service.selector) <= set(pod.labels)


def numbers_of(name: str, pods: Iterable[Pod], protocol: Protocol) -> tuple[int, ...]:
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
