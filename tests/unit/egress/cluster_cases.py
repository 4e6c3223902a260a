"""Policies of a cluster written down briefly, like those of ``cases``.

A destination is a block, pods as ``namespace/label=value,...`` or ``namespace/*``, or a wide block
with its holes, ``0.0.0.0/0-169.254.0.0/16-10.42.0.0/16``. A port may be a name, with the numbers
that were seen for it: ``http(8080)``.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

from newt_tunnel.egress.model import (
    DNS_RULE,
    PANGOLIN_RULE,
    Destination,
    Pods,
    PortName,
    PortRange,
    Protocol,
    WideBlock,
)
from newt_tunnel.egress.rules import Policy, Rule

GOLDEN = Path(__file__).parents[2] / "golden-kubernetes"

_NAMED = re.compile(r"([a-z][a-z0-9-]*)(?:\(([0-9+]+)\))?")


def golden(case: str) -> Policy:
    """The policy of a directory under ``tests/golden-kubernetes``."""
    return policy((GOLDEN / case / "policy.txt").read_text())


def policy(text: str) -> Policy:
    rules: dict[str, list[Rule]] = {"allow": [], "forbid": []}
    for line in text.splitlines():
        match line.partition("#")[0].split():
            case []:
                pass
            case ["allow" | "forbid" as verb, name, destination, service]:
                rules[verb].append(rule(name, destination, service, _origin(verb, name, rules)))
            case _:
                raise ValueError(f"not a line of a policy: {line!r}")
    return Policy(
        allowed=tuple(rules["allow"]),
        forbidden=tuple(rules["forbid"]),
        resolvers=(),
        server_names=(),
    )


def rule(name: str, destination: str, service: str, origin: str = "egress[0]") -> Rule:
    ports, _, protocol = service.partition("/")
    listed = [] if ports == "all" else ports.split(",")
    return Rule(
        name=name,
        destination=_destination(destination),
        protocol=Protocol(protocol),
        ports=tuple(_range(port) for port in listed if port[0].isdigit()),
        port_names=tuple(_named(port) for port in listed if not port[0].isdigit()),
        origin=origin,
    )


def _destination(text: str) -> Destination:
    if not re.match(r"[0-9a-f]*[:.]", text):
        namespace, _, labels = text.partition("/")
        pairs = (pair.split("=") for pair in labels.split(",") if labels != "*")
        return Pods(namespace, tuple(sorted((key, value) for key, value in pairs)))
    network, *holes = map(ip_network, text.split("-"))
    return WideBlock(network, tuple(holes)) if holes else network


def _range(text: str) -> PortRange:
    first, _, last = text.partition("-")
    return PortRange(int(first), int(last or first))


def _named(text: str) -> PortName:
    found = _NAMED.fullmatch(text)
    assert found is not None, text
    return PortName(found[1], tuple(map(int, found[2].split("+"))) if found[2] else ())


def _origin(verb: str, name: str, rules: dict[str, list[Rule]]) -> str:
    reserved = {DNS_RULE: "dns", PANGOLIN_RULE: "pangolin.ports"}
    names = {rule.name for rule in rules[verb]} - reserved.keys() - {name}
    key = "egress" if verb == "allow" else "mustNotReach"
    return reserved.get(name, f"{key}[{len(names)}]")
