"""The README, and a page like it, as its reader follows it: the blocks to type, the lines to edit,
and the answers to give, from the file.

Owns what in them is the example's and not the reader's: addresses, host names, ids, users, contexts
and what names a Service or a pod. A reader writes their own; a table says what.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
GETTING_STARTED = README.with_name("docs") / "getting-started.md"
_SECTION = r"^#{2,3} %s\n(.*?)(?=^#{2,3} |\Z)"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
#: What a reader replaces: the one group of each alternative.
_PLACEHOLDER = re.compile(
    r"\b([A-Z]{4,})\b"
    r"|(?<![\w.])(\d+(?:\.\d+){3})(?![\w.])"
    r"|(?<![\w.-])((?:[a-z0-9-]+\.)+(?:com|lan))(?![\w.-])"
    r"|(?<=newtId: )(\S+)"
    r"|(?<=user: )(\S+)|(\w+)(?=@)"
    r"|(?<=context: )(\S+)|(?<=--context )(\S+)"
    r"|(?<=service: )([\w-]+/[\w-]+)"
    r"|(?<=namespace: )([\w-]+)|(?<=labels: )(\{[^}]*\})"
)


def section(heading: str, text: str | None = None) -> str:
    """What is between a heading and the next one."""
    found = re.search(
        _SECTION % re.escape(heading),
        README.read_text() if text is None else text,
        re.DOTALL | re.MULTILINE,
    )
    assert found, f"the README has no heading {heading!r}"
    return str(found[1])


def blocks(heading: str, page: Path = README) -> list[tuple[str, str]]:
    """Kind and text of the code blocks below a heading, in their order."""
    return _BLOCK.findall(section(heading, page.read_text()))


def block(heading: str, kind: str, page: Path = README) -> str:
    """The only block of its kind below a heading."""
    found: list[str] = [text for of, text in blocks(heading, page) if of == kind]
    assert len(found) == 1, f"{len(found)} blocks of {kind} below {heading!r}"
    return found[0]


def conversation(page: Path = GETTING_STARTED) -> str:
    """What is to be read when the wizard makes the stack of a Docker host."""
    return block("A Docker host", "console", page)


def answers(transcript: str) -> dict[str, str]:
    """What is typed in a transcript, by the question. What stays hidden is not in it."""
    return dict(re.findall(r"^([A-Z].*(?:\[y/N\]|for nothing:)) (.+)$", transcript, re.MULTILINE))


def comparable(transcript: str) -> list[str]:
    """The wizard's lines, without what differs from host to host and site to site: fingerprint, id,
    and the versions of system and Docker."""
    found = re.search(
        r"^Another machine .*^  pulumi up -s \w+$", transcript, re.DOTALL | re.MULTILINE
    )
    assert found, transcript
    text = re.sub(r"SHA256:\S+", "SHA256:", found[0])
    lines = re.sub(r"^(  (?:id|Docker|system) ).*", r"\1", text, flags=re.MULTILINE).splitlines()
    return [line.rstrip() for line in lines]


def command(heading: str, start: str) -> str:
    """The only command in the running text below a heading that begins like this."""
    prose = _BLOCK.sub("", section(heading))
    found = {span for span in _SPAN.findall(prose) if span.startswith(start)}
    assert len(found) == 1, f"{found} below {heading!r} begin with {start!r}"
    return str(found.pop())


def placeholders(text: str) -> set[str]:
    """What of the example a reader replaces by something of their own."""
    return {match[match.lastindex or 0] for match in _PLACEHOLDER.finditer(text)}


def uncommented(yaml: str) -> str:
    return re.sub(r"(^|\s)#.*", "", yaml)


class Substitutions:
    """What a reader writes in the place of each value of the example. None may be missing, and none
    may be for nothing."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = dict(table)
        self._used: set[str] = set()

    def fill(self, text: str) -> str:
        """``text`` as the reader writes it."""
        missing = placeholders(text) - self._table.keys()
        assert not missing, f"the README does not say what a reader writes for {sorted(missing)}"
        return _PLACEHOLDER.sub(self._replaced, text)

    def assert_used(self) -> None:
        unused = self._table.keys() - self._used
        assert not unused, f"the README has no such thing to replace: {sorted(unused)}"

    def _replaced(self, match: re.Match[str]) -> str:
        value = match[match.lastindex or 0]
        self._used.add(value)
        return self._table[value]


def edited(stack_file: str, shown: str, substitutions: Substitutions) -> str:
    """A stack file whose lines that the README shows hold the reader's values. The others stay."""
    lines = stack_file.splitlines()
    for line in shown.splitlines():
        places = [number for number, own in enumerate(lines) if own.strip() == line.strip()]
        assert len(places) == 1, f"{len(places)} lines of the stack file are {line.strip()!r}"
        (place,) = places
        indent = lines[place].removesuffix(lines[place].lstrip())
        lines[place] = indent + substitutions.fill(line).lstrip()
    return "\n".join(lines) + "\n"
