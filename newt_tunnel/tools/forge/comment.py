"""The one comment under a pull request: its parts, its size, and which comment is ours.

A hidden marker identifies our comment, and its author distinguishes it from an imitation. Jobs that
run one after the other each write their own part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from newt_tunnel.tools.forge.api import Comment, Forge

#: GitHub's limit, in characters. Gitea and Forgejo have none that matters.
LIMIT = 65_536
_HIDDEN = "<!-- newt-tunnel:"
MARKER = f"{_HIDDEN} reach -->"
REVIEW, PREVIEW = "review", "preview"
#: In order, each with its maximum size; with the marks less than the limit.
ROOM = {REVIEW: 44_000, PREVIEW: 20_000}
CUT = "\n\n*Cut here: the rest is in the job's summary and log.*"

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def put(forge: Forge, number: int, parts: Mapping[str, str]) -> None:
    """Write ``parts`` into our comment and keep its other parts; create the comment if there is
    none.
    """
    author = forge.author()
    ours = next((one for one in forge.comments(number) if _is_ours(one, author)), None)
    if ours is None:
        forge.create(number, body(parts))
    else:
        forge.edit(ours, body({**parts_of(ours.body), **parts}))


def body(parts: Mapping[str, str]) -> str:
    """The whole comment."""
    written = [
        f"{_begin(name)}\n{cut(_harmless(parts[name]), ROOM[name])}\n{_end(name)}"
        for name in ROOM
        if name in parts
    ]
    return "\n".join([MARKER, *written])


def parts_of(text: str) -> dict[str, str]:
    """Return the parts of ``body``."""
    # Gitea's web editor, like a browser's form, ends lines with CR LF.
    lines = text.replace("\r\n", "\n")
    found = {
        name: re.search(f"{re.escape(_begin(name))}\n(.*?)\n{re.escape(_end(name))}", lines, re.S)
        for name in ROOM
    }
    return {name: match[1] for name, match in found.items() if match}


def cut(text: str, room: int) -> str:
    """Cut ``text`` between lines to at most ``room`` characters, and close open blocks."""
    short = text
    lines = text[:room].splitlines()
    while len(short) > room:
        lines.pop()
        short = ("\n".join(lines) + _closing(lines) + CUT).lstrip("\n")
    return short


def _closing(lines: Iterable[str]) -> str:
    """The ends of a code block and of folded sections that ``lines`` leave open."""
    fence = ""
    folded = 0
    for line in lines:
        mark = _FENCE.match(line)
        if not fence:
            fence = mark[1] if mark else ""
            # Our marks begin a line; code spans may contain others.
            folded += line.startswith("<details>") - line.startswith("</details>")
        elif mark and mark[1].startswith(fence) and not line.strip(" `~"):
            fence = ""
    return (f"\n{fence}" if fence else "") + "\n\n</details>" * folded


def _is_ours(comment: Comment, author: str) -> bool:
    return comment.author == author and comment.body.startswith(MARKER)


def _harmless(text: str) -> str:
    """Replace what looks like a mark of ours."""
    return text.replace(_HIDDEN, _HIDDEN.replace("<", "&lt;"))


def _begin(name: str) -> str:
    return f"{_HIDDEN} {name} -->"


def _end(name: str) -> str:
    return f"{_HIDDEN} end of {name} -->"
