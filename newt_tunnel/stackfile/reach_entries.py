"""The reach of a stack file as it is written: one entry per name and place.

The same for both platforms, before any look-up; ``settings.policy`` makes the rules.
``review.changes`` compares two lists of entries, and ``review.safeguards`` the other settings that
confine newt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from newt_tunnel.egress.model import (
    DNS_PORT,
    DNS_PROTOCOLS,
    DNS_RULE,
    EVERYWHERE6,
    Network,
    Pods,
    PortName,
    PortRange,
    Protocol,
    WideBlock,
    destination_text,
)
from newt_tunnel.egress.rules import Rule
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.policy import dns_rules, policy
from newt_tunnel.settings.servers import servers_of
from newt_tunnel.settings.stack import AnySettings, KubernetesSettings, Settings
from newt_tunnel.settings.targets import Target
from newt_tunnel.stackfile.reach_sets import Box, Place, boxes


@dataclass(frozen=True, order=True)
class EntryPorts:
    """Ports of one protocol; ``Protocol.ANY`` has none and means all ports of all protocols."""

    protocol: Protocol
    ranges: tuple[PortRange, ...]
    names: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        if self.protocol is Protocol.ANY:
            return ("all ports and protocols",)
        return tuple(f"{port}/{self.protocol.value}" for port in (*self.ranges, *self.names))


@dataclass(frozen=True, kw_only=True)
class ReachEntry:
    """``origin`` is the key that opens it, without its place in a list. ``wide``: the block gets
    holes that only the cluster knows.
    """

    name: str
    place: Place
    ports: tuple[EntryPorts, ...]
    origin: str
    reason: str | None = None
    wide: bool = False

    @cached_property
    def region(self) -> tuple[Box, ...]:
        return tuple(
            box
            for ports in self.ports
            for box in boxes(self.place, ports.protocol, ports.ranges, map(PortName, ports.names))
        )

    @property
    def where(self) -> str:
        return place_text(self.place) + (" (wide)" if self.wide else "")

    @property
    def ports_texts(self) -> tuple[str, ...]:
        return tuple(text for ports in self.ports for text in ports.texts)

    @property
    def sort_key(self) -> tuple[str, str, tuple[str, ...]]:
        return (self.name, self.where, self.ports_texts)


def place_text(place: Place) -> str:
    """Return the place as a person writes it; a target in a cluster is marked as such."""
    if isinstance(place, ServiceRef):
        return f"service {place}"
    if isinstance(place, Pods):
        return f"pods {place}" if place.labels else f"every pod of namespace {place.namespace}"
    return destination_text(place)


def allowed(settings: AnySettings) -> tuple[ReachEntry, ...]:
    """Return everything newt may reach."""
    why_dns = settings.reasons.given().get("dns")
    return tuple(
        replace(one, reason=why_dns) if one.name == DNS_RULE else one for one in _allowed(settings)
    )


def _allowed(settings: AnySettings) -> tuple[ReachEntry, ...]:
    if isinstance(settings, Settings):
        return of_rules(policy(settings).allowed)
    return _merged(
        (
            *_cluster_dns(settings),
            *(_of_rule(rule) for rule in servers_of(settings).rules()),
            *(_of_target(target.key("egress"), target) for target in settings.egress),
        )
    )


def forbidden(settings: AnySettings) -> tuple[ReachEntry, ...]:
    """Return what the proof expects to be blocked."""
    if isinstance(settings, Settings):
        return of_rules(policy(settings).forbidden)
    return _merged(_of_target("mustNotReach", target) for target in settings.must_not_reach)


def of_rules(rules: Iterable[Rule]) -> tuple[ReachEntry, ...]:
    return _merged(map(_of_rule, rules))


def _of_rule(rule: Rule) -> ReachEntry:
    place = rule.destination
    assert not isinstance(place, WideBlock), "holes are known only after a look into the cluster"
    return ReachEntry(
        name=rule.name,
        place=place,
        ports=(EntryPorts(rule.protocol, rule.ports),),
        origin=_without_place(rule.origin),
        reason=rule.reason,
    )


def _of_target(origin: str, target: Target) -> ReachEntry:
    return ReachEntry(
        name=target.name,
        place=target.meaning,
        ports=(EntryPorts(target.protocol, target.ranges, target.port_names),),
        origin=_without_place(origin),
        reason=target.reason,
        wide=target.wide,
    )


def _without_place(origin: str) -> str:
    return origin.partition("[")[0]


def _cluster_dns(settings: KubernetesSettings) -> Iterator[ReachEntry]:
    dns = settings.dns
    yield from (_of_rule(rule) for rule in dns_rules(dns))
    pods = settings.kubernetes.cluster_dns
    places: list[tuple[Network | Pods, int]] = []
    if dns.anywhere:
        places.append((EVERYWHERE6, DNS_PORT))
    if dns.cluster:
        places.append((Pods(pods.namespace, pods.labels), pods.port))
    for place, port in places:
        for protocol in DNS_PROTOCOLS:
            yield ReachEntry(
                name=DNS_RULE,
                place=place,
                ports=(EntryPorts(protocol, (PortRange.single(port),)),),
                origin="dns",
            )


def _merged(entries: Iterable[ReachEntry]) -> tuple[ReachEntry, ...]:
    """Merge entries that have the same name and place with several protocols."""
    by_place: dict[tuple[str, str, Place, str | None, bool], list[ReachEntry]] = {}
    for one in entries:
        key = (one.origin, one.name, one.place, one.reason, one.wide)
        by_place.setdefault(key, []).append(one)
    found = (
        ReachEntry(
            name=name,
            place=place,
            ports=tuple(
                sorted((p for one in ones for p in one.ports), key=lambda p: p.protocol.value)
            ),
            origin=origin,
            reason=reason,
            wide=wide,
        )
        for (origin, name, place, reason, wide), ones in by_place.items()
    )
    return tuple(sorted(found, key=lambda one: one.sort_key))
