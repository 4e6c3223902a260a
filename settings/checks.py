"""What must hold between different sections of the stack file.

Works on as much of the file as is valid by itself, so that one run reports everything: a damaged
``docker.hostKey`` does not hide that a subnet overlaps a target.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

from egress.cage import IPTABLES_MAX_TARGETS, Firewall
from egress.model import Destination, Policy, PolicyError, Rule, destination_text
from settings import ports
from settings.addresses import is_private
from settings.dns import NONE, Dns
from settings.docker import Docker
from settings.entries import Entry
from settings.errors import MISSING, Problem
from settings.newt import Newt
from settings.pangolin import Endpoint, Pangolin
from settings.policy import (
    Keyed,
    default_services,
    destinations_of,
    dns_rules,
    entry_rules,
    server_rules,
)
from settings.stack import Settings

#: Enough to see what a subnet collides with.
_SHOWN_TARGETS = 5


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The valid part of a stack file. None: missing without a default, or invalid."""

    dns: Dns | None
    endpoint: Endpoint | None
    #: None also where nothing is written; ``addresses_written`` tells.
    addresses: tuple[IPv4Address, ...] | None
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
            *server_rules(self._server, self.services or ()),
            *entry_rules(self.egress),
        )

    @property
    def _server(self) -> tuple[Destination, ...]:
        if self.addresses is None and (self.addresses_written or self.endpoint is None):
            return ()
        return destinations_of(self.endpoint.host if self.endpoint else None, self.addresses)


def facts(raw: Mapping[str, object]) -> Facts:
    """Judge each field that the checks need by itself."""
    pangolin, docker = raw.get("pangolin"), raw.get("docker")
    endpoint = _valid(Pangolin, "endpoint", pangolin)
    clients = _valid(Newt, "clients", raw.get("newt", {}))
    services = _valid(Pangolin, "ports", pangolin)
    if (
        services is None
        and endpoint is not None
        and clients is not None
        and not _is_written(pangolin, "ports")
    ):
        services = default_services(endpoint, clients=clients)
    return Facts(
        dns=_valid(Settings, "dns", raw),
        endpoint=endpoint,
        addresses=_valid(Pangolin, "addresses", pangolin),
        addresses_written=_is_written(pangolin, "addresses"),
        services=services,
        subnet=_valid(Docker, "subnet", docker),
        host=_valid(Docker, "address", docker),
        firewall=_valid(Docker, "firewall", docker),
        egress=tuple(_entries("egress", raw)),
        must_not_reach=tuple(_entries("mustNotReach", raw)),
    )


def _is_written(section: object, key: str) -> bool:
    return isinstance(section, Mapping) and section.get(key) is not None


def _valid(model: type[BaseModel], name: str, section: object) -> Any:
    if not isinstance(section, Mapping):
        return None
    field = model.model_fields[name]
    value = section.get(field.alias, field.get_default())
    if value is PydanticUndefined:
        return None
    try:
        return TypeAdapter(field.rebuild_annotation()).validate_python(value)
    except ValidationError:
        # Reported by the whole file's validation.
        return None


def _entries(key: str, raw: Mapping[str, object]) -> Iterator[Keyed]:
    entries = raw.get(key)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        try:
            yield f"{key}[{index}]", Entry.model_validate(entry)
        except ValidationError:
            # Reported by the whole file's validation.
            continue


def check(found: Facts) -> Iterator[Problem]:
    """Every contradiction between sections, each once."""
    yield from _names(found)
    yield from _endpoint_addresses(found)
    yield from _names_without_dns(found)
    yield from _subnet(found)
    yield from _duplicates(found)
    yield from _overlaps(found)
    yield from _size(found)


def _names(found: Facts) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for key, entry in found.entries:
        if entry.name in first:
            yield Problem(
                f"{key}.name",
                entry.name,
                f"is the name of {first[entry.name]} too; rules and reports go by it, choose "
                "another",
            )
        first.setdefault(entry.name, key)


def _endpoint_addresses(found: Facts) -> Iterator[Problem]:
    key = "pangolin.addresses"
    if found.endpoint is None:
        return
    host = found.endpoint.host
    if isinstance(host, IPv4Address):
        if not found.addresses_written and is_private(host):
            yield Problem(
                key,
                MISSING,
                f"pangolin.endpoint {host} is private; if that is meant write [{host}]",
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


def _names_without_dns(found: Facts) -> Iterator[Problem]:
    if found.dns is None or not found.dns.is_none:
        return
    for key, entry in found.entries:
        if isinstance(entry.destination, str):
            yield Problem(
                f"{key}.host",
                entry.destination,
                f"is a name, and with dns: {NONE} newt cannot look it up; write its IPv4 address",
            )


def _subnet(found: Facts) -> Iterator[Problem]:
    subnet = found.subnet
    if subnet is None:
        return
    inside: list[str] = []
    for key, block in _reachable(found):
        if subnet.subnet_of(block) and block != subnet:
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


def _reachable(found: Facts) -> Iterator[tuple[str, IPv4Network]]:
    """What must lie outside newt's own network.

    The proof, however, may well try an address inside it.
    """
    if found.host is not None:
        yield "docker.address", IPv4Network(found.host)
    if found.dns is not None:
        yield from (
            (f"dns[{n}]", IPv4Network(address)) for n, address in enumerate(found.dns.resolvers)
        )
    for n, address in enumerate(found.addresses or ()):
        yield f"pangolin.addresses[{n}]", IPv4Network(address)
    if (
        found.addresses is None
        and found.endpoint is not None
        and isinstance(found.endpoint.host, IPv4Address)
    ):
        yield "pangolin.endpoint", IPv4Network(found.endpoint.host)
    for key, entry in found.egress:
        if isinstance(entry.destination, IPv4Network):
            yield f"{key}.{'host' if entry.cidr is None else 'cidr'}", entry.destination


def _duplicates(found: Facts) -> Iterator[Problem]:
    first: dict[tuple[object, ...], Rule] = {}
    for rule in found.allowed:
        for port in rule.ports:
            known = first.setdefault((rule.destination, rule.protocol, port), rule)
            if known.name != rule.name:
                yield Problem(
                    rule.origin,
                    f"{rule.name}, {destination_text(rule.destination)} "
                    f"{port}/{rule.protocol.value}",
                    f"is what {known.origin} ({known.name}) allows already; remove one of the two",
                )
                break


def _overlaps(found: Facts) -> Iterator[Problem]:
    # One policy per forbidden rule: a policy stops at the first contradiction.
    for rule in entry_rules(found.must_not_reach):
        try:
            Policy(allowed=found.allowed, forbidden=(rule,), resolvers=(), endpoint=None)
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
