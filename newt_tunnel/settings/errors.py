"""How a wrong stack file is reported: one line per problem, each naming key, value and remedy.

Owns the wording around a value; the remedies themselves stand beside the types. Never shows what
may be a secret: the values of a map, a private key, user and password in a URL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pulumi import RunError
from pydantic_core import PydanticCustomError

MISSING = "(missing)"
NOT_SHOWN = "(not shown)"

_LONGEST_VALUE = 80
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.\[\]-]{1,120}")
_USER_IN_URL = re.compile(r"(\w+://).*@", re.DOTALL)


@dataclass(frozen=True)
class Problem:
    """One line. ``value`` is already fit to be shown; None where the key alone says it."""

    key: str
    value: str | None
    remedy: str

    def __str__(self) -> str:
        key = self.key if _PLAIN_KEY.fullmatch(self.key) else _shortened(json.dumps(self.key))
        return ": ".join(part for part in (key, self.value, self.remedy) if part)


class SettingsError(RunError):
    """Everything that is wrong with a stack file, together.

    Pulumi prints the text alone, without a traceback.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(dict.fromkeys(str(problem) for problem in self.problems)))


@dataclass(frozen=True)
class WhenMissing:
    """Annotates a required field with what to write when it is not there."""

    remedy: str


def refuse(remedy: str, *, value: str | None = None) -> PydanticCustomError:
    """What a validator raises.

    ``value`` replaces the input where that one must not be shown as it is.
    """
    context = {"remedy": remedy} if value is None else {"remedy": remedy, "value": value}
    return PydanticCustomError("refused", "{remedy}", context)


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
        # Keys only: a value may be a secret under a wrong name.
        return _shortened("{" + ", ".join(shown(str(key)) for key in value) + "}")
    if isinstance(value, list | tuple):
        return _shortened("[" + ", ".join(shown(item) for item in value) + "]")
    if value is None or isinstance(value, bool | int | float):
        return _shortened(json.dumps(value))
    return _shortened(str(value))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
