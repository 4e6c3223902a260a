"""Turns each of pydantic's errors into a ``Finding``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from newt_tunnel.findings import MISSING, Finding, shown
from newt_tunnel.settings.errors import WhenMissing
from newt_tunnel.settings.section import Section

#: A consequence of another error, which is reported itself.
_DEFAULT_NOT_MADE = "default_factory_not_called"
_PATH = re.compile(r"([A-Za-z]+)[.\[][A-Za-z0-9.\[\]_-]+")


def problems_of(error: ValidationError, model: type[Section]) -> Iterator[Finding]:
    """Yield the problems of ``model`` in the order of its fields."""
    for detail in error.errors(include_url=False):
        if detail["type"] != _DEFAULT_NOT_MADE:
            yield _problem(detail, model)


def _problem(detail: ErrorDetails, model: type[Section]) -> Finding:
    path = list(detail["loc"])
    context: Mapping[str, Any] = detail.get("ctx", {})
    # Pydantic marks the key of a mapping this way; the path names it already.
    if detail["type"] == "refused" and path[-1] == "[key]":
        return Finding(key_text(path[:-1]), None, context["remedy"])
    key = key_text(path)
    match detail["type"]:
        case "refused":
            return Finding(key, context.get("value", shown(detail["input"])), context["remedy"])
        case "extra_forbidden":
            return Finding(key, None, _unknown_key(str(path[-1]), _section_at(model, path[:-1])))
        case "missing":
            return Finding(
                key, MISSING, _when_missing(str(path[-1]), _section_at(model, path[:-1]))
            )
        case "model_type" | "model_attributes_type":
            valid = ", ".join(keys_of(_section_at(model, path)))
            return Finding(
                key, shown(detail["input"]), f"is not a section; write the keys {valid} below it"
            )
        case "tuple_type" | "list_type":
            return Finding(
                key,
                shown(detail["input"]),
                "is not a list; write [first, second] or one `- item` a line",
            )
        case "dict_type":
            return Finding(
                key, shown(detail["input"]), "is not a map; write `NAME: value` lines below it"
            )
        case _:
            return Finding(key, shown(detail["input"]), detail["msg"])


def key_text(path: Iterable[str | int]) -> str:
    """``("egress", 1, "cidr")`` as a user finds it: ``egress[1].cidr``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def keys_of(model: type[Section]) -> list[str]:
    """The keys of a section as they are written in the stack file."""
    return [
        *(field.alias or name for name, field in model.model_fields.items()),
        *model.secret_keys,
    ]


def _unknown_key(key: str, model: type[Section]) -> str:
    if key in model.misplaced:
        return model.misplaced[key]
    valid = keys_of(model)
    path = _PATH.fullmatch(key)
    if path and path[1] in valid:
        return (
            "is one key with a dot or bracket in its name; "
            f"run: pulumi config rm '{key}', then set it with --path"
        )
    near = difflib.get_close_matches(key, valid, n=1)
    guess = f", did you mean {near[0]}?" if near else ";"
    return f"unknown key{guess} valid keys: {', '.join(valid)}"


def _when_missing(key: str, model: type[Section]) -> str:
    notes = [note.remedy for note in _field(model, key).metadata if isinstance(note, WhenMissing)]
    return notes[0]


def _section_at(model: type[Section], path: Iterable[str | int]) -> type[Section]:
    for key in (part for part in path if isinstance(part, str)):
        model = next(section_in(_field(model, key).annotation))
    return model


def _field(model: type[Section], key: str) -> FieldInfo:
    return next(field for field in model.model_fields.values() if field.alias == key)


def section_in(annotation: object) -> Iterator[type[Section]]:
    """The section that an annotation is made of, if any: ``Entry`` of ``tuple[Entry, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in get_args(annotation):
        yield from section_in(argument)
