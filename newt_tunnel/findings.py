"""One finding about a stack file, a blueprint or a cluster, and its one line of text.

Owns the wording around a value; the remedies are written where the values are judged. Never
shows what may be a secret: the values of a map, a private key, user and password in a URL.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

MISSING = "(missing)"
NOT_SHOWN = "(not shown)"

_LONGEST_VALUE = 80
#: A path in a file, or the kind and name of an object in a cluster. Any other key is quoted.
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.\[\]-]{1,120}|[A-Z][A-Za-z]+ [a-z0-9.-]{1,253}")
_USER_IN_URL = re.compile(r"(\w+://).*@", re.DOTALL)


class Level(enum.Enum):
    """``INFO`` reports a fact, ``WARNING`` a probable mistake. ``DRIFT`` is a difference from what
    was deployed: an error that the next update repairs. ``ERROR`` stops.
    """

    INFO = "info"
    WARNING = "warning"
    DRIFT = "drift"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """``key`` is a key of the file or an object in the cluster, ``value`` its value, already fit to
    be shown, and ``remedy`` what is wrong and what to do. ``value`` is None where the remedy needs
    none.
    """

    key: str
    value: str | None
    remedy: str
    level: Level = Level.ERROR

    @property
    def is_error(self) -> bool:
        return self.level is Level.ERROR

    @property
    def is_warning(self) -> bool:
        return self.level is Level.WARNING

    def __str__(self) -> str:
        key = self.key if _PLAIN_KEY.fullmatch(self.key) else _shortened(json.dumps(self.key))
        return ": ".join(part for part in (key, self.value, self.remedy) if part)


def info(key: str, text: str) -> Finding:
    return Finding(key, None, text, Level.INFO)


def warning(key: str, text: str) -> Finding:
    return Finding(key, None, text, Level.WARNING)


def drift(key: str, text: str) -> Finding:
    return Finding(key, None, text, Level.DRIFT)


def error(key: str, text: str) -> Finding:
    return Finding(key, None, text, Level.ERROR)


def shown(value: object) -> str:
    """``value`` on one line, short, without control characters, and without what looks like a
    secret.
    """
    if isinstance(value, str):
        if "PRIVATE KEY" in value:
            return NOT_SHOWN
        text = _USER_IN_URL.sub(r"\1...@", value)
        return _shortened(
            text if text and text.isascii() and text.isprintable() else json.dumps(text)
        )
    if isinstance(value, Mapping):
        # Keys only, because a value may be a secret under a wrong name.
        return _shortened("{" + ", ".join(shown(str(key)) for key in value) + "}")
    if isinstance(value, list | tuple):
        return _shortened("[" + ", ".join(shown(item) for item in value) + "]")
    if value is None or isinstance(value, bool | int | float):
        return _shortened(json.dumps(value))
    return _shortened(str(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
