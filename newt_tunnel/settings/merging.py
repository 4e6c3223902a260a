"""Merges a blueprint's exposures with the written entries, each target once.

Owns the names of derived entries and the remarks about them. ``derived`` reads the blueprint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import ValidationError

from newt_tunnel.blueprint.exposed import Exposure, Via
from newt_tunnel.egress.model import Container, PortRange, Protocol, destination_text
from newt_tunnel.findings import Finding, info
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.entries import candidates
from newt_tunnel.settings.facts import Facts
from newt_tunnel.settings.host_names import CLUSTER_NAME
from newt_tunnel.settings.targets import AnyEntry, Meaning, Target
from newt_tunnel.settings.validation_errors import problems_of

KEY = "blueprint"
_PLACES = ("host", "cidr", "service")


@dataclass
class Derived:
    """The entries are complete if there is no problem. ``taken`` reports what was derived;
    ``left_out`` what was not, and what needs attention.
    """

    entries: list[AnyEntry] = field(default_factory=list)
    taken: list[Finding] = field(default_factory=list)
    left_out: list[Finding] = field(default_factory=list)
    problems: list[Finding] = field(default_factory=list)

    @property
    def remarks(self) -> list[Finding]:
        return [*self.taken, *self.left_out]


@dataclass(frozen=True)
class _Known:
    """Ports that are allowed already, and the key and name that allow them. A derived entry gets
    its name when all entries are known.
    """

    key: str
    name: str | None
    ports: tuple[PortRange, ...]


class Merge:
    """Adds exposures to the written entries, each target once."""

    def __init__(self, facts: Facts, derived: Derived) -> None:
        self._model: type[AnyEntry] = facts.model.entry
        self._derived = derived
        every = (*facts.must_not_reach, *facts.egress)
        self._named = {entry.name: (key, entry) for key, entry in every}
        self._allowed: dict[tuple[object, Protocol], list[_Known]] = {}
        for rule in facts.newts_own:
            aim = (rule.destination, rule.protocol)
            self._allow(aim, _Known(rule.origin, rule.name, rule.ports))
        for key, entry in facts.egress:
            self._allow(_aim(entry), _Known(key, entry.name, entry.ranges))
        self._names = {*self._named, *self._model.reserved}

    def add(self, exposures: Iterable[Exposure]) -> None:
        """Add one entry per exposure, without the ports that are allowed already."""
        new: list[tuple[Exposure, AnyEntry]] = []
        #: Names of written entries that allow the same as their resource, or part of it.
        agreed: set[str | None] = set()
        for exposure in exposures:
            entry = self._judged(exposure, exposure.ports)
            if entry is None:
                continue
            missing = []
            for ports in exposure.ports:
                if known := self._known(entry, ports):
                    self._say_again(exposure, entry, ports, known)
                    agreed.add(known.name)
                else:
                    missing.append(ports)
            entry = self._judged(exposure, tuple(missing)) if missing else None
            if entry is not None:
                new.append((exposure, entry))
                self._allow(_aim(entry), _Known(_key(exposure), None, entry.ranges))
        hosts: dict[tuple[str, bool], list[str]] = {}
        for exposure, _ in new:
            hosts.setdefault(_resource(exposure), []).append(exposure.host)
        for exposure, entry in new:
            if exposure.resource in self._named and exposure.resource not in agreed:
                self._contradiction(exposure, entry)
            else:
                self._name(exposure, entry, hosts[_resource(exposure)])

    def _judged(self, exposure: Exposure, ports: tuple[PortRange, ...]) -> AnyEntry | None:
        """Return the exposure as an entry, under a preliminary name."""
        raw = {
            "name": exposure.resource,
            **_place(exposure, self._model),
            "port": [str(one) for one in ports],
            "protocol": exposure.protocol.value,
        }
        if exposure.resource in self._model.reserved:
            raw["name"] = f"{exposure.resource}-0"
        try:
            return self._model.model_validate(raw)
        except ValidationError as error:
            self._derived.problems += [
                _about(problem, exposure) for problem in problems_of(error, self._model)
            ]
            return None

    def _allow(self, aim: tuple[object, Protocol], known: _Known) -> None:
        self._allowed.setdefault(aim, []).append(known)

    def _known(self, entry: AnyEntry, ports: PortRange) -> _Known | None:
        for known in self._allowed.get(_aim(entry), ()):
            for one in known.ports:
                if one.covers(ports):
                    return known
        return None

    def _say_again(
        self, exposure: Exposure, entry: AnyEntry, ports: PortRange, known: _Known
    ) -> None:
        # A target's own health check is the usual case, and needs no remark.
        if known.key == _key(exposure).removesuffix(".healthcheck"):
            return
        what = f"{_where(entry)} {ports}/{exposure.protocol.value}"
        self._derived.taken.append(info(_key(exposure), f"{known.key} allows {what} already"))

    def _contradiction(self, exposure: Exposure, entry: AnyEntry) -> None:
        other, target = self._named[exposure.resource]
        self._derived.problems.append(
            Finding(
                _key(exposure),
                f"{exposure.resource}, {_where(entry)} {_ports_text(entry)}",
                f"has the name of {other}, which is another target: {_where(target)} "
                f"{_ports_text(target)}; make them the same, or rename {other}",
            )
        )

    def _name(self, exposure: Exposure, entry: AnyEntry, hosts: list[str]) -> None:
        """Name the entry after its resource; add host, port or protocol where a resource has
        several targets, at ``hosts``.
        """
        base = exposure.resource if len(set(hosts)) == 1 else f"{exposure.resource}-{exposure.host}"
        short = {"host": base, "port": str(entry.ranges[0]), "protocol": entry.protocol.value}
        name = next(
            name
            for name in candidates(short, alone=hosts.count(exposure.host) == 1)
            if name not in self._names
        )
        self._names.add(name)
        key = _key(exposure)
        self._derived.entries.append(entry.derived(name, key))
        self._derived.taken.append(
            info(key, f"allows {name}, {_where(entry)} {_ports_text(entry)}")
        )


def _key(exposure: Exposure) -> str:
    return f"{KEY}.{exposure.where}"


def _resource(exposure: Exposure) -> tuple[str, bool]:
    """Public and private resources may have the same key."""
    return exposure.resource, exposure.via is Via.PRIVATE


def _place(exposure: Exposure, model: type[AnyEntry]) -> dict[str, str]:
    if exposure.is_block:
        return {"cidr": exposure.host}
    if model is Target and (found := CLUSTER_NAME.fullmatch(exposure.host.lower())):
        return {"service": f"{found['namespace']}/{found['service']}"}
    return {"host": exposure.host}


def _about(problem: Finding, exposure: Exposure) -> Finding:
    """Return the problem under the blueprint's key."""
    part = re.split(r"[.\[]", problem.key)[0]
    if part in _PLACES:
        key = f".{exposure.host_key}"
    elif part == "port":
        key = f".{exposure.port_key}"
    else:
        key = ""
    return Finding(f"{_key(exposure)}{key}", problem.value, problem.remedy)


def _aim(entry: AnyEntry) -> tuple[Meaning | Container, Protocol]:
    return entry.meaning, entry.protocol


def _where(entry: AnyEntry) -> str:
    meaning = entry.meaning
    return f"service {meaning}" if isinstance(meaning, ServiceRef) else destination_text(meaning)


def _ports_text(entry: AnyEntry) -> str:
    return f"{','.join((*map(str, entry.ranges), *entry.port_names))}/{entry.protocol.value}"
