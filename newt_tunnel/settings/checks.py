"""What must hold between different sections of the stack file.

Works on as much of the file as is valid by itself, so that one run reports everything: a damaged
``docker.hostKey`` does not hide that a subnet overlaps a target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from ipaddress import IPv4Address, IPv4Network, ip_network
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

from newt_tunnel.egress.cage import IPTABLES_MAX_TARGETS, Firewall
from newt_tunnel.egress.model import Address, Destination, Network, PolicyError, destination_text
from newt_tunnel.egress.registry import not_public
from newt_tunnel.egress.rules import Policy, Rule
from newt_tunnel.settings import ports
from newt_tunnel.settings.dns import NONE, Dns
from newt_tunnel.settings.docker import Docker
from newt_tunnel.settings.entries import Entry, NamedEntry
from newt_tunnel.settings.errors import MISSING, Problem
from newt_tunnel.settings.newt import LogLevel, Newt
from newt_tunnel.settings.pangolin import ClusterPangolin, Endpoint, Pangolin
from newt_tunnel.settings.policy import (
    Keyed,
    default_services,
    destinations_of,
    dns_rules,
    entry_rules,
    server_rules,
)
from newt_tunnel.settings.stack import Settings

#: Enough to see what a subnet collides with.
_SHOWN_TARGETS = 5


AnyEntry = TypeVar("AnyEntry", bound=NamedEntry)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The valid part of a stack file. None: missing without a default, or invalid."""

    dns: Dns | None
    endpoint: Endpoint | None
    #: None also where nothing is written; ``addresses_written`` tells.
    addresses: tuple[Address, ...] | None
    addresses_written: bool
    services: tuple[ports.Service, ...] | None
    subnet: IPv4Network | None
    host: IPv4Address | None
    firewall: Firewall | None
    egress: tuple[Keyed, ...]
    must_not_reach: tuple[Keyed, ...]

    @property
    def entries(self) -> tuple[Keyed, ...]:
        return (*self.egress, *self.must_not_reach)

    @cached_property
    def allowed(self) -> tuple[Rule, ...]:
        """What newt may reach, as far as it can be told."""
        return (
            *(dns_rules(self.dns) if self.dns else ()),
            *self.server_rules,
            *entry_rules(self.egress),
        )

    @property
    def server_rules(self) -> tuple[Rule, ...]:
        return tuple(server_rules(self._server, self.services or ()))

    @property
    def _server(self) -> tuple[Destination, ...]:
        if self.addresses is None and (self.addresses_written or self.endpoint is None):
            return ()
        return destinations_of(self.endpoint.host if self.endpoint else None, self.addresses)


def facts(raw: Mapping[str, object]) -> Facts:
    """Judge each field that the checks need by itself."""
    pangolin, docker = raw.get("pangolin"), raw.get("docker")
    return Facts(
        dns=valid(Settings, "dns", raw),
        endpoint=valid(Pangolin, "endpoint", pangolin),
        addresses=valid(Pangolin, "addresses", pangolin),
        addresses_written=is_written(pangolin, "addresses"),
        services=services(Pangolin, raw),
        subnet=valid(Docker, "subnet", docker),
        host=valid(Docker, "address", docker),
        firewall=valid(Docker, "firewall", docker),
        egress=valid_entries(Entry, "egress", raw),
        must_not_reach=valid_entries(Entry, "mustNotReach", raw),
    )


def log_level(raw: Mapping[str, object]) -> LogLevel | None:
    """None where what is written is no level."""
    level: LogLevel | None = valid(Newt, "log_level", raw.get("newt", {}))
    return level


def services(
    model: type[Pangolin | ClusterPangolin], raw: Mapping[str, object]
) -> tuple[ports.Service, ...] | None:
    """What newt needs of the server, as far as it can be told."""
    pangolin = raw.get("pangolin")
    written: tuple[ports.Service, ...] | None = valid(model, "ports", pangolin)
    endpoint = valid(model, "endpoint", pangolin)
    clients = valid(Newt, "clients", raw.get("newt", {}))
    if written is not None or is_written(pangolin, "ports") or endpoint is None or clients is None:
        return written
    return default_services(endpoint, clients=clients)


def is_written(section: object, key: str) -> bool:
    return isinstance(section, Mapping) and section.get(key) is not None


def valid(model: type[BaseModel], name: str, section: object) -> Any:
    if not isinstance(section, Mapping):
        return None
    field = model.model_fields[name]
    value = section.get(field.alias, field.get_default())
    if value is PydanticUndefined:
        return None
    try:
        return _adapter(model, name).validate_python(value)
    except ValidationError:
        # Reported by the whole file's validation.
        return None


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(model.model_fields[name].rebuild_annotation())


def valid_entries(
    model: type[AnyEntry], key: str, raw: Mapping[str, object]
) -> tuple[tuple[str, AnyEntry], ...]:
    """The entries of a list that are valid by themselves, each with its key."""
    found = []
    entries = raw.get(key)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        try:
            judged = model.model_validate(entry)
            found.append((judged.key(f"{key}[{index}]"), judged))
        except ValidationError:
            # Reported by the whole file's validation.
            continue
    return tuple(found)


def check(found: Facts) -> Iterator[Problem]:
    """Every contradiction between sections, each once."""
    yield from names((key, entry.name) for key, entry in found.entries)
    yield from endpoint_addresses(found)
    yield from names_without_dns(
        found.dns, ((key, entry.destination) for key, entry in found.entries), "its IPv4 address"
    )
    yield from _subnet(found)
    yield from duplicates(found.allowed)
    yield from overlaps(found.allowed, entry_rules(found.must_not_reach))
    yield from _size(found)


def names(entries: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """``entries`` are keys and the names below them."""
    first: dict[str, str] = {}
    for key, name in entries:
        if name in first:
            yield Problem(
                f"{key}.name",
                name,
                f"is the name of {first[name]} as well; rules and reports use it, choose another",
            )
        first.setdefault(name, key)


class ServerFacts(Protocol):
    """What a file says of the server."""

    @property
    def dns(self) -> Dns | None: ...
    @property
    def endpoint(self) -> Endpoint | None: ...
    @property
    def addresses(self) -> tuple[Address, ...] | None: ...
    @property
    def addresses_written(self) -> bool: ...


def endpoint_addresses(found: ServerFacts) -> Iterator[Problem]:
    key = "pangolin.addresses"
    if found.endpoint is None:
        return
    host = found.endpoint.host
    if not isinstance(host, str):
        if not found.addresses_written and not_public(host):
            yield Problem(
                key,
                MISSING,
                f"pangolin.endpoint {host} is not public; if that is meant write [{host}]",
            )
        if found.addresses is not None and host not in found.addresses:
            yield Problem(
                key,
                ", ".join(str(address) for address in found.addresses),
                f"lacks {host}, which pangolin.endpoint names and newt will dial; add it",
            )
    elif not found.addresses_written and found.dns is not None and found.dns.is_none:
        yield Problem(
            key,
            MISSING,
            f"with dns: {NONE} newt cannot look {host} up; write its addresses, like "
            "[203.0.113.10]",
        )


def names_without_dns(
    dns: Dns | None, entries: Iterable[tuple[str, object]], instead: str
) -> Iterator[Problem]:
    """``entries`` are keys and what they mean; ``instead`` is what to write."""
    if dns is None or not dns.is_none:
        return
    for key, target in entries:
        if isinstance(target, str):
            yield Problem(
                f"{key}.host",
                target,
                f"is a name, and with dns: {NONE} newt cannot look it up; write {instead}",
            )


def _subnet(found: Facts) -> Iterator[Problem]:
    subnet = found.subnet
    if subnet is None:
        return
    inside: list[str] = []
    for key, block in _reachable(found):
        if subnet.overlaps(block) and block.prefixlen < subnet.prefixlen:
            yield Problem(
                key,
                str(block),
                f"contains newt's own network, docker.subnet {subnet}; write narrower blocks or "
                "another docker.subnet",
            )
        elif subnet.overlaps(block):
            inside.append(f"{key} {destination_text(block)}")
    if inside:
        first, rest = inside[:_SHOWN_TARGETS], len(inside) - _SHOWN_TARGETS
        more = f" and {rest} more" if rest > 0 else ""
        yield Problem(
            "docker.subnet",
            str(subnet),
            f"overlaps with {', '.join(first)}{more}; write a block that nothing else uses",
        )


def _reachable(found: Facts) -> Iterator[tuple[str, Network]]:
    """What must lie outside newt's own network.

    The proof, however, may well try an address inside it.
    """
    if found.host is not None:
        yield "docker.address", IPv4Network(found.host)
    if found.dns is not None:
        yield from (
            (f"dns[{n}]", ip_network(address)) for n, address in enumerate(found.dns.resolvers)
        )
    for n, address in enumerate(found.addresses or ()):
        yield f"pangolin.addresses[{n}]", ip_network(address)
    if (
        found.addresses is None
        and found.endpoint is not None
        and isinstance(found.endpoint.host, IPv4Address)
    ):
        yield "pangolin.endpoint", IPv4Network(found.endpoint.host)
    for key, entry in found.egress:
        if isinstance(entry.destination, IPv4Network):
            yield f"{key}.{'host' if entry.cidr is None else 'cidr'}", entry.destination


def duplicates(allowed: Iterable[Rule]) -> Iterator[Problem]:
    first: dict[tuple[object, ...], Rule] = {}
    for rule in allowed:
        for port in (*rule.ports, *rule.port_names):
            known = first.setdefault((rule.destination, rule.protocol, port), rule)
            if known.name != rule.name:
                yield Problem(
                    rule.origin,
                    f"{rule.name}, {destination_text(rule.destination)} "
                    f"{port}/{rule.protocol.value}",
                    f"repeats what {known.origin} ({known.name}) allows; remove one of the two",
                )
                break


def overlaps(allowed: Sequence[Rule], forbidden: Iterable[Rule]) -> Iterator[Problem]:
    # One policy per forbidden rule: a policy stops at the first contradiction.
    for rule in forbidden:
        try:
            Policy(allowed=tuple(allowed), forbidden=(rule,), resolvers=(), endpoint=None)
        except PolicyError as error:
            yield Problem(error.key, str(error.value), error.remedy)


def _size(found: Facts) -> Iterator[Problem]:
    targets = Policy(allowed=found.allowed, forbidden=(), resolvers=(), endpoint=None).target_count
    if found.firewall is Firewall.IPTABLES and targets > IPTABLES_MAX_TARGETS:
        yield Problem(
            "docker.firewall",
            Firewall.IPTABLES.value,
            f"{targets} targets are more than the {IPTABLES_MAX_TARGETS} up to which it keeps "
            "its speed; "
            f"write {Firewall.NFTABLES.value}",
        )
