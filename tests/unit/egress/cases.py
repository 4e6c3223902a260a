"""Policies written down briefly, for golden files and tests.

One line each: ``allow NAME DESTINATION PORTS/PROTOCOL``, ``forbid ...`` likewise, ``resolver
ADDRESS``, ``endpoint HOST``; ``#`` starts a comment. Leaves out the stack file: how a user writes a
policy is the business of ``settings``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from pathlib import Path

from newt_tunnel.docker_host.docker_names import DockerNames
from newt_tunnel.docker_host.payload import Declaration
from newt_tunnel.egress.cage import Cage, Firewall, ServiceNetwork
from newt_tunnel.egress.instance import Instance
from newt_tunnel.egress.model import (
    DNS_RULE,
    PANGOLIN_RULE,
    Container,
    Destination,
    HostName,
    PortRange,
    Protocol,
)
from newt_tunnel.egress.rules import Policy, Rule

GOLDEN = Path(__file__).parents[2] / "golden"

#: newt's place on the NAS of the blog post, in iptables; tests of nftables replace that.
CAGE = Cage(
    instance=Instance("nas"),
    bridge="br-newt",
    subnet=IPv4Network("172.30.0.0/24"),
    gateway=IPv4Address("172.30.0.1"),
    newt=IPv4Address("172.30.0.10"),
    host=IPv4Address("10.0.1.10"),
    firewall=Firewall.IPTABLES,
)


#: The same, with a network on which it reaches containers.
SERVICES = ServiceNetwork(
    network="newt-services",
    bridge="br-newt-svc",
    subnet=IPv4Network("172.30.1.0/24"),
    gateway=IPv4Address("172.30.1.1"),
    newt=IPv4Address("172.30.1.254"),
)
CAGE_WITH_SERVICES = replace(CAGE, services=SERVICES)


def golden(case: str) -> Policy:
    """The policy of a directory under ``tests/golden``."""
    return policy((GOLDEN / case / "policy.txt").read_text())


def policy(text: str) -> Policy:
    allowed: list[Rule] = []
    forbidden: list[Rule] = []
    resolvers: list[IPv4Address] = []
    servers: list[HostName] = []
    for line in text.splitlines():
        match line.partition("#")[0].split():
            case []:
                pass
            case ["allow", name, destination, service]:
                allowed.append(rule(name, destination, service, _origin(name, allowed)))
            case ["forbid", name, destination, service]:
                origin = f"mustNotReach[{len(forbidden)}]"
                forbidden.append(rule(name, destination, service, origin))
            case ["resolver", address]:
                resolvers.append(IPv4Address(address))
            case ["endpoint", host]:
                servers.append(HostName(host))
            case _:
                raise ValueError(f"not a line of a policy: {line!r}")
    return Policy(
        allowed=tuple(allowed),
        forbidden=tuple(forbidden),
        resolvers=tuple(resolvers),
        server_names=tuple(servers),
    )


def rule(name: str, destination: str, service: str, origin: str = "egress[0]") -> Rule:
    """``rule("web", "10.0.1.50", "80,8000-8010/tcp")``; ``all/any`` has no ports."""
    ports, _, protocol = service.partition("/")
    return Rule(
        name=name,
        destination=_destination(destination),
        protocol=Protocol(protocol),
        ports=() if ports == "all" else tuple(map(_port_range, ports.split(","))),
        origin=origin,
    )


def declaration(policy: Policy, cage: Cage = CAGE) -> Declaration:
    return Declaration(
        policy=policy,
        cage=cage,
        owner="newt-tunnel/nas",
        names=DockerNames.of(None),
        persistence="systemd",
    )


def _origin(name: str, before: Iterable[Rule]) -> str:
    reserved = {DNS_RULE: "dns", PANGOLIN_RULE: "pangolin.ports"}
    entries = sum(rule.name not in reserved for rule in before)
    return reserved.get(name, f"egress[{entries}]")


def _destination(text: str) -> Destination:
    if text.startswith("container:"):
        return Container(text.removeprefix("container:"))
    try:
        IPv4Address(text.partition("/")[0])
    except AddressValueError:
        return HostName(text)
    return IPv4Network(text)


def _port_range(text: str) -> PortRange:
    first, _, last = text.partition("-")
    return PortRange(int(first), int(last or first))
