"""Targets inside the cluster: a Service is followed to its pods, and pods are asked for ports.

Policies see a packet when a Service's address has already been replaced by a pod's: what counts is
the pods' own port. Pure; works on a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from cluster.blocks import objections
from cluster.findings import Finding, info, warning
from cluster.found import Entry, Found, listed
from cluster.snapshot import (
    Endpoints,
    Pod,
    Service,
    ServicePort,
    Snapshot,
)
from egress.cluster_proof import Contact, Dialled
from egress.model import Pods, PortName, PortRange, Protocol, Rule, labels_text
from settings.cluster_types import ServiceRef, TargetPorts


def follow_service(entry: Entry, ref: ServiceRef, snapshot: Snapshot) -> Found:
    """From a Service and its port to pods and theirs."""
    service = snapshot.service(ref)
    if service is None:
        return Found(findings=(entry.missing("service", _no_service(ref, snapshot)),))
    if service.external_name is not None:
        text = (
            f"{ref} is only another name for {service.external_name}; write "
            f"`host: {service.external_name}` with the port that is dialled there"
        )
        return Found(findings=(entry.missing("service", text),))
    ports, findings = _service_ports(entry, service)
    if findings:
        return Found(findings=findings)
    if not service.selector:
        return _follow_endpoints(entry, service, ports, snapshot)
    pods = snapshot.selected(ref.namespace, service.selector)
    numbers = [PortRange.single(port.target) for port in ports if isinstance(port.target, int)]
    names = [named(port.target, pods, entry) for port in ports if isinstance(port.target, str)]
    destination = Pods(ref.namespace, service.selector)
    rules = (entry.rule(destination, numbers, names),)
    return Found(
        rules=(*rules, *_on_the_node(entry, pods, rules[0])),
        dialled=(_through_service(entry, service, ports, pods),),
        findings=(
            info(entry.key, f"{ref} {_dialled_ports(ports)} leads to pods {rules[0]}"),
            *_headless(entry, service, ports),
            *_pod_findings(entry, destination, pods, rules[0]),
        ),
    )


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
        findings += _pod_findings(entry, destination, pods, rule)
        findings += _undeclared(entry, pods, snapshot.services_of(destination.namespace))
    return Found(
        rules=(rule, *_on_the_node(entry, pods, rule)),
        dialled=(_dial_pods(entry, rule, pods, snapshot),),
        findings=tuple(findings),
    )


def named(name: str, pods: Iterable[Pod], entry: Entry) -> PortName:
    """The numbers that a named port has in the pods there are."""
    return PortName(name, _numbers_of(name, pods, entry.target.protocol))


def _numbers_of(name: str, pods: Iterable[Pod], protocol: Protocol) -> tuple[int, ...]:
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


# Services


def _no_service(ref: ServiceRef, snapshot: Snapshot) -> str:
    if not snapshot.has_namespace(ref.namespace):
        return f"there is no namespace {ref.namespace}; correct it, or deploy the target first"
    there = listed(service.ref.name for service in snapshot.services_of(ref.namespace))
    return (
        f"there is no Service {ref.name} in namespace {ref.namespace}, which has "
        f"{there or 'none at all'}; correct the name, or deploy the target first"
    )


def _service_ports(
    entry: Entry, service: Service
) -> tuple[tuple[ServicePort, ...], tuple[Finding, ...]]:
    """The Service's ports that the entry names, or what is wrong with it."""
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


def _headless(entry: Entry, service: Service, ports: Iterable[ServicePort]) -> Iterator[Finding]:
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
    entry: Entry, service: Service, ports: tuple[ServicePort, ...], snapshot: Snapshot
) -> Found:
    """A Service without a selector leads to the addresses that somebody wrote down."""
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
        return Found(findings=(entry.missing("service", text),))
    found = ", ".join(str(rule) for rule in rules)
    return Found(
        rules=tuple(rules),
        dialled=(_through_service(entry, service, ports, ()),) if service.addresses else (),
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


# pods


def _pod_findings(
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
        if not service.selector or not any(_selects(service, pod) for pod in pods):
            continue
        for port in service.ports:
            if port.port in ports and port.protocol.lower() == protocol.value:
                found += (
                    [port.target]
                    if isinstance(port.target, int)
                    else _numbers_of(port.target, pods, protocol)
                )
    return [number for number in dict.fromkeys(found) if number not in ports]


def _selects(service: Service, pod: Pod) -> bool:
    return service.ref.namespace == pod.namespace and set(service.selector) <= set(pod.labels)


def _on_the_node(entry: Entry, pods: Iterable[Pod], rule: Rule) -> Iterator[Rule]:
    """Pods in their node's network are no pods to a policy."""
    addresses = {address for pod in pods if pod.host_network for address in pod.addresses}
    for address in sorted(addresses, key=lambda one: (one.version, int(one))):
        if rule.numbers:
            yield entry.rule(ip_network(address), rule.numbers)


# how they are tried


def _through_service(
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
                else _numbers_of(port.target, pods, entry.target.protocol),
            )
        )
    return _dialled(entry, contacts)


def _dial_pods(entry: Entry, rule: Rule, pods: tuple[Pod, ...], snapshot: Snapshot) -> Dialled:
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
            and (behind := [pod for pod in pods if _selects(service, pod)])
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
    return any(number in ports for number in _numbers_of(port.target, pods, protocol))


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
