"""Entries of the allow-list that come from the blueprint, merged with those of ``egress``.

A derived entry passes the same checks as a written one, and then is one: ``policy`` and whatever
comes after do not tell them apart, except by the key they are reported under.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from newt_tunnel.blueprint import faults, reading
from newt_tunnel.blueprint.exposed import Exposure, Via
from newt_tunnel.egress.model import PortRange, Protocol, Rule, destination_text
from newt_tunnel.settings import checks, cluster_checks
from newt_tunnel.settings.checks import valid, valid_entries
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.entries import Entry, candidates
from newt_tunnel.settings.errors import MISSING, Problem, shown
from newt_tunnel.settings.files import Files
from newt_tunnel.settings.findings import problems_of
from newt_tunnel.settings.host_names import CLUSTER_NAME
from newt_tunnel.settings.newt import Program
from newt_tunnel.settings.policy import dns_rules
from newt_tunnel.settings.stack import Shared
from newt_tunnel.settings.targets import Meaning, Target

KEY = "blueprint"
_FILE = f"{KEY}.file"

#: Of a Docker host or of a cluster.
AnyEntry = Entry | Target

_PLACES = ("host", "cidr", "service")


@dataclass(frozen=True)
class Remark:
    """Something to be said that stops nothing."""

    key: str
    text: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.key}: {self.text}"


@dataclass
class Derived:
    """Without a problem the entries are complete. ``taken`` says what was derived, ``left_out``
    what was not, and what is worth a look.
    """

    entries: list[AnyEntry] = field(default_factory=list)
    taken: list[Remark] = field(default_factory=list)
    left_out: list[Remark] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def remarks(self) -> list[Remark]:
        return [*self.taken, *self.left_out]


def derive(tree: Mapping[str, object], model: type[AnyEntry], files: Files) -> Derived:
    """What the blueprint of a stack file adds to its allow-list. ``tree`` has long entries only.

    Nothing where there is no blueprint, or where its keys are invalid, which the whole file's
    validation reports.
    """
    derived = Derived()
    section = valid(Shared, KEY, tree)
    if section is None or section.file is None:
        return derived
    try:
        text = files.read(section.file)
    except (OSError, UnicodeDecodeError) as error:
        derived.problems.append(Problem(_FILE, section.file, _unreadable(error)))
        return derived
    found = reading.read(text, site=section.site, all_ports=frozenset(section.all_ports))
    derived.problems += [_problem(fault, section.file) for fault in found.faults]
    derived.left_out += [
        Remark(f"{KEY}.{note.where}" if note.where else _FILE, note.text, note.is_warning)
        for note in found.notes
    ]
    _Merge(tree, model, derived).add(found.exposures)
    if not found.exposures and not found.faults:
        derived.left_out.append(
            Remark(_FILE, f"{section.file} exposes nothing at this site", is_warning=True)
        )
    private = [one for one in found.exposures if one.via is Via.PRIVATE]
    if private and valid(Program, "clients", tree.get("newt", {})) is False:
        derived.left_out.append(
            Remark(
                f"{KEY}.{private[0].where}",
                "newt serves private resources to clients only, and newt.clients is false",
                is_warning=True,
            )
        )
    return derived


def _unreadable(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not text in UTF-8; is it the right file?"
    if isinstance(error, FileNotFoundError):
        return "does not exist; write a path from the folder of Pulumi.yaml"
    return f"cannot be read: {error.strerror or shown(str(error))}"


def _problem(fault: faults.Fault, file: str) -> Problem:
    if not fault.where:
        return Problem(_FILE, file, fault.remedy)
    value = fault.value
    text = MISSING if value is faults.MISSING else None if value is None else shown(value)
    return Problem(f"{KEY}.{fault.where}", text, fault.remedy)


@dataclass(frozen=True)
class _Known:
    """Ports that are allowed already, and by which key and name; a derived entry has its name only
    when all are known.
    """

    key: str
    name: str | None
    ports: tuple[PortRange, ...]


class _Merge:
    """Adds exposures to what is written, each target once."""

    def __init__(self, tree: Mapping[str, object], model: type[AnyEntry], derived: Derived) -> None:
        self._model = model
        self._derived = derived
        written = valid_entries(model, "egress", tree)
        never = valid_entries(model, "mustNotReach", tree)
        self._named = {entry.name: (key, entry) for key, entry in (*never, *written)}
        self._allowed: dict[tuple[object, Protocol], list[_Known]] = {}
        for rule in _newts_own(tree, model):
            aim = (rule.destination, rule.protocol)
            self._allow(aim, _Known(rule.origin, rule.name, rule.ports))
        for key, entry in written:
            self._allow(_aim(entry), _Known(key, entry.name, ports_of(entry)[0]))
        self._names = {*self._named, *model.reserved}

    def add(self, exposures: Iterable[Exposure]) -> None:
        """One entry per exposure, less what is allowed already."""
        new: list[tuple[Exposure, AnyEntry]] = []
        #: Names of written entries that say the same as their resource, or a part of it.
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
                self._allow(_aim(entry), _Known(_key(exposure), None, ports_of(entry)[0]))
        hosts: dict[tuple[str, bool], list[str]] = {}
        for exposure, _ in new:
            hosts.setdefault(_resource(exposure), []).append(exposure.host)
        for exposure, entry in new:
            if exposure.resource in self._named and exposure.resource not in agreed:
                self._contradiction(exposure, entry)
            else:
                self._name(exposure, entry, hosts[_resource(exposure)])

    def _judged(self, exposure: Exposure, ports: tuple[PortRange, ...]) -> AnyEntry | None:
        """The entry that says the same, under a name that is still to be replaced."""
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
        # A target's own health check is the usual case, and says nothing new.
        if known.key == _key(exposure).removesuffix(".healthcheck"):
            return
        what = f"{_where(entry)} {ports}/{exposure.protocol.value}"
        self._derived.taken.append(Remark(_key(exposure), f"{known.key} allows {what} already"))

    def _contradiction(self, exposure: Exposure, entry: AnyEntry) -> None:
        other, target = self._named[exposure.resource]
        self._derived.problems.append(
            Problem(
                _key(exposure),
                f"{exposure.resource}, {_where(entry)} {_ports_text(entry)}",
                f"has the name of {other}, which is another target: {_where(target)} "
                f"{_ports_text(target)}; make them the same, or rename {other}",
            )
        )

    def _name(self, exposure: Exposure, entry: AnyEntry, hosts: list[str]) -> None:
        """The resource's key; where it has several targets, at ``hosts``, with what tells them
        apart.
        """
        base = exposure.resource if len(set(hosts)) == 1 else f"{exposure.resource}-{exposure.host}"
        ports, _ = ports_of(entry)
        short = {"host": base, "port": str(ports[0]), "protocol": entry.protocol.value}
        name = next(
            name
            for name in candidates(short, alone=hosts.count(exposure.host) == 1)
            if name not in self._names
        )
        self._names.add(name)
        key = _key(exposure)
        self._derived.entries.append(entry.derived(name, key))
        self._derived.taken.append(
            Remark(key, f"allows {name}, {_where(entry)} {_ports_text(entry)}")
        )


def _newts_own(tree: Mapping[str, object], model: type[AnyEntry]) -> Iterable[Rule]:
    """What newt may reach for itself: its resolvers and its server."""
    found = checks.facts(tree) if model is Entry else cluster_checks.facts(tree)
    return (*(dns_rules(found.dns) if found.dns else ()), *found.server_rules)


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


def _about(problem: Problem, exposure: Exposure) -> Problem:
    """In the words of the blueprint."""
    part = re.split(r"[.\[]", problem.key)[0]
    if part in _PLACES:
        key = f".{exposure.host_key}"
    elif part == "port":
        key = f".{exposure.port_key}"
    else:
        key = ""
    return Problem(f"{_key(exposure)}{key}", problem.value, problem.remedy)


def meaning_of(entry: AnyEntry) -> Meaning:
    return entry.meaning if isinstance(entry, Target) else entry.destination


def ports_of(entry: AnyEntry) -> tuple[tuple[PortRange, ...], tuple[str, ...]]:
    """Numbers and, in a cluster, names."""
    if isinstance(entry, Target):
        return entry.port.ranges, entry.port.names
    return entry.port, ()


def _aim(entry: AnyEntry) -> tuple[Meaning, Protocol]:
    return meaning_of(entry), entry.protocol


def _where(entry: AnyEntry) -> str:
    meaning = meaning_of(entry)
    return f"service {meaning}" if isinstance(meaning, ServiceRef) else destination_text(meaning)


def _ports_text(entry: AnyEntry) -> str:
    ranges, names = ports_of(entry)
    return f"{','.join((*map(str, ranges), *names))}/{entry.protocol.value}"
