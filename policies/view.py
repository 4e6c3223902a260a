"""A rule's view of a resource: plain values and dependencies; and the form of a violation.

A value that a preview does not know yet is ``UNKNOWN``: no rule judges it, and the update judges
again. Secrets are among the values, because the SDK hands them over in the clear: a finding shows
none but those of named, harmless properties.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_LONGEST_VALUE = 120


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


#: In place of a value that a preview does not know.
UNKNOWN: Final = _Unknown()


@dataclass(eq=False, kw_only=True)
class Resource:
    """A resource with its properties in camelCase: inputs where it is judged alone, outputs where
    the whole stack is.
    """

    type: str
    name: str
    urn: str
    properties: Mapping[str, Any]
    parent: Resource | None = None
    #: The resources that it depends on.
    needs: Sequence[Resource] = field(default=(), repr=False)
    #: What makes it, and where.
    provider: Resource | None = field(default=None, repr=False)

    def tie(
        self,
        *,
        parent: Resource | None,
        needs: Sequence[Resource],
        provider: Resource | None = None,
    ) -> None:
        self.parent, self.needs, self.provider = parent, needs, provider

    def at(self, *path: str | int) -> Any:
        """The value at ``path``; None where there is none, UNKNOWN below what is not known."""
        return at(self.properties, *path)

    def all_needs(self) -> list[Resource]:
        """Everything that must be there before, transitively."""
        found: dict[str, Resource] = {}
        waiting = list(self.needs)
        while waiting:
            one = waiting.pop()
            if one.urn not in found:
                found[one.urn] = one
                waiting.extend(one.needs)
        return list(found.values())

    def ancestors(self) -> Iterator[Resource]:
        one: Resource | None = self
        while one is not None:
            yield one
            one = one.parent


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One violation: where it is, the value there, and what to write instead.

    ``value`` is None where it may be a secret, or where the property alone says it.
    """

    resource: Resource
    property: str
    value: object
    remedy: str

    def __str__(self) -> str:
        value = None if self.value is None else _shown(self.value)
        parts = (self.resource.name, self.property, value, self.remedy)
        return ": ".join(part for part in parts if part)


def _shown(value: object) -> str:
    text = str(value)
    text = text if text.isprintable() else ascii(text)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def at(value: Any, *path: str | int) -> Any:
    """The value at ``path`` below ``value``, as ``Resource.at`` does it."""
    for part in path:
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


def items(value: Any) -> list[Any]:
    """A list as it is; what is not known or not there has none."""
    return value if isinstance(value, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def text(value: Any) -> str | None:
    """Text that is there and known."""
    return value if isinstance(value, str) and value else None


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield every single value at any depth: its path, its key, and the value."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            below = f"{path}.{key}" if path else str(key)
            if isinstance(item, Mapping | list):
                yield from leaves(item, below)
            else:
                yield below, str(key), item
    elif isinstance(value, list):
        for index, item in enumerate(value):
            below = f"{path}[{index}]"
            if isinstance(item, Mapping | list):
                yield from leaves(item, below)
            else:
                key = path.rpartition(".")[2]
                yield below, key, item
