"""What a stack file says that is valid by itself, whatever is wrong with the rest.

The checks between sections work on it, so that one run reports everything: a damaged
``docker.hostKey`` does not hide that a subnet overlaps a target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

from newt_tunnel.egress.cage import Firewall
from newt_tunnel.egress.model import Address, Destination
from newt_tunnel.egress.rules import Rule
from newt_tunnel.settings import ports
from newt_tunnel.settings.dns import Dns
from newt_tunnel.settings.docker import Docker
from newt_tunnel.settings.findings import section_in
from newt_tunnel.settings.kubernetes import Kubernetes
from newt_tunnel.settings.newt import LogLevel, Newt, Program
from newt_tunnel.settings.pangolin import Endpoint
from newt_tunnel.settings.policy import (
    default_services,
    destinations_of,
    dns_rules,
    entry_rules,
    server_rules,
)
from newt_tunnel.settings.section import Section
from newt_tunnel.settings.stack import AnySettings
from newt_tunnel.settings.targets import Keyed


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The valid part of a stack file. None: missing without a default, or invalid."""

    model: type[AnySettings]
    dns: Dns | None
    endpoint: Endpoint | None
    #: None also where nothing is written; ``addresses_written`` says which.
    addresses: tuple[Address, ...] | None
    addresses_written: bool
    services: tuple[ports.Service, ...] | None
    egress: tuple[Keyed, ...]
    must_not_reach: tuple[Keyed, ...]
    # on a Docker host
    subnet: IPv4Network | None
    host: IPv4Address | None
    firewall: Firewall | None
    # in a cluster
    namespace: str | None

    @property
    def entries(self) -> tuple[Keyed, ...]:
        return (*self.egress, *self.must_not_reach)

    @cached_property
    def allowed(self) -> tuple[Rule, ...]:
        """What newt may reach, as far as the file alone says it."""
        return (*self.newts_own, *entry_rules(self.egress))

    @property
    def newts_own(self) -> tuple[Rule, ...]:
        """What newt may reach for itself: its resolvers and its server."""
        return (
            *(dns_rules(self.dns) if self.dns else ()),
            *server_rules(self._server, self.services or ()),
        )

    @property
    def _server(self) -> tuple[Destination, ...]:
        if self.addresses is None and (self.addresses_written or self.endpoint is None):
            return ()
        return destinations_of(self.endpoint.host if self.endpoint else None, self.addresses)


def facts(model: type[AnySettings], raw: Mapping[str, object]) -> Facts:
    """Judge each field that the checks need by itself."""
    server, pangolin = _section(model, "pangolin"), raw.get("pangolin")
    docker = raw.get("docker")
    return Facts(
        model=model,
        dns=valid(model, "dns", raw),
        endpoint=valid(server, "endpoint", pangolin),
        addresses=valid(server, "addresses", pangolin),
        addresses_written=is_written(pangolin, "addresses"),
        services=_services(server, raw),
        egress=valid_entries(model, "egress", raw),
        must_not_reach=valid_entries(model, "mustNotReach", raw),
        subnet=valid(Docker, "subnet", docker),
        host=valid(Docker, "address", docker),
        firewall=valid(Docker, "firewall", docker),
        namespace=valid(Kubernetes, "namespace", raw.get("kubernetes", {})),
    )


def log_level(raw: Mapping[str, object]) -> LogLevel | None:
    """None where what is written is no level."""
    level: LogLevel | None = valid(Newt, "log_level", raw.get("newt", {}))
    return level


def _services(server: type[Section], raw: Mapping[str, object]) -> tuple[ports.Service, ...] | None:
    """What newt needs of the server, as far as the file says it."""
    pangolin = raw.get("pangolin")
    written: tuple[ports.Service, ...] | None = valid(server, "ports", pangolin)
    endpoint = valid(server, "endpoint", pangolin)
    clients = valid(Program, "clients", raw.get("newt", {}))
    if written is not None or is_written(pangolin, "ports") or endpoint is None or clients is None:
        return written
    return default_services(endpoint, clients=clients)


def _section(model: type[Section], name: str) -> type[Section]:
    return next(section_in(model.model_fields[name].annotation))


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
    model: type[AnySettings], key: str, raw: Mapping[str, object]
) -> tuple[Keyed, ...]:
    """The entries of a list that are valid by themselves, each with its key."""
    found: list[Keyed] = []
    entries = raw.get(key)
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        try:
            judged = model.entry.model_validate(entry)
            found.append((judged.key(f"{key}[{index}]"), judged))
        except ValidationError:
            # Reported by the whole file's validation.
            continue
    return tuple(found)
