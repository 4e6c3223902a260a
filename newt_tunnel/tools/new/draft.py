"""The stack file while it is being written: each answer is judged by the settings' own models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from newt_tunnel.findings import MISSING, Finding
from newt_tunnel.settings.load import examine
from newt_tunnel.tools.new import NewError
from newt_tunnel.tools.new.questions import RefusedAnswer

#: ``[NAME=]HOST:PORT[:PROTOCOL]``.
_ENTRY = re.compile(
    r"(?:(?P<name>[^=:\[]+)=)?(?P<host>\[[^\]]+\]|[^:=]+):(?P<port>[0-9-]+)(?::(?P<protocol>[A-Za-z]+))?"
)
ENTRY_FORM = "NAME=HOST:PORT"


class Draft:
    """The keys that are known so far."""

    def __init__(self, platform: str) -> None:
        self.tree: dict[str, object] = {"platform": platform}

    def set(self, key: str, value: object) -> None:
        """Set the dotted key. Raises ``RefusedAnswer`` where the settings refuse it."""
        tree = _with(self.tree, key.split("."), value)
        problems = [*_about(key, examine(tree).problems)]
        if problems:
            raise RefusedAnswer("\n  ".join(dict.fromkeys(map(str, problems))))
        self.tree = tree

    def fill(self, keys: Mapping[str, object], source: str) -> None:
        """Set dotted keys that were found. Raises ``NewError`` where the settings refuse one;
        ``source`` is the flag or the machine that they come from.
        """
        for key, value in keys.items():
            try:
                self.set(key, value)
            except RefusedAnswer as refused:
                raise NewError(f"{source}: {refused}") from None

    def get(self, key: str) -> object:
        found: object = self.tree
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found

    def problems(self) -> list[Finding]:
        """Return what is wrong with the whole."""
        return examine(self.tree).problems


def entries(text: str, offered: Sequence[Mapping[str, object]]) -> list[object]:
    """Return entries from numbers of ``offered`` and ``[NAME=]HOST:PORT[:PROTOCOL]``.

    Raises ``RefusedAnswer`` for a number that is not offered; the settings judge the rest.
    """
    found: list[object] = []
    for word in re.split(r"[\s,]+", text.strip()):
        if word.isdigit():
            if not 1 <= int(word) <= len(offered):
                raise RefusedAnswer(
                    f"{word}: is no number of the list; write {ENTRY_FORM} for others"
                )
            found.append(dict(offered[int(word) - 1]))
        elif word:
            found.append(_entry(word))
    return found


def _entry(word: str) -> object:
    match = _ENTRY.fullmatch(word)
    if match is None:
        return word
    name, host, port, protocol = match["name"], match["host"], match["port"], match["protocol"]
    number: object = int(port) if port.isdigit() else port
    if "/" in host and not re.search(r"/[0-9]+$", host):
        service = name or host.rpartition("/")[2]
        return {"name": service, "service": host, "port": number}
    if name is None:
        return f"{host}:{port}:{protocol or 'tcp'}"
    at = "cidr" if "/" in host else "host"
    more = {} if (protocol or "tcp").lower() == "tcp" else {"protocol": protocol}
    return {"name": name, at: host, "port": number, **more}


def _about(key: str, problems: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the problems of ``key``, without those of a section that is still being written."""
    for problem in problems:
        if problem.value == MISSING and problem.key != key and "[" not in problem.key:
            continue
        if re.match(rf"{re.escape(key)}($|[.\[])", problem.key):
            yield problem


def _with(tree: Mapping[str, object], path: Sequence[str], value: object) -> dict[str, object]:
    first, *rest = path
    if not rest:
        return {**tree, first: value}
    inner = tree.get(first)
    return {**tree, first: _with(inner if isinstance(inner, Mapping) else {}, rest, value)}
