"""Allow-lists of any length, for the cage and for the post's script."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

from newt_tunnel.egress.rules import Rule
from tests.host.rig import rule

_FIRST = IPv4Address("10.9.0.0")
PORT = 8000


def fillers(count: int, *, port: int = PORT) -> tuple[Rule, ...]:
    """As many single addresses that nobody has, in the order in which they are rendered."""
    return tuple(rule(f"filler-{n:04}", str(_FIRST + n), port) for n in range(count))


def arguments(rules: Sequence[Rule]) -> list[str]:
    """The same in the words of the post's script."""
    return [
        f"{rule.destination.network_address}:{rule.ports[0].first}:{rule.protocol.value}"
        for rule in rules
        if isinstance(rule.destination, IPv4Network)
    ]
