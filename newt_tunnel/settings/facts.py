"""Validates a stack file once: the settings, or the problems and the parts that are valid.

The checks between sections work on the valid parts, so that one run reports everything: a damaged
``docker.hostKey`` does not hide that a subnet overlaps a target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from pydantic import ValidationError

from newt_tunnel.egress.cage import Firewall, Hook
from newt_tunnel.egress.model import Address
from newt_tunnel.egress.rules import Rule
from newt_tunnel.findings import Finding
from newt_tunnel.settings.agent import Agent
from newt_tunnel.settings.blueprint import Blueprint
from newt_tunnel.settings.dns import Dns
from newt_tunnel.settings.docker import Docker, Services, implied_firewall
from newt_tunnel.settings.endpoint import Endpoint
from newt_tunnel.settings.entries import Entry
from newt_tunnel.settings.kubernetes import Kubernetes
from newt_tunnel.settings.newt import LogLevel
from newt_tunnel.settings.policy import dns_rules, entry_rules
from newt_tunnel.settings.section import Section, ValidParts
from newt_tunnel.settings.servers import Servers
from newt_tunnel.settings.stack import AnySettings
from newt_tunnel.settings.targets import AnyEntry, Keyed, Target
from newt_tunnel.settings.validation_errors import problems_of, section_in


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The valid parts of a stack file. A field is None where it is invalid, or missing without a
    default.
    """

    model: type[AnySettings]
    dns: Dns | None
    endpoint: Endpoint | None
    #: None also if no addresses are written; ``addresses_written`` tells the two apart.
    addresses: tuple[Address, ...] | None
    addresses_written: bool
    agent: Agent | None
    #: ``newt.image``, the former ``agent.image``.
    former_image: str | None
    #: None where one of the keys that make it up is not valid.
    servers: Servers | None
    clients: bool | None
    log_level: LogLevel | None
    blueprint: Blueprint | None
    egress: tuple[Keyed, ...]
    must_not_reach: tuple[Keyed, ...]
    # on a Docker host
    subnet: IPv4Network | None
    host: IPv4Address | None
    #: None also where the host's record decides.
    firewall: Firewall | None
    hook: Hook | None
    bridge: str | None
    services: Services | None
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
            *(self.servers.rules() if self.servers else ()),
        )


@dataclass(frozen=True, kw_only=True)
class Validated:
    """``settings`` is None where there are problems; ``facts`` are the valid parts, always."""

    settings: AnySettings | None
    problems: tuple[Finding, ...]
    facts: Facts

    def with_entries(self, entries: Sequence[AnyEntry]) -> Validated:
        """With valid ``entries`` at the end of the allow-list, each under its own key."""
        settings = self.settings
        if settings is not None:
            settings = settings.model_copy(update={"egress": (*settings.egress, *entries)})
        keyed = tuple((entry.key("egress"), entry) for entry in entries)
        facts = replace(self.facts, egress=(*self.facts.egress, *keyed))
        return replace(self, settings=settings, facts=facts)


def validated(model: type[AnySettings], tree: Mapping[str, object]) -> Validated:
    """Validate the keys of a stack file, each by itself and with the others of its section."""
    parts = ValidParts()
    settings: AnySettings | None = None
    problems: tuple[Finding, ...] = ()
    try:
        settings = model.model_validate(tree, context=parts)
    except ValidationError as error:
        problems = tuple(problems_of(error, model))
    return Validated(settings=settings, problems=problems, facts=_facts(model, tree, parts))


def _facts(model: type[AnySettings], tree: Mapping[str, object], parts: ValidParts) -> Facts:
    server, pangolin = _section(model, "pangolin"), tree.get("pangolin")
    program, newt = _section(model, "newt"), tree.get("newt", {})
    docker = tree.get("docker")
    endpoint = _valid(server, "endpoint", pangolin, parts)
    clients = _valid(program, "clients", newt, parts)
    written = {key: _valid(server, key, pangolin, parts) for key in ("addresses", "nodes", "ports")}
    is_whole = None not in (endpoint, clients) and all(
        value is not None or not is_written(pangolin, key) for key, value in written.items()
    )
    return Facts(
        model=model,
        blueprint=_valid(model, "blueprint", tree, parts),
        dns=_valid(model, "dns", tree, parts),
        endpoint=endpoint,
        addresses=written["addresses"],
        addresses_written=is_written(pangolin, "addresses"),
        agent=_valid(model, "agent", tree, parts),
        former_image=_valid(program, "image", newt, parts),
        servers=Servers(endpoint=endpoint, clients=clients, **written) if is_whole else None,
        clients=clients,
        log_level=_valid(program, "log_level", newt, parts),
        egress=_entries("egress", tree, parts),
        must_not_reach=_entries("mustNotReach", tree, parts),
        subnet=_valid(Docker, "subnet", docker, parts),
        host=_valid(Docker, "address", docker, parts),
        firewall=_firewall(docker, parts),
        hook=_valid(Docker, "hook", docker, parts),
        bridge=_valid(Docker, "bridge", docker, parts),
        services=_valid(Docker, "services", docker, parts),
        namespace=_valid(Kubernetes, "namespace", tree.get("kubernetes", {}), parts),
    )


def _firewall(docker: object, parts: ValidParts) -> Firewall | None:
    written = _valid(Docker, "firewall", docker, parts)
    if written is None and is_written(docker, "firewall"):
        return None
    return implied_firewall(written, _valid(Docker, "hook", docker, parts))


def _section(model: type[AnySettings], name: str) -> type[Section]:
    return next(section_in(model.model_fields[name].annotation))


def is_written(section: object, key: str) -> bool:
    return isinstance(section, Mapping) and section.get(key) is not None


def _valid(section: type[Section], name: str, written: object, parts: ValidParts) -> Any:
    """The field's value; its default where nothing is written; None where it is not valid."""
    if not isinstance(written, Mapping):
        return None
    field = section.model_fields[name]
    if field.alias in written:
        return parts.fields.get((section, name))
    return None if field.is_required() else field.get_default()


def _entries(key: str, tree: Mapping[str, object], parts: ValidParts) -> tuple[Keyed, ...]:
    """The valid entries of a list, each with its key."""
    written = tree.get(key)
    return tuple(
        (entry.key(f"{key}[{index}]"), entry)
        for index, one in enumerate(written if isinstance(written, list) else ())
        if isinstance(entry := parts.entries.get(id(one)), Entry | Target)
    )
