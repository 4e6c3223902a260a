"""Single values of a blueprint, each with its check; ``Unusable`` names the path."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from newt_tunnel.blueprint.unusable import Unusable
from newt_tunnel.egress.model import ALL_PORTS, PORT_LIMITS, PortRange
from newt_tunnel.findings import MISSING

#: "Every port", which is also the default of a private resource.
EVERY_PORT = "*"

# What Pangolin takes as an identifier, and dots; it becomes the name of a rule.
RESOURCE_KEY = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_PART = re.compile(r"([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?", re.ASCII)


class Fields:
    """A map of the document, with its path."""

    def __init__(self, where: str, values: Mapping[str, object]) -> None:
        self.where = where
        self._values = values

    def __contains__(self, key: str) -> bool:
        """Whether the key has a value other than null."""
        return self._values.get(key) is not None

    def __getitem__(self, key: str) -> object:
        return self._values.get(key)

    def fault(self, key: str, remedy: str, *, value: object = None) -> Unusable:
        """``value`` replaces what is written."""
        written = self._values.get(key)
        shown = value if value is not None else MISSING if written is None else written
        return Unusable(f"{self.where}.{key}", shown, remedy)

    def text(self, key: str, remedy: str) -> str:
        value = self._values.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.fault(key, remedy)
        return value

    def switch(self, key: str, *, default: bool) -> bool:
        if key not in self:
            return default
        value = self._values[key]
        if not isinstance(value, bool):
            raise self.fault(key, "is neither true nor false; write one of them, without quotes")
        return value

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str | None:
        if key not in self:
            return default
        value = self._values[key]
        if not isinstance(value, str) or value not in choices:
            raise self.fault(
                key, f"is not known here, so nothing is opened for it; write {_one_of(choices)}"
            )
        return value

    def port(self, key: str, remedy: str) -> PortRange:
        value = self._values.get(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fault(key, f"{remedy}, as a number without quotes")
        return self._range(key, value, value)

    def ports(self, key: str) -> tuple[PortRange, ...] | None:
        """Read ``22,443,8000-9000`` in order, without overlaps. Empty is no port; ``*`` or nothing
        is None, every port.
        """
        value = self._values.get(key, EVERY_PORT)
        if not isinstance(value, str):
            raise self.fault(
                key, 'is not text; write the ports in quotes, like "22,8000-9000", or "" for none'
            )
        text = value.strip()
        if text == EVERY_PORT:
            return None
        return _merged(self._part(key, part.strip()) for part in text.split(",")) if text else ()

    def section(self, key: str) -> Fields | None:
        """A map below this one; None where nothing is written."""
        if key not in self:
            return None
        value = self._values[key]
        if not isinstance(value, dict):
            raise self.fault(key, "is not a map; write its keys below it")
        return Fields(f"{self.where}.{key}", value)

    def sections(self, key: str) -> Iterator[Fields]:
        """The maps of a list; entries may be null."""
        for index, item in enumerate(self.items(key)):
            if item is None:
                continue
            where = f"{self.where}.{key}[{index}]"
            if not isinstance(item, dict):
                raise Unusable(where, item, "is not a map; write its keys below the `-`")
            yield Fields(where, item)

    def items(self, key: str) -> list[object]:
        value = self._values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.fault(key, "is not a list; write one `- ` a line")
        return value

    def _part(self, key: str, part: str) -> PortRange:
        found = _PART.fullmatch(part)
        if not found:
            raise self.fault(key, 'is not a list of ports; write it like "22,8000-9000", "*" or ""')
        return self._range(key, int(found[1]), int(found[2] or found[1]))

    def _range(self, key: str, first: int, last: int) -> PortRange:
        if not ALL_PORTS.first <= first <= last <= ALL_PORTS.last:
            raise self.fault(key, f"is out of range, or the wrong way round; {PORT_LIMITS}")
        return PortRange(first, last)


def resource_name(section: str, key: str) -> str:
    """The key of a resource, which becomes the name of a rule."""
    if not re.fullmatch(RESOURCE_KEY, key):
        raise Unusable(
            section,
            key,
            "cannot be the name of a rule; use up to 63 letters, digits, `-`, `.` and `_`, a "
            "letter or digit first and last",
        )
    return key


def _merged(parts: Iterator[PortRange]) -> tuple[PortRange, ...]:
    merged: list[PortRange] = []
    for part in sorted(parts):
        if merged and part.first <= merged[-1].last + 1:
            merged[-1] = PortRange(merged[-1].first, max(merged[-1].last, part.last))
        else:
            merged.append(part)
    return tuple(merged)


def _one_of(choices: Collection[str]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last
