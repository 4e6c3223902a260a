"""``${VAR}`` in a compose file, and ``.env`` files, by Compose's rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from newt_tunnel.tools.adopt import AdoptError

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE = re.compile(
    rf"\$(?:(?P<dollar>\$)|(?P<bare>{_NAME})|\{{(?P<name>{_NAME})(?:(?P<how>:?[-?+])(?P<rest>[^{{}}]*))?\}}|(?P<odd>\{{))"
)
_LINE = re.compile(rf"(?:export\s+)?(?P<key>{_NAME})\s*(?:=\s*(?P<value>.*))?")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def substitute(text: str, known: Mapping[str, str]) -> str:
    """Replace the variables in ``text``. Raises ``AdoptError`` for a required one without value."""

    def value(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        if found["odd"]:
            # The text is not shown, because it may hold a secret.
            raise AdoptError(
                "a variable with another one in it, or a name that is none: only Compose can read "
                "it; write the value, or install Compose"
            )
        name, how, rest = found["bare"] or found["name"], found["how"] or "", found["rest"] or ""
        there = bool(known.get(name)) if how.startswith(":") else name in known
        match how[-1:]:
            case "-":
                return known[name] if there else rest
            case "+":
                return rest if there else ""
            case "?" if not there:
                raise AdoptError(f"{name}: not set, and the file needs it; put it into .env")
        return known.get(name, "")

    return _VARIABLE.sub(value, text)


def substituted(tree: object, known: Mapping[str, str]) -> object:
    """Replace the variables in every text of a document, but not in keys, like Compose."""
    if isinstance(tree, str):
        return substitute(tree, known)
    if isinstance(tree, Mapping):
        return {key: substituted(value, known) for key, value in tree.items()}
    if isinstance(tree, list):
        return [substituted(item, known) for item in tree]
    return tree


def read(path: Path, known: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an env file. A name without `=` gets its value from ``known``."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise AdoptError(f"{path}: cannot be read: {error}") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            # The line is not shown, because it may hold a secret.
            raise AdoptError(f"{path}: line {number} is not NAME=VALUE")
        if match["value"] is not None:
            found[match["key"]] = _unquoted(match["value"].strip(), {**known, **found})
        elif match["key"] in known:
            found[match["key"]] = known[match["key"]]
    return found


def _unquoted(text: str, known: Mapping[str, str]) -> str:
    if single := re.fullmatch(r"'([^']*)'\s*(?:#.*)?", text):
        return single[1]
    if double := re.fullmatch(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?', text):
        plain = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), double[1])
        return substitute(plain, known)
    return substitute(re.split(r"\s#", text, maxsplit=1)[0].strip(), known)
