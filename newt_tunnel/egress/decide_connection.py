"""The verdict of newt's NetworkPolicy on one connection, as the Kubernetes API defines it.

The specification that ``network_policy`` must render, as ``decide`` is for a Docker host.
Independent of enforcers: where the API promises nothing the answer is ``UP_TO_ENFORCER``, and
``enforcers`` has the behaviour of the common ones.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from newt_tunnel.egress.model import (
    Address,
    Container,
    HostName,
    Labels,
    Pods,
    Protocol,
    WideBlock,
)
from newt_tunnel.egress.rules import Policy, Rule

#: Transports that a rule can name a port of.
_WITH_PORTS = ("tcp", "udp", "sctp")


class Answer(enum.Enum):
    """What happens to a connection."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UP_TO_ENFORCER = "up to the enforcer"


@dataclass(frozen=True, kw_only=True)
class PeerPod:
    """The pod at the other end. ``port_names`` are its containers' named ports: name and protocol
    to number.
    """

    namespace: str
    labels: Labels = ()
    port_names: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def is_one_of(self, pods: Pods) -> bool:
        return self.namespace == pods.namespace and set(pods.labels) <= set(self.labels)


class Peer(enum.Enum):
    """A peer that is neither an ordinary pod nor a foreign host."""

    NEWT_ITSELF = "newt's own pod"
    OWN_NODE = "newt's own node"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A connection that newt opens, as a policy sees it: behind the Services, which have already
    replaced a ClusterIP by a pod's address. ``protocol`` is a name or number as IP carries it.
    """

    destination: Address
    protocol: str
    port: int | None = None
    peer: PeerPod | Peer | None = None


@dataclass(frozen=True)
class ConnectionVerdict:
    """``rule`` names the allowing rule, else None; ``reason`` is a sentence for people."""

    answer: Answer
    reason: str
    rule: str | None = None


def decide(policy: Policy, connection: Connection) -> ConnectionVerdict:
    """Decide ``connection``, with the reason. Total: every connection gets a verdict."""
    if connection.peer is Peer.NEWT_ITSELF:
        return ConnectionVerdict(Answer.ALLOWED, "a pod always reaches itself")
    by_address = None
    for rule in policy.allowed:
        if not _fits_port(rule, connection):
            continue
        if isinstance(rule.destination, Pods):
            if isinstance(connection.peer, PeerPod) and connection.peer.is_one_of(rule.destination):
                return ConnectionVerdict(Answer.ALLOWED, f"{rule.origin} allows it", rule.name)
        elif _covers(rule, connection.destination):
            if not isinstance(connection.peer, PeerPod):
                return ConnectionVerdict(Answer.ALLOWED, f"{rule.origin} allows it", rule.name)
            by_address = by_address or rule
    if by_address is not None:
        return ConnectionVerdict(
            Answer.UP_TO_ENFORCER,
            f"{by_address.origin} names the address of a pod, and blocks are meant for what is "
            "outside the cluster",
            by_address.name,
        )
    if connection.peer is Peer.OWN_NODE:
        return ConnectionVerdict(Answer.UP_TO_ENFORCER, "a pod and its own node may always talk")
    if connection.protocol not in _WITH_PORTS:
        return ConnectionVerdict(
            Answer.UP_TO_ENFORCER, "policies are defined for TCP, UDP and SCTP, not for the rest"
        )
    return ConnectionVerdict(Answer.DENIED, "not in the allow-list")


def _fits_port(rule: Rule, connection: Connection) -> bool:
    if rule.protocol is Protocol.ANY:
        return True
    if rule.protocol.value != connection.protocol or connection.port is None:
        return False
    if any(connection.port in ports for ports in rule.numbers):
        return True
    # A name that no pod had yet is looked up in the very pod that is dialled.
    names = connection.peer.port_names if isinstance(connection.peer, PeerPod) else {}
    return any(
        names.get((named.name, connection.protocol)) == connection.port
        for named in rule.port_names
        if not named.numbers
    )


def _covers(rule: Rule, address: Address) -> bool:
    destination = rule.destination
    if isinstance(destination, Pods | Container):
        return False
    if isinstance(destination, str):
        raise ValueError(f"{rule.origin}: {HostName(destination)} has not been resolved")
    if isinstance(destination, WideBlock):
        return address in destination
    return address in destination
