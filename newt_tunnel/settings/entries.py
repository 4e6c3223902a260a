"""Entries of ``egress`` and ``mustNotReach``: something newt may, or must never, reach.

Owns both forms (keys, and the short ``host:port:protocol``) and the names of short entries.
``checks`` compares entries with each other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from functools import cached_property
from ipaddress import IPv4Network
from itertools import count
from typing import Annotated, ClassVar, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from newt_tunnel.egress.model import (
    RESERVED_NAMES,
    Container,
    HostName,
    PortRange,
    Protocol,
)
from newt_tunnel.findings import shown
from newt_tunnel.settings.docker_types import ContainerName
from newt_tunnel.settings.errors import WhenMissing, refuse
from newt_tunnel.settings.section import Section, ValidParts
from newt_tunnel.settings.types import Cidr, Host, Name, Ports, Reason, TransportProtocol

_SHORT_FORM = "HOST:PORT:PROTOCOL"
_SHORT = re.compile(r"(?P<host>[^:]+|\[.+\]):(?P<port>[^:]*):(?P<protocol>[A-Za-z]+)")
_LONGEST_NAME = 63
_FOR_KUBERNETES = (
    "names something in Kubernetes, and this platform is docker; write `host:` or `cidr:` instead"
)


class NamedEntry(Section):
    """What entries of all platforms have in common: a name, and something they mean."""

    #: The keys that name the target, one of which must be written.
    means: ClassVar[tuple[str, ...]]
    #: The long forms, as an error shows them.
    forms: ClassVar[str]
    reserved: ClassVar[Set[str]] = RESERVED_NAMES

    #: The key of an entry that is in no list, because it comes from a blueprint.
    _origin: str | None = PrivateAttr(default=None)

    def key(self, listed: str) -> str:
        """Return the entry's key in the file; ``listed`` is its place in a list."""
        return self._origin or listed

    def derived(self, name: str, origin: str) -> Self:
        """Return the same entry under another name, with the key ``origin``."""
        entry = self.model_copy(update={"name": name})
        entry._origin = origin
        return entry

    @model_validator(mode="wrap")
    @classmethod
    def _remember_entry(
        cls, raw: object, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        entry = handler(raw)
        if isinstance(info.context, ValidParts):
            info.context.entries[id(raw)] = entry
        return entry

    @model_validator(mode="before")
    @classmethod
    def _has_a_target(cls, raw: object) -> object:
        if isinstance(raw, cls):
            return raw
        if isinstance(raw, str):
            raise refuse(_short_form_remedy(raw))
        if not isinstance(raw, Mapping):
            raise refuse(f"is not an entry; write {cls.forms} or {_SHORT_FORM}")
        return cls.completed({key: value for key, value in raw.items() if value is not None})

    @classmethod
    def completed(cls, given: dict[str, object]) -> dict[str, object]:
        """Return the written keys, and None for a key whose absence is an error."""
        known = {field.alias for field in cls.model_fields.values()}
        # An unknown key is probably the target, misspelt: one error is enough.
        if given.keys().isdisjoint(cls.means) and given.keys() <= known:
            return {cls.means[0]: None, **given}
        return given

    @field_validator("name", check_fields=False)
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in cls.reserved:
            raise refuse("is reserved for a built-in rule; choose another")
        return name


class Entry(NamedEntry):
    """One target. Exactly one of ``host``, ``cidr`` and ``container``."""

    means: ClassVar[tuple[str, ...]] = ("host", "cidr", "container")
    forms: ClassVar[str] = "{name, host, port}, {name, cidr, port}, {name, container, port}"
    misplaced: ClassVar[Mapping[str, str]] = {
        "namespace": _FOR_KUBERNETES,
        "labels": _FOR_KUBERNETES,
        "service": _FOR_KUBERNETES,
    }

    name: Annotated[Name, WhenMissing("write a name, like `name: gitea`")] = Field(
        description="Name in every rule, diff and report. Unique. The names of built-in rules and "
        "probes, like `dns` and `pangolin`, are reserved."
    )
    host: Host | None = Field(
        default=None,
        description="Address or full name of the target. The Docker host resolves a name.",
    )
    cidr: Cidr | None = Field(default=None, description="Block of addresses, in place of `host`.")
    container: ContainerName | None = Field(
        default=None,
        description="Container on newt's network of services (`docker.services.network`), by its "
        "name, or a Compose service as PROJECT/SERVICE.",
    )
    port: Annotated[Ports, WhenMissing("write the port that newt dials, like `port: 3000`")] = (
        Field(
            description="Port that newt dials. At `host` the port that a container publishes; at "
            "`container` the one on which it listens."
        )
    )
    protocol: TransportProtocol = Field(default=Protocol.TCP, description="Case-insensitive.")
    reason: Reason | None = Field(
        default=None,
        description="Why newt needs it, for reviewers. Appears in the stack's outputs, and "
        "silences the policy pack's advice.",
    )

    @field_validator("host", mode="before")
    @classmethod
    def _is_given(cls, value: object) -> object:
        if value is None:
            raise refuse(
                "write the target, `host: 10.0.1.50`, `cidr: 10.0.1.0/24` or `container: gitea`",
                value="(missing)",
            )
        return value

    @field_validator("cidr", "container")
    @classmethod
    def _is_alone(cls, value: object, info: ValidationInfo) -> object:
        for other in cls.means:
            there = info.data.get(other)
            if value is not None and there is not None and other != info.field_name:
                raise refuse(f"is set together with {other} {there}; keep one of the two")
        return value

    @cached_property
    def meaning(self) -> IPv4Network | HostName | Container:
        """The target as the file says it. Cached, because each check asks for it."""
        if self.container is not None:
            return self.container
        target = self.host if self.cidr is None else self.cidr
        assert target is not None, "validated: one of the three is set"
        return target if isinstance(target, str | IPv4Network) else IPv4Network(target)

    @property
    def ranges(self) -> tuple[PortRange, ...]:
        return self.port

    @property
    def port_names(self) -> tuple[str, ...]:
        """Empty: only pods have named ports."""
        return ()


def _short_form_remedy(text: str) -> str:
    _, colon, rest = text.rpartition(":")
    if colon and re.fullmatch(r"[0-9-]+", rest) and text.count(":") == 1:
        return f"has no protocol; write {shown(text)}:tcp or {shown(text)}:udp"
    return f"is not an entry; write {_SHORT_FORM}, like gitea.lan:3000:tcp, or {{name, host, port}}"


def expand(
    egress: object, must_not_reach: object, reserved: Set[str] = RESERVED_NAMES
) -> tuple[object, object]:
    """Rewrite short entries as long ones, with names that are unique over both lists.

    Anything else stays as it is for the validation.
    """
    items = [*_items(egress), *_items(must_not_reach)]
    hosts = Counter(short["host"] for item in items if (short := _split(item)))
    used = {str(item.get("name")) for item in items if isinstance(item, Mapping)} | reserved

    def long(item: object) -> object:
        short = _split(item)
        if short is None:
            return item
        name = next(
            name for name in candidates(short, alone=hosts[short["host"]] == 1) if name not in used
        )
        used.add(name)
        return {"name": name, **short}

    def longs(entries: object) -> object:
        return [long(item) for item in entries] if isinstance(entries, list) else entries

    return longs(egress), longs(must_not_reach)


def _items(entries: object) -> list[object]:
    return entries if isinstance(entries, list) else []


def _split(item: object) -> dict[str, str] | None:
    found = _SHORT.fullmatch(item) if isinstance(item, str) else None
    return found.groupdict() if found else None


def candidates(short: Mapping[str, str], *, alone: bool) -> Iterator[str]:
    """Yield names in order of preference: the host, then with the port, the protocol, a number."""
    host, port, protocol = short["host"], short["port"], short["protocol"].lower()
    if alone:
        yield _fitting(host)
    yield _fitting(host, f"-{port}")
    yield _fitting(host, f"-{port}-{protocol}")
    for number in count(2):
        yield _fitting(host, f"-{port}-{protocol}-{number}")


def _fitting(host: str, suffix: str = "") -> str:
    """Return a valid name even for an invalid host, which is reported by itself."""
    base, end = (re.sub(r"[^A-Za-z0-9._-]+", "-", part) for part in (host, suffix))
    end = end[: _LONGEST_NAME // 2]
    return (base.strip("._-") or "entry")[: _LONGEST_NAME - len(end)] + end
