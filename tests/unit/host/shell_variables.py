"""A small reader of the host's shell programs: which variables a function reads and assigns.

Knows the shell that these programs are written in, and no more: functions that begin in the first
column, quotes, here-documents, command substitution and arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_ONE_LINE = re.compile(r"^([a-z_0-9]+)\(\) \{ (.*) \}(?: #.*)?$", re.MULTILINE)
_SEVERAL_LINES = re.compile(r"^([a-z_0-9]+)\(\) \{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_NAME = r"[A-Za-z_][A-Za-z_0-9]*"
_READ = re.compile(rf"\$\{{?({_NAME})")
_ASSIGNMENT = re.compile(rf"({_NAME})=")
_TARGETS = re.compile(rf"(?:for|read -r)((?: {_NAME})+)")
_HERE_DOCUMENT = re.compile(r"<<('?)([A-Z]+)\1")
_BARE_NAME = re.compile(_NAME)
_WORD_ENDS = " \t\n;&|()"


@dataclass
class Uses:
    """What a piece of shell does with variables."""

    #: Read before this piece has assigned it, in the order of the text.
    reads: list[str] = field(default_factory=list)
    assigns: set[str] = field(default_factory=set)


def functions(program: str) -> dict[str, str]:
    """Name of each function to its body."""
    found = [*_ONE_LINE.findall(program), *_SEVERAL_LINES.findall(program)]
    return dict(found)


def outside_functions(program: str) -> str:
    return _SEVERAL_LINES.sub("", _ONE_LINE.sub("", program))


def uses(shell: str) -> Uses:
    found = Uses()
    for is_read, name in _events(shell):
        if not is_read:
            found.assigns.add(name)
        elif name not in found.assigns:
            found.reads.append(name)
    return found


def _events(shell: str) -> Iterator[tuple[bool, str]]:
    """Reads (True) and assignments (False); an assignment comes after what its value reads."""
    # Contexts, the innermost last: c code, a arithmetic, q double quotes.
    contexts, at, documents = ["c"], 0, []
    pending: list[tuple[int, str]] = []
    while at < len(shell):
        context, character, rest = contexts[-1], shell[at], shell[at:]
        before = shell[at - 1] if at else "\n"
        if context in "ca" and character in _WORD_ENDS:
            while pending and pending[-1][0] == len(contexts):
                yield False, pending.pop()[1]
        if character == "\\":
            at += 2
        elif rest.startswith("$(("):
            contexts += "aa"
            at += 3
        elif rest.startswith("$("):
            contexts += "c"
            at += 2
        elif found := _READ.match(rest):
            yield True, found[1]
            at += found.end()
        elif character == '"':
            if context == "q":
                contexts.pop()
            else:
                contexts += "q"
            at += 1
        elif context == "q":
            at += 1
        elif character == "'":
            at = shell.index("'", at + 1) + 1
        elif character == "#" and before in " \t\n" and context == "c":
            at = shell.find("\n", at) if "\n" in rest else len(shell)
        elif character == "(":
            contexts += context
            at += 1
        elif character == ")":
            # One that ends a pattern of `case` closes nothing.
            if len(contexts) > 1:
                contexts.pop()
            at += 1
        elif found := _HERE_DOCUMENT.match(rest):
            documents.append((found[2], not found[1]))
            at += found.end()
        elif character == "\n" and documents:
            end, is_expanded = documents.pop(0)
            body, _, _ = rest[1:].partition(f"\n{end}\n")
            if is_expanded:
                yield from _events(f'"{body}"')
            at += len(body) + len(end) + 2
        elif context == "a":
            if found := _BARE_NAME.match(rest):
                yield True, found[0]
            at += found.end() if found else 1
        elif before in _WORD_ENDS and (found := _TARGETS.match(rest)):
            yield from ((False, name) for name in found[1].split())
            at += found.end()
        elif (
            before in _WORD_ENDS
            and not shell[:at].endswith("-v ")
            and (found := _ASSIGNMENT.match(rest))
        ):
            pending.append((len(contexts), found[1]))
            at += found.end()
        else:
            at += 1
    yield from ((False, name) for _, name in pending)
