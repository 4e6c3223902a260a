"""Values as YAML that reads back the same, in quotes only where they are needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import yaml


def lines_of(key: str, value: object, depth: int) -> Iterator[str]:
    """Yield the lines of a key: a map below it, a list behind it, and a comment for None."""
    indent = "  " * depth
    if isinstance(value, Mapping):
        yield f"{indent}{key}:"
        for inner, item in value.items():
            yield from lines_of(str(inner), item, depth + 1)
    elif value is None:
        yield f"{indent}# {key}: still to be written"
    else:
        yield f"{indent}{key}: {flow(value)}"


def flow(value: object) -> str:
    """Return a value in a line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(flow(item) for item in value)}]"
    return scalar(value)


def scalar(value: object) -> str:
    """Return a text, a number or a switch."""
    if not isinstance(value, str):
        return json.dumps(value)
    plain = all(character.isalnum() or character in "._/:-" for character in value)
    try:
        if plain and value.isascii() and yaml.safe_load(f"[{value}]") == [value]:
            return value
    except yaml.YAMLError:
        pass
    return json.dumps(value)
