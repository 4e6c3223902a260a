"""What newt may reach: the one policy behind every renderer, the proof and the report.

Owns the rule, the policy and the invariants that hold on every platform. Leaves out how a policy is
enforced (``iptables``, ``nftables``, ``network_policy``) and how a user writes it (``settings``): a
rule here is already validated, named and free of defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from newt_tunnel.egress.model import (
    ALL_PORTS,
    Address,
    Container,
    Destination,
    HostName,
    Pods,
    PolicyError,
    PortName,
    PortRange,
    Protocol,
    destination_text,
    destinations_overlap,
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing newt may reach (or, under ``Policy.forbidden``, must never reach).

    ``name`` reappears in whatever the rule renders. ``origin`` is the key of the stack file it
    comes from (``egress[2]``, ``dns``, ``pangolin.ports``), so that a report can point back.
    ``reason`` is the user's own remark.
    """

    name: str
    destination: Destination
    protocol: Protocol
    ports: tuple[PortRange, ...]
    origin: str
    port_names: tuple[PortName, ...] = ()
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.protocol is Protocol.ANY) != (not self.ports and not self.port_names):
            raise PolicyError(
                self.origin, self.name, "ports belong to TCP or UDP, and only to them"
            )
        if self.port_names and not isinstance(self.destination, Pods):
            raise PolicyError(
                self.origin, self.name, "only pods have named ports; write the number"
            )

    @property
    def sort_key(self) -> tuple[str, str, str, tuple[PortRange, ...], tuple[PortName, ...]]:
        """Order of rendering, whatever the order in the stack file, so that diffs stay small."""
        return (
            self.name,
            str(self.destination),
            self.protocol.value,
            self.ports,
            self.port_names,
        )

    @property
    def ports_text(self) -> str:
        return ",".join(map(str, (*self.ports, *self.port_names))) or "all"

    @property
    def numbers(self) -> tuple[PortRange, ...]:
        """All port numbers that are known to belong to the rule."""
        named = (PortRange.single(n) for port in self.port_names for n in port.numbers)
        return (ALL_PORTS,) if self.protocol is Protocol.ANY else (*self.ports, *named)

    def overlaps(self, other: Rule) -> bool:
        """Whether some packet matches both. Two names overlap only if they are equal."""
        return (
            destinations_overlap(self.destination, other.destination)
            and self.protocol.overlaps(other.protocol)
            and _ports_overlap(self, other)
        )

    def __str__(self) -> str:
        where = f"{destination_text(self.destination)} {self.ports_text}/{self.protocol.value}"
        return f"{self.name} ({where})"


def _ports_overlap(one: Rule, other: Rule) -> bool:
    return not {named.name for named in one.port_names}.isdisjoint(
        named.name for named in other.port_names
    ) or any(mine.overlaps(theirs) for mine in one.numbers for theirs in other.numbers)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """All that newt may reach, and what the proof tries to show it cannot.

    ``resolvers`` are the DNS servers newt may ask, ``server_names`` the names of Pangolin's servers
    whose addresses are left to resolution: they may resolve to public unicast addresses only.

    Raises ``PolicyError`` when an allowed rule and a forbidden one overlap, naming both.
    """

    allowed: tuple[Rule, ...]
    forbidden: tuple[Rule, ...]
    resolvers: tuple[Address, ...]
    server_names: tuple[HostName, ...]

    def __post_init__(self) -> None:
        for forbidden in self.forbidden:
            for allowed in self.allowed:
                if allowed.overlaps(forbidden):
                    raise PolicyError(
                        forbidden.origin,
                        str(forbidden),
                        f"overlaps with {allowed.origin}: {allowed}, which newt may reach; "
                        "narrow the one or remove the other",
                    )

    @cached_property
    def sorted_rules(self) -> tuple[Rule, ...]:
        return tuple(sorted(self.allowed, key=lambda rule: rule.sort_key))

    @property
    def own_network_rules(self) -> tuple[Rule, ...]:
        """Those of ``sorted_rules`` that are enforced on newt's own network."""
        return tuple(r for r in self.sorted_rules if not isinstance(r.destination, Container))

    @property
    def container_rules(self) -> tuple[Rule, ...]:
        """Those of ``sorted_rules`` that are enforced on the network of services."""
        return tuple(r for r in self.sorted_rules if isinstance(r.destination, Container))

    @property
    def container_keys(self) -> tuple[HostName, ...]:
        """The allowed ones, by ``Container.key``, sorted, once each."""
        keys = {
            rule.destination.key for rule in self.allowed if isinstance(rule.destination, Container)
        }
        return tuple(sorted(keys))

    @property
    def containers(self) -> tuple[Container, ...]:
        """Every container in the policy, allowed and forbidden, sorted, once each."""
        rules = (*self.allowed, *self.forbidden)
        return tuple(sorted({r.destination for r in rules if isinstance(r.destination, Container)}))

    @property
    def host_names(self) -> tuple[HostName, ...]:
        """Every name in the policy, allowed and forbidden, endpoint included, sorted, once each."""
        names = {
            rule.destination
            for rule in (*self.allowed, *self.forbidden)
            if isinstance(rule.destination, str)
        }
        return tuple(sorted(names))

    @property
    def target_count(self) -> int:
        """Rules as the kernel sees them: one per address and port range."""
        return sum(max(1, len(rule.ports) + len(rule.port_names)) for rule in self.allowed)
