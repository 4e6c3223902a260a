"""The canary: a port of a pod that always listens and is never allowed. newt's gate waits until it
is blocked.

Enforcers take a moment to confine a new pod. A canary behind a Service is reached like every other
target, and the Service's address outlives the pod. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from newt_tunnel.cluster.reading.snapshot import Pod, Service, Snapshot
from newt_tunnel.egress import decide_connection
from newt_tunnel.egress.cluster_proof import Contact
from newt_tunnel.egress.model import Address
from newt_tunnel.egress.rules import Policy
from newt_tunnel.findings import Finding, error, warning
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.kubernetes import Canary, ClusterDns
from newt_tunnel.settings.stack import Proof

KEY = "kubernetes.gateCanary"
_TCP = "TCP"
#: CoreDNS's name and number of its metrics port.
_METRICS = ("metrics", 9153)
_REMEDY = (
    "write NAMESPACE/SERVICE:PORT of something that always listens and that newt may never reach"
)


def choose(
    wanted: Canary | None, dns: ClusterDns, policy: Policy, snapshot: Snapshot
) -> tuple[Contact | None, tuple[Finding, ...]]:
    """Return the canary that the file names, or one of the DNS pods' own ports."""
    if wanted is not None:
        return _named(wanted, policy, snapshot)
    dns_pods = snapshot.selected(dns.namespace, dns.labels)
    behind_service = [
        (port.name in _METRICS or number in _METRICS, Contact(address, port.port))
        for service in snapshot.services_of(dns.namespace)
        for port in service.ports
        if port.protocol == _TCP
        for number in _numbers(service, port.port, snapshot)
        if _is_shut(service, port.port, policy, snapshot)
        and set(snapshot.pods_behind(service)) <= set(dns_pods)
        for address in service.addresses[:1]
    ]
    if best := _best(behind_service):
        return best, ()
    at_pod = [
        (port.name in _METRICS or port.port in _METRICS, Contact(pod.addresses[0], port.port))
        for pod in dns_pods
        for port in pod.ports
        if port.protocol == _TCP
        and pod.addresses
        and not pod.host_network
        and _is_denied(policy, pod, pod.addresses[0], port.port)
    ]
    if best := _best(at_pod):
        text = f"no Service leads to {best}, the DNS pods' own port, and a pod's address changes"
        return best, (warning(KEY, f"{text}; {_REMEDY}"),)
    return None, (
        error(KEY, f"the DNS pods declare no TCP port that newt may not reach; {_REMEDY}"),
    )


def untried(wanted: Canary | None, mode: Proof) -> Iterator[Finding]:
    """Warn if nothing checks the canary: the proof's control finds out whether it answers."""
    if wanted is not None and mode is Proof.OFF:
        yield warning(
            KEY,
            "nothing tries whether it answers, because proof is off; where it does not, newt's "
            "gate opens without a cage",
        )


def _best(candidates: list[tuple[bool, Contact]]) -> Contact | None:
    """Return the metrics port, or else the first."""
    return next((contact for _, contact in sorted(candidates, key=lambda one: not one[0])), None)


def _named(
    wanted: Canary, policy: Policy, snapshot: Snapshot
) -> tuple[Contact | None, tuple[Finding, ...]]:
    if isinstance(wanted.at, ServiceRef):
        service = snapshot.service(wanted.at)
        has_port = service is not None and any(
            port.port == wanted.port and port.protocol == _TCP for port in service.ports
        )
        if service is None or not has_port or not service.addresses:
            return None, (
                error(KEY, f"{wanted} is no Service with an address and that TCP port; {_REMEDY}"),
            )
        contact = Contact(service.addresses[0], wanted.port)
    else:
        contact = Contact(wanted.at, wanted.port)
        service = next((s for s in snapshot.services if wanted.at in s.addresses), None)
    if service is not None and service.selector:
        if not any(pod.ready for pod in snapshot.pods_behind(service)):
            text = f"no pod behind {wanted} is ready, and a canary that is silent proves nothing"
            return None, (error(KEY, f"{text}; {_REMEDY}"),)
        shut = _is_shut(service, wanted.port, policy, snapshot)
    else:
        pod = next((pod for pod in snapshot.pods if contact.host in pod.addresses), None)
        shut = _is_denied(policy, pod, contact.host, contact.port)
    if not shut:
        text = f"{wanted} is something that newt may reach, or nothing that listens"
        return None, (error(KEY, f"{text}; {_REMEDY}"),)
    return contact, ()


def _numbers(service: Service, port: int, snapshot: Snapshot) -> Iterator[int]:
    """Return the pods' ports behind a Service's port, if their containers declare them."""
    for one in service.ports:
        for pod in snapshot.pods_behind(service) if one.port == port else ():
            for declared in pod.ports:
                if one.target in (declared.port, declared.name) and declared.protocol == _TCP:
                    yield declared.port


def _is_shut(service: Service, port: int, policy: Policy, snapshot: Snapshot) -> bool:
    numbers = set(_numbers(service, port, snapshot))
    return bool(numbers) and all(
        _is_denied(policy, pod, address, number)
        for pod in snapshot.pods_behind(service)
        for address in pod.addresses
        for number in numbers
    )


def _is_denied(policy: Policy, pod: Pod | None, address: Address, port: int) -> bool:
    """Whether every enforcer has to block it: only then is it a canary."""
    peer = None
    if pod is not None and not pod.host_network:
        peer = decide_connection.PeerPod(
            namespace=pod.namespace,
            labels=pod.labels,
            port_names={
                (one.name, one.protocol.lower()): one.port for one in pod.ports if one.name
            },
        )
    connection = decide_connection.Connection(
        destination=address, protocol="tcp", port=port, peer=peer
    )
    return decide_connection.decide(policy, connection).answer is decide_connection.Answer.DENIED
