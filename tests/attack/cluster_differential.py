"""The differential test in a cluster: random policies, random connections, and Cilium's verdict.

Each policy is rendered and applied as the stack does it; connections start in newt's pod, and count
as let through where they arrive at the other end. What does not arrive without a policy either is
found out first, for every target. Policies and connections are drawn from a seed that is printed;
what disagrees is shrunk.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, ip_address, ip_network

from newt_tunnel.egress.decide_connection import Answer, Connection, Peer
from newt_tunnel.egress.decide_connection import PeerPod as PodPeer
from newt_tunnel.egress.enforcers import with_cilium
from newt_tunnel.egress.model import Destination, Pods, PortRange, Protocol, WideBlock
from newt_tunnel.egress.rules import Policy, Rule
from tests.attack.assault import NO_CAPABILITIES
from tests.attack.attacks import CONTAINER, LOCAL, WIRE, Attack
from tests.attack.cluster import (
    CAGED,
    DATABASE,
    DNS,
    GITEA,
    GRAFANA,
    NAMESPACE,
    NEWT,
    NODE,
    OWN,
    Place,
)
from tests.attack.differential import MismatchError, Tally, rules_text, with_a_rule_less
from tests.host.rig import (
    NEEDLE,
    OUTSIDER,
    PANGOLIN,
    POSTGRES,
    PRINTER,
    RESOLVER,
    ROUTER,
    eventually,
)
from tests.unit.egress.cluster_cases import rule
from tests.unit.egress.strategies import policy_of

#: Connections under one policy: to apply it is what takes time.
VOLLEY = 100
MOST_RULES = 6
PORTS = (22, 53, 80, 443, 631, 3000, 5432, 8080, 30000)
#: Above all ports that are drawn: shows that a policy is in force.
FIRST_MARKER = 40000
IN_FORCE_SECONDS = 60
#: Cilium adds what is new before it removes what is old, and connections of before may have last
#: words: what differs is tried again, and counts as a blank if it does not differ every time.
OVERLAP_SECONDS = 2.0
TRIES = 4

_PODS = (GITEA, GRAFANA, DATABASE, "homeassistant", DNS, OWN)
_OUTSIDE = (PRINTER, POSTGRES, ROUTER, RESOLVER, PANGOLIN, OUTSIDER)
_LAN = IPv4Network("10.0.1.0/24")
_WIDE = WideBlock(
    ip_network("0.0.0.0/0"),
    tuple(map(ip_network, ("10.42.0.0/16", "10.43.0.0/16", "169.254.0.0/16"))),
)


@dataclass(frozen=True)
class Target:
    """Somewhere to connect to; ``at`` is the pod that is tapped there, if it is one."""

    address: str
    peer: PodPeer | Peer | None = None
    at: str = ""


@dataclass(frozen=True)
class Shot:
    """One connection, or its first packet where that is all there is."""

    target: Target
    protocol: str
    port: int

    @property
    def connection(self) -> Connection:
        address = ip_address(self.target.address)
        return Connection(
            destination=address, protocol=self.protocol, port=self.port, peer=self.target.peer
        )

    def attack(self) -> Attack:
        target = self.target
        shows = CONTAINER if target.at else LOCAL if target.peer is Peer.OWN_NODE else WIRE
        return Attack(str(self), self.protocol, target.address, self.port, target.at, shows)

    def __str__(self) -> str:
        return f"{self.target.address} {self.port}/{self.protocol}"


def compare(place: Place, pairs: int, seed: int, tally: Tally | None = None) -> Tally:
    """Tries ``pairs`` at least, drawn from ``seed``, and counts them in ``tally``.

    Raises ``MismatchError`` with the simplest example that still differs.
    """
    draw, trial = random.Random(seed), Trial(place, Tally() if tally is None else tally)
    trial.control()
    try:
        while trial.tally.pairs[CAGED] < pairs:
            policy = _policy(draw, trial.targets)
            volley = _volley(draw, trial.targets, policy)
            if wrong := trial.wrong(policy, volley, tries=TRIES):
                told = trial.told(trial.shrunk(policy, wrong[0]), wrong[0])
                raise MismatchError(f"{told}\nThe seed was {seed}.")
    finally:
        place.uncage()
    return trial.tally


class Trial:
    """Volleys from newt's pod."""

    def __init__(self, place: Place, tally: Tally) -> None:
        self._place = place
        self._marker = FIRST_MARKER
        self.tally = tally
        self.targets = (
            *(
                Target(pod.ipv4, pod.peer, name)
                for name, pod in place.pods.items()
                if name in _PODS
            ),
            *map(Target, _OUTSIDE),
            Target(NODE, Peer.OWN_NODE),
        )
        assert len(self.targets) == len(_PODS) + len(_OUTSIDE) + 1, "a pod is missing"

    def control(self) -> None:
        """Without a policy everything arrives everywhere, or nothing could be shown."""
        shots = [
            Shot(target, protocol, FIRST_MARKER)
            for target in self.targets
            for protocol in ("tcp", "udp")
        ]
        blanks = [str(shot) for shot, arrived in self._fire(shots) if not arrived]
        assert not blanks, f"these do not arrive without a policy either: {', '.join(blanks)}"

    def wrong(self, policy: Policy, volley: Sequence[Shot], tries: int = 2) -> list[Shot]:
        """The connections of which Cilium's verdict is not the model's, however often tried."""
        self._put_in_force(policy)
        wrong = differed = self._different(policy, volley)
        for _ in range(tries - 1):
            if wrong:
                time.sleep(OVERLAP_SECONDS)
            wrong = self._different(policy, wrong)
        right = [shot for shot in volley if shot not in differed]
        self.tally.pairs[CAGED] += len(right)
        self.tally.allowed[CAGED] += sum(_allows(policy, shot) for shot in right)
        self.tally.blanks[CAGED] += len(differed) - len(wrong)
        return wrong

    def _different(self, policy: Policy, shots: Sequence[Shot]) -> list[Shot]:
        fired = self._fire(shots) if shots else ()
        return [shot for shot, arrived in fired if arrived is not _allows(policy, shot)]

    def shrunk(self, policy: Policy, shot: Shot) -> Policy:
        """Without the rules that do not matter."""
        improved = True
        while improved:
            improved = False
            for fewer in with_a_rule_less(policy):
                if self.wrong(fewer, [shot]):
                    policy, improved = fewer, True
                    break
        return policy

    def told(self, policy: Policy, shot: Shot) -> str:
        verdict = with_cilium(policy, shot.connection)
        again = bool(self.wrong(policy, [shot]))
        alone = "" if again else "\nThis happened among others, and not when it was alone."
        passes = "lets pass" if verdict.answer is Answer.ALLOWED else "drops"
        return (
            f"{CAGED}: the model {passes}, and Cilium does not,\n  {shot} ({shot.target.peer})\n"
            f"The model says: {verdict.reason}. The policy allows\n{rules_text(policy)}{alone}"
        )

    def _put_in_force(self, policy: Policy) -> None:
        self._marker += 1
        marker = rule("marker", f"{PRINTER}/32", f"{self._marker}/tcp", "the test's own")
        self._place.allow(replace(policy, allowed=(*policy.allowed, marker)))
        shot = Shot(Target(PRINTER), "tcp", self._marker)
        eventually(
            lambda: all(arrived for _, arrived in self._fire([shot])),
            "the policy is in force",
            within=IN_FORCE_SECONDS,
        )
        time.sleep(OVERLAP_SECONDS)

    def _fire(self, shots: Sequence[Shot]) -> Iterator[tuple[Shot, bool]]:
        newt = self._place.pods[NEWT].ipv4
        attacks = [shot.attack() for shot in shots]
        _, wires = self._place.fire(attacks, NEWT, NO_CAPABILITIES)
        for number, (shot, attack) in enumerate(zip(shots, attacks, strict=True)):
            wire = wires[attack.at or attack.shows]
            place = f"{shot.target.address}:{shot.port}"
            if attack.shows != WIRE:  # behind the node newt has the node's address
                place = f"{newt} > {place}"
            by_port = shot.protocol == "tcp" and place in wire.ports
            yield shot, by_port or f"{NEEDLE}{number}" in wire.seen


def _allows(policy: Policy, shot: Shot) -> bool:
    peer = shot.target.peer
    if isinstance(peer, PodPeer) and peer.namespace == NAMESPACE:
        return False  # what closes newt's namespace lets nothing in
    return with_cilium(policy, shot.connection).answer is Answer.ALLOWED


def _policy(draw: random.Random, targets: Sequence[Target]) -> Policy:
    return policy_of(*(_rule(draw, targets, n) for n in range(draw.randint(0, MOST_RULES))))


def _rule(draw: random.Random, targets: Sequence[Target], number: int) -> Rule:
    protocol = draw.choice((Protocol.TCP, Protocol.TCP, Protocol.UDP, Protocol.ANY))
    ports: tuple[PortRange, ...] = ()
    if protocol is not Protocol.ANY:
        first = draw.sample(PORTS, draw.randint(1, 2))
        ports = tuple(PortRange(port, port + draw.choice((0, 0, 1, 20))) for port in first)
    return Rule(
        name=f"rule-{number}",
        destination=_destination(draw, draw.choice(targets)),
        protocol=protocol,
        ports=ports,
        origin=f"egress[{number}]",
    )


def _destination(draw: random.Random, target: Target) -> Destination:
    """What leads to the target, or nearly."""
    alone = ip_network(target.address)
    if not isinstance(target.peer, PodPeer):
        return draw.choice((alone, alone, _LAN, _WIDE))
    labels = target.peer.labels
    some = tuple(sorted(draw.sample(labels, draw.randint(0, len(labels)))))
    other = (*labels[1:], (labels[0][0], "another")) if labels else (("app", "another"),)
    chosen = draw.choice((labels, some, some, tuple(sorted(other))))
    return draw.choice((Pods(target.peer.namespace, chosen),) * 4 + (alone, _WIDE))


def _volley(draw: random.Random, targets: Sequence[Target], policy: Policy) -> list[Shot]:
    """Half of them near what is allowed; each to a place of its own."""
    aimed = (_aimed(draw, targets, policy) for _ in range(VOLLEY // 2))
    shots = {str(shot): shot for shot in aimed}
    while len(shots) < VOLLEY:
        shot = Shot(draw.choice(targets), draw.choice(("tcp", "udp")), draw.choice(PORTS))
        shots[str(shot)] = shot
    return [*shots.values()]


def _aimed(draw: random.Random, targets: Sequence[Target], policy: Policy) -> Shot:
    """At the edges of a rule, and where it lets something through if it does."""
    protocol, port = draw.choice(("tcp", "udp")), draw.choice(PORTS)
    if policy.allowed:
        aim = draw.choice(policy.allowed)
        if aim.protocol is not Protocol.ANY:
            protocol = aim.protocol.value
        if aim.ports:
            ports = draw.choice(aim.ports)
            port = draw.choice((ports.first - 1, ports.first, ports.first, ports.last + 1))
    hit = [each for each in targets if _allows(policy, Shot(each, protocol, port))]
    return Shot(draw.choice(hit or targets), protocol, port)
