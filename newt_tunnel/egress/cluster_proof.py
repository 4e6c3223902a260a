"""The plan of the proof in a cluster: what a pod under newt's own policy tries.

Probes are defined in ``proof_plan``, the table in ``proof_table``. The addresses at which targets
can be dialled (a Service's, a pod's) are looked up in the cluster and passed in as contacts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from newt_tunnel.egress.decide_connection import Answer, Connection, decide
from newt_tunnel.egress.model import (
    CLUSTER_CANARIES,
    DNS_PORT,
    SSH_PORT,
    Address,
    Pods,
    Protocol,
    WideBlock,
    destination_text,
)
from newt_tunnel.egress.proof_plan import (
    FOREIGN_RESOLVER,
    HTTP_PORT,
    METADATA,
    Probe,
    forbidden_probes,
    known_addresses,
)
from newt_tunnel.egress.rules import Policy, Rule

KUBELET_PORT = 10250
#: Placeholder for the pod's own node, which only the pod knows.
OWN_NODE = "@{node}"
#: Bytes. The plan is passed in the environment, where Linux takes at most 128 KiB for a variable.
LONGEST_PLAN = 128 * 1024 - len("PLAN=") - 1


@dataclass(frozen=True, order=True)
class Contact:
    """The address and port that a client dials."""

    host: Address
    port: int

    def __str__(self) -> str:
        return (
            f"{self.host}:{self.port}" if self.host.version == 4 else f"[{self.host}]:{self.port}"
        )


@dataclass(frozen=True, kw_only=True)
class Dialled:
    """How a target of the stack file is tried if its rule has no address: pods have none of their
    own.
    """

    name: str
    protocol: Protocol
    contacts: tuple[Contact, ...]
    must_reach: bool


def plan(
    policy: Policy, dialled: Iterable[Dialled], *, api: Contact | None, nodes: Iterable[Address]
) -> tuple[Probe, ...]:
    """Every allowed rule, every forbidden one, and the built-in canaries that the policy does not
    allow. ``api`` is the Kubernetes API as pods dial it.
    """
    targets: dict[str, list[Dialled]] = {}
    for target in dialled:
        targets.setdefault(target.name, []).append(target)
    probes: list[Probe] = []
    known = known_addresses(policy)
    for rules, must_reach in ((policy.allowed, True), (policy.forbidden, False)):
        for rule in rules:
            dialling = [p for target in targets.get(rule.name, ()) for p in _at_contact(target)]
            probes += dialling
            # Pods have no address of their own; what has one is tried there as well.
            if not must_reach and not isinstance(rule.destination, Pods | WideBlock):
                probes += forbidden_probes(rule, known)
            elif not dialling or not isinstance(rule.destination, Pods):
                probes += _at_address(rule, must_reach=must_reach)
    tried = {(probe.address, probe.protocol, probe.port) for probe in probes}
    probes += [
        probe
        for probe in _canaries(policy, api, tuple(nodes))
        if (probe.address, probe.protocol, probe.port) not in tried
    ]
    return tuple(dict.fromkeys(probes))


def render(plan: Iterable[Probe]) -> str:
    """Return the plan as ``newt-probe`` reads it."""
    return "\n".join(probe.line for probe in plan)


def _at_address(rule: Rule, *, must_reach: bool) -> Iterator[Probe]:
    destination = destination_text(rule.destination)
    attempts: tuple[tuple[str, str], ...]
    if rule.protocol is Protocol.ANY or "/" in destination:
        # A block, or pods that do not exist, have no address to try, and a blanket rule has no
        # port: they are only listed, as one word.
        words = (*map(str, rule.ports), *(named.name for named in rule.port_names))
        attempts = ((",".join(words) or "all", ""),)
    else:
        attempts = tuple(
            (str(ports.first), "" if ports.is_single else str(ports)) for ports in rule.ports
        )
    for port, part_of in attempts:
        yield Probe(
            name=rule.name,
            address=destination,
            protocol=rule.protocol.value,
            port=port,
            must_reach=must_reach,
            part_of=part_of,
        )


def _at_contact(target: Dialled) -> Iterator[Probe]:
    for contact in target.contacts:
        yield Probe(
            name=target.name,
            address=str(contact.host),
            protocol=target.protocol.value,
            port=str(contact.port),
            must_reach=target.must_reach,
        )


def _canaries(policy: Policy, api: Contact | None, nodes: tuple[Address, ...]) -> Iterator[Probe]:
    kubernetes_api, node_ssh, node_kubelet, metadata, resolver = CLUSTER_CANARIES
    if api is not None:
        yield _canary(kubernetes_api, str(api.host), api.port)
    for name, port in ((node_ssh, SSH_PORT), (node_kubelet, KUBELET_PORT)):
        if not any(_is_allowed(policy, node, port) for node in nodes):
            yield _canary(name, OWN_NODE, port)
    yield _canary(metadata, str(METADATA), HTTP_PORT)
    for protocol in (Protocol.TCP, Protocol.UDP):
        if not _is_allowed(policy, FOREIGN_RESOLVER, DNS_PORT, protocol):
            yield _canary(resolver, str(FOREIGN_RESOLVER), DNS_PORT, protocol)


def _is_allowed(
    policy: Policy, address: Address, port: int, protocol: Protocol = Protocol.TCP
) -> bool:
    connection = Connection(destination=address, protocol=protocol.value, port=port)
    return decide(policy, connection).answer is Answer.ALLOWED


def _canary(name: str, address: str, port: int, protocol: Protocol = Protocol.TCP) -> Probe:
    return Probe(
        name=name, address=address, protocol=protocol.value, port=str(port), must_reach=False
    )
