"""Renders a policy for iptables: two chains of our own, IPv6 dropped whole, and the jumps that lead
there.

Text only. The jumps are data apart from the rules, because a jump must be the first rule, and
present once, in a chain that belongs to another program: the host program inserts it in the same
``iptables-restore`` transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from newt_tunnel.egress.cage import (
    REMEMBERED_DROPS,
    REMEMBERED_SECONDS,
    Cage,
    Hook,
    ServiceNetwork,
)
from newt_tunnel.egress.instance import Instance
from newt_tunnel.egress.model import REPLIES_RULE, PortRange, Protocol
from newt_tunnel.egress.placeholders import NEWT, PORT, address_text
from newt_tunnel.egress.rules import Policy, Rule

#: Replies to newt pass by state, in that direction only: newt's own packets always meet the list,
#: so a revoked target is cut at once. newt itself accepts no connections. A rule for its replies
#: would let out forged ICMP errors about the connections of others, which conntrack calls related,
#: and replies to connections from before the cage was in force. RELATED keeps path-MTU discovery
#: alive.
_FROM_PORT = "-m physdev --physdev-in"
_NOT_FROM_PORT = "-m physdev ! --physdev-in"
_TO_PORT = "-m physdev --physdev-is-bridged --physdev-out"
REPLIES = "-m conntrack --ctstate RELATED,ESTABLISHED --ctdir REPLY"


@dataclass(frozen=True)
class Jump:
    """``-A <chain> <match> -j <target>``, the first rule of ``chain``."""

    chain: str
    match: str
    target: str

    def __str__(self) -> str:
        return f"{self.chain} {self.match} -j {self.target}"


@dataclass(frozen=True, kw_only=True)
class Ruleset:
    """Input of ``iptables-restore --noflush`` and ``ip6tables-restore --noflush``, and where to
    hook it in.
    """

    table: str
    rules4: str
    rules6: str
    jumps4: tuple[Jump, ...]
    jumps6: tuple[Jump, ...]


def render(policy: Policy, cage: Cage) -> Ruleset:
    """Render ``policy`` for the hook of ``cage``. Host names stay as placeholders."""
    docker_user = cage.hook is Hook.DOCKER_USER
    egress, ingress = cage.instance.egress_chain, cage.instance.ingress_chain
    services = cage.services
    lines = [
        *(_services(policy, cage.instance, services) if services else ()),
        f"-A {egress} ! -s {cage.newt}/32 {_comment('foreign source')} -j DROP",
    ]
    for rule in policy.own_network_rules:
        lines += _allow(egress, rule, by_original_destination=docker_user)
    lines += [
        *_drop(cage),
        f"-A {ingress} {REPLIES} {_comment(REPLIES_RULE)} -j RETURN",
        f"-A {ingress} {_comment('nothing may reach newt')} -j DROP",
    ]
    everything = (
        f"-A {egress} {_comment('no IPv6')} -j DROP",
        f"-A {ingress} {_comment('no IPv6')} -j DROP",
    )
    out, into = f"-i {cage.bridge}", f"-o {cage.bridge}"
    bridges = (cage.bridge, *((services.bridge,) if services else ()))
    mangle = (
        *(Jump("PREROUTING", f"-i {bridge}", egress) for bridge in bridges),
        *(Jump("POSTROUTING", f"-o {bridge}", ingress) for bridge in bridges),
    )
    filter_ = (
        Jump("DOCKER-USER", out, egress),
        Jump("DOCKER-USER", into, ingress),
        Jump("INPUT", out, egress),
        Jump("OUTPUT", into, ingress),
    )
    table = "filter" if docker_user else "mangle"
    return Ruleset(
        table=table,
        rules4=_restore_file(table, cage.instance, lines),
        rules6=_restore_file("mangle", cage.instance, everything),
        jumps4=filter_ if docker_user else mangle,
        jumps6=mangle,
    )


def _restore_file(table: str, instance: Instance, lines: list[str] | tuple[str, ...]) -> str:
    # Naming an existing chain empties it, within the same transaction that fills it again.
    chains = (f":{instance.egress_chain} - [0:0]", f":{instance.ingress_chain} - [0:0]")
    return "\n".join((f"*{table}", *chains, *lines, "COMMIT")) + "\n"


def _comment(text: str) -> str:
    return f'-m comment --comment "newt: {text}"'


def _allow(chain: str, rule: Rule, *, by_original_destination: bool) -> Iterator[str]:
    # RETURN, never ACCEPT: what others filter after us stays filtered.
    tail = f"{_comment(rule.name)} -j RETURN"
    address = address_text(rule.destination)
    if rule.protocol is Protocol.ANY:
        match = (
            f"-m conntrack --ctorigdst {address}" if by_original_destination else f"-d {address}"
        )
        yield f"-A {chain} {match} {tail}"
        return
    protocol = rule.protocol.value
    for ports in rule.ports:
        if by_original_destination:
            # DOCKER-USER comes after DNAT: a published port is already the container's.
            match = (
                f"-p {protocol} -m conntrack --ctorigdst {address} --ctorigdstport {_ports(ports)}"
            )
        else:
            match = f"-d {address} -p {protocol} -m {protocol} --dport {_ports(ports)}"
        yield f"-A {chain} {match} {tail}"


def _services(policy: Policy, instance: Instance, services: ServiceNetwork) -> Iterator[str]:
    """Yield the rules of the second network, where frames between ports of the bridge pass them:
    once when they enter it, and once when they leave it. Each is counted once.

    An address counts at the port of the bridge behind which its container is: another container
    that gets or takes the address has another port.
    """
    egress, ingress = instance.egress_chain, instance.ingress_chain
    newt, bridge = address_text(NEWT), services.bridge
    leaves = f"-o {bridge} {_TO_PORT} {PORT}"
    replies, other = _comment("services: replies"), _comment("services: another's address")
    foreign, unlisted = _comment("services: not from newt"), _comment("services: not listed")
    allowed = [
        (rule, f"-p {protocol} -m {protocol} --dport {_ports(ports)}")
        for rule in policy.container_rules
        for protocol in [rule.protocol.value]
        for ports in rule.ports
    ]
    for key in policy.container_keys:
        ends = f"-s {address_text(key)} -d {services.newt}/32 -i {bridge} {_FROM_PORT} {PORT}"
        yield f"-A {egress} {ends} {REPLIES} {replies} -j RETURN"
    yield f"-A {egress} ! -s {services.newt}/32 -i {bridge} {foreign} -j DROP"
    yield f"-A {egress} -s {newt} -i {bridge} {_NOT_FROM_PORT} {PORT} {other} -j DROP"
    for rule, match in allowed:
        target = f"-d {address_text(rule.destination)} -i {bridge} {match}"
        yield f"-A {egress} {target} {_comment(rule.name)} -j RETURN"
    yield f"-A {egress} -i {bridge} {unlisted} -j DROP"
    yield f"-A {ingress} -d {newt} {leaves} {REPLIES} -j RETURN"
    yield f"-A {ingress} ! -s {services.newt}/32 -o {bridge} {foreign} -j DROP"
    for rule, match in allowed:
        yield f"-A {ingress} -d {address_text(rule.destination)} {leaves} {match} -j RETURN"
    yield f"-A {ingress} -o {bridge} {unlisted} -j DROP"


def _drop(cage: Cage) -> Iterator[str]:
    chain = cage.instance.egress_chain
    if not cage.log_drops:
        yield f"-A {chain} {_comment('not listed')} -j DROP"
        return
    # The packet is counted before it is recorded: a full table drops it without counting it.
    yield f"-A {chain} {_comment('not listed')}"
    for protocol in (Protocol.TCP, Protocol.UDP):
        yield f"-A {chain} -p {protocol.value} {_remember(cage.instance, protocol)}"
    yield f"-A {chain} -j DROP"


def _remember(instance: Instance, protocol: Protocol) -> str:
    """Return a match with a side effect: its table of buckets is the list of refused targets."""
    # hashlimit counts packets as spent credit. Rate and burst are limited by kernels before 4.8,
    # where a name has 15 characters and a table as many entries as slots.
    return (
        "-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 20 "
        f"--hashlimit-mode dstip,dstport --hashlimit-name {instance.refused}-{protocol.value} "
        f"--hashlimit-htable-size {REMEMBERED_DROPS} --hashlimit-htable-max {REMEMBERED_DROPS} "
        f"--hashlimit-htable-expire {REMEMBERED_SECONDS * 1000} "
        "--hashlimit-htable-gcinterval 60000"
    )


def _ports(ports: PortRange) -> str:
    return str(ports.first) if ports.is_single else f"{ports.first}:{ports.last}"
