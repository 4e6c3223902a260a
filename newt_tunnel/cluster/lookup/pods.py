"""Entries that name pods by their labels. Pure; works on a snapshot."""

from __future__ import annotations

from collections.abc import Iterator

from newt_tunnel.cluster.lookup.entry import Followed, KeyedTarget
from newt_tunnel.cluster.lookup.selection import Selection, select, target_numbers
from newt_tunnel.cluster.reading.snapshot import Snapshot
from newt_tunnel.cluster.text import listed
from newt_tunnel.egress.cluster_proof import Contact
from newt_tunnel.egress.model import Pods, PortRange
from newt_tunnel.findings import Finding, info, warning


def follow_pods(entry: KeyedTarget, destination: Pods, snapshot: Snapshot) -> Followed:
    port = entry.target.port
    selection = select(entry, destination, port.ranges, port.names, snapshot)
    return Followed(
        rules=selection.rules,
        dialled=(entry.dialled(_contacts(entry, destination, selection, snapshot)),),
        findings=tuple(_findings(entry, destination, selection, snapshot)),
    )


def _findings(
    entry: KeyedTarget, destination: Pods, selection: Selection, snapshot: Snapshot
) -> Iterator[Finding]:
    if not destination.labels:
        yield warning(
            f"{entry.key}.labels",
            f"without labels the entry selects every pod of namespace {destination.namespace}; "
            "write the labels of the target",
        )
    if snapshot.has_namespace(destination.namespace):
        yield from selection.findings
        yield from _undeclared(entry, selection, snapshot)
    else:
        yield warning(
            f"{entry.key}.namespace",
            f"there is no namespace {destination.namespace}; correct the name, unless it is "
            "still to come",
        )


def _undeclared(entry: KeyedTarget, selection: Selection, snapshot: Snapshot) -> Iterator[Finding]:
    """Yield findings for ports that no container declares, often a Service's port instead of the
    pods'.
    """
    pods, protocol = selection.pods, entry.target.protocol.value
    declared = sorted(
        {port.port for pod in pods for port in pod.ports if port.protocol.lower() == protocol}
    )
    for ports in entry.target.port.ranges if pods else ():
        if any(port in ports for port in declared):
            continue
        behind = _behind(ports, entry, selection, snapshot)
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
    ports: PortRange, entry: KeyedTarget, selection: Selection, snapshot: Snapshot
) -> list[int]:
    """Return the pods' ports that Services in front of them map from such a port."""
    pods, protocol = selection.pods, entry.target.protocol
    found = [
        number
        for service in snapshot.services_of(pods[0].namespace)
        if set(pods).intersection(snapshot.pods_behind(service))
        for port in service.ports
        if port.port in ports and port.protocol.lower() == protocol.value
        for number in target_numbers(port, pods, protocol)
    ]
    return [number for number in dict.fromkeys(found) if number not in ports]


def _contacts(
    entry: KeyedTarget, destination: Pods, selection: Selection, snapshot: Snapshot
) -> Iterator[Contact]:
    """Return contacts at a Service if one maps to such a port, as clients dial. Its address
    outlives the pods, so an unchanged stack has an unchanged plan.
    """
    protocol = entry.target.protocol
    services = [
        (service, behind)
        for service in snapshot.services_of(destination.namespace)
        if service.addresses
        and (behind := set(snapshot.pods_behind(service)))
        and behind <= set(selection.pods)
    ]
    for ports in selection.rule.numbers:
        through = [
            Contact(service.addresses[0], port.port)
            for service, behind in services
            for port in service.ports
            if port.protocol.lower() == protocol.value
            and any(number in ports for number in target_numbers(port, behind, protocol))
        ]
        yield from through[:1] or selection.contacts((ports.first,))
