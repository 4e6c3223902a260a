"""What newt tried and was refused, in terms of the policy model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from newt_tunnel.egress.model import Address, Pods, Protocol

#: Labels that identify a pod, the clearest first; others change with its versions.
TELLING_LABELS = (
    *("app.kubernetes.io/name", "app", "k8s-app", "name"),
    "app.kubernetes.io/component",
)


class NotUnderstoodError(Exception):
    """The input is no list of attempts; the text describes it."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One target: TCP or UDP, and one port.

    ``packets`` were refused, or at least so many where ``at_least``; the last one ``ago`` seconds
    before the look. ``entity`` is an enforcer's name for a target that is neither a pod nor
    outside: a node, the Kubernetes API.
    """

    destination: Address | Pods
    protocol: Protocol
    port: int
    packets: int
    ago: int
    at_least: bool = False
    entity: str = ""


def of_host(text: str) -> Iterator[Attempt]:
    """Read the output of ``newt-egress refused``. Raises ``NotUnderstoodError``."""
    for line in text.splitlines():
        try:
            ago, packets, protocol, address, port = line.split("\t")
            yield Attempt(
                destination=IPv4Address(address),
                protocol=Protocol(protocol),
                port=int(port),
                packets=int(packets.removesuffix("+")),
                at_least=packets.endswith("+"),
                ago=max(0, int(ago)),
            )
        except ValueError:
            raise NotUnderstoodError(f"not a line of newt-egress refused: {line[:200]!r}") from None
