"""A Service is followed to its pods and their port, or to its written endpoints.

Policies see a packet after a Service's address was replaced by a pod's, so the pods' own port
counts. Pure; works on a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from newt_tunnel.cluster.lookup.entry import Followed, KeyedTarget
from newt_tunnel.cluster.lookup.outside import objections
from newt_tunnel.cluster.lookup.selection import Selection, select, target_numbers
from newt_tunnel.cluster.reading.snapshot import Endpoints, Service, ServicePort, Snapshot
from newt_tunnel.cluster.text import listed
from newt_tunnel.egress.cluster_proof import Contact
from newt_tunnel.egress.model import Pods, PortRange, Protocol
from newt_tunnel.egress.rules import Rule
from newt_tunnel.findings import Finding, info, warning
from newt_tunnel.settings.cluster_types import ServiceRef


def follow_service(entry: KeyedTarget, ref: ServiceRef, snapshot: Snapshot) -> Followed:
    service = snapshot.service(ref)
    if service is None:
        return Followed(findings=(entry.missing("service", _no_service(ref, snapshot)),))
    if service.external_name is not None:
        text = (
            f"{ref} is only another name for {service.external_name}; write "
            f"`host: {service.external_name}` with the port that is dialled there"
        )
        return Followed(findings=(entry.missing("service", text),))
    ports, findings = _service_ports(entry, service)
    if findings:
        return Followed(findings=findings)
    if service.selector:
        return _follow_selector(entry, service, ports, snapshot)
    return _follow_endpoints(entry, service, ports, snapshot)


def _follow_selector(
    entry: KeyedTarget, service: Service, ports: tuple[ServicePort, ...], snapshot: Snapshot
) -> Followed:
    destination = Pods(service.ref.namespace, service.selector)
    numbers = [PortRange.single(port.target) for port in ports if isinstance(port.target, int)]
    names = [port.target for port in ports if isinstance(port.target, str)]
    selection = select(entry, destination, numbers, names, snapshot)
    return Followed(
        rules=selection.rules,
        dialled=(
            entry.dialled(
                _at_the_service(service, ports)
                or _at_a_pod(selection, ports, entry.target.protocol)
            ),
        ),
        findings=(
            info(
                entry.key,
                f"{service.ref} {_dialled_ports(ports)} leads to pods {destination}, port "
                f"{selection.rule.ports_text}",
            ),
            *_headless(entry, service, ports),
            *selection.findings,
        ),
    )


def _at_the_service(service: Service, ports: Iterable[ServicePort]) -> list[Contact]:
    """Return contacts as clients dial; none for a headless Service."""
    return [Contact(address, port.port) for port in ports for address in service.addresses[:1]]


def _at_a_pod(
    selection: Selection, ports: Iterable[ServicePort], protocol: Protocol
) -> list[Contact]:
    return [
        contact
        for port in ports
        for contact in selection.contacts(target_numbers(port, selection.pods, protocol))
    ]


def _no_service(ref: ServiceRef, snapshot: Snapshot) -> str:
    if not snapshot.has_namespace(ref.namespace):
        return f"there is no namespace {ref.namespace}; correct it, or deploy the target first"
    there = listed(service.ref.name for service in snapshot.services_of(ref.namespace))
    return (
        f"there is no Service {ref.name} in namespace {ref.namespace}, which has "
        f"{there or 'none at all'}; correct the name, or deploy the target first"
    )


def _service_ports(
    entry: KeyedTarget, service: Service
) -> tuple[tuple[ServicePort, ...], tuple[Finding, ...]]:
    """Return the Service's ports that the entry names, or a finding."""
    found: list[ServicePort] = []
    findings: list[Finding] = []
    wanted = entry.target.port
    has = listed(service.ports) or "none"
    for one in (*(ports.first for ports in wanted.ranges), *wanted.names):
        same = [port for port in service.ports if one in (port.port, port.name)]
        fitting = [p for p in same if p.protocol.lower() == entry.target.protocol.value]
        behind = [port for port in service.ports if one == port.target]
        found += fitting
        if fitting:
            continue
        if same:
            text = f"{service.ref} has {one} for {same[0].protocol} only; correct the protocol"
            findings.append(entry.missing("protocol", text))
        elif behind:
            text = (
                f"{service.ref} has no port {one}; that is the pods' port behind "
                f"{behind[0].port}, so write {behind[0].port}"
            )
            findings.append(entry.missing("port", text))
        else:
            text = f"{service.ref} has no port {one}; it has {has}"
            findings.append(entry.missing("port", text))
    return tuple(found), tuple(findings)


def _headless(
    entry: KeyedTarget, service: Service, ports: Iterable[ServicePort]
) -> Iterator[Finding]:
    if service.addresses:
        return
    for port in ports:
        if port.target != port.port:
            yield warning(
                f"{entry.key}.port",
                f"{service.ref} is headless, so its name leads straight to the pods: in Pangolin "
                f"write their port {port.target}, not {port.port}",
            )


def _follow_endpoints(
    entry: KeyedTarget, service: Service, ports: tuple[ServicePort, ...], snapshot: Snapshot
) -> Followed:
    """Follow a Service without a selector to the addresses in its EndpointSlices."""
    rules: list[Rule] = []
    for slice_ in snapshot.endpoints_of(service.ref):
        numbers = _slice_ports(slice_, ports)
        for address in slice_.addresses if numbers else ():
            rules.append(entry.rule(ip_network(address), numbers))
    if not rules:
        text = (
            f"{service.ref} has no selector and no endpoints; give it an EndpointSlice, or write "
            "the target as `host:`"
        )
        return Followed(findings=(entry.missing("service", text),))
    found = ", ".join(str(rule) for rule in rules)
    contacts = _at_the_service(service, ports)
    return Followed(
        rules=tuple(rules),
        dialled=(entry.dialled(contacts),) if contacts else (),
        findings=(
            info(
                entry.key,
                f"{service.ref} {_dialled_ports(ports)} has no selector; its endpoints now: "
                f"{found}; run pulumi up when they change",
            ),
            *(
                finding
                for rule in rules
                for finding in (objections(f"{entry.key}.service", rule, snapshot))
                if entry.is_allowed
            ),
        ),
    )


def _slice_ports(slice_: Endpoints, ports: Iterable[ServicePort]) -> list[PortRange]:
    return [
        PortRange.single(behind.port)
        for port in ports
        for behind in slice_.ports
        if (behind.name or None) == (port.name or None) and behind.protocol == port.protocol
    ]


def _dialled_ports(ports: Iterable[ServicePort]) -> str:
    return ", ".join(f"{port.port}/{port.protocol.lower()}" for port in ports)
