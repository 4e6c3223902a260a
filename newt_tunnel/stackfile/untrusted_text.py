"""Makes untrusted text harmless for Markdown, Mermaid and logs.

The author of a pull request chooses names, reasons and even file names. In a code span nothing is a
link, a mention, a reference or HTML; in a Mermaid label every special character is a code.
"""

from __future__ import annotations

import re

_LONGEST = 500
_BACKTICKS = re.compile(r"`+")
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_PLAIN_IN_MERMAID = re.compile(r"[A-Za-z0-9 ._/,=+-]")


def sanitized(text: str) -> str:
    """Return ``text`` on one line, of bounded length, without characters that are invisible or
    change the direction of others.
    """
    visible = "".join(one if one.isprintable() else " " for one in text)
    # A job's output may be parsed for commands, and this one begins anywhere in a line.
    short = " ".join(visible.replace("##[", "# #[").split())
    return short if len(short) <= _LONGEST else f"{short[:_LONGEST]}..."


def code(text: str) -> str:
    """Return a code span that ``text`` cannot end, nor the cell of a table."""
    content = sanitized(text).replace("|", "\u00a6") or " "
    longest = max((len(run) for run in _BACKTICKS.findall(content)), default=0)
    if not longest:
        return f"`{content}`"
    fence = "`" * (longest + 1)
    return f"{fence} {content} {fence}"


def prose(text: str) -> str:
    """Return running text without markup and mentions of users."""
    return _PUNCTUATION.sub(r"\\\1", sanitized(text)).replace("@", "@\u200b")


def mermaid(text: str) -> str:
    """Return text for a label in quotes."""
    return "".join(
        one if _PLAIN_IN_MERMAID.fullmatch(one) else f"#{ord(one)};" for one in sanitized(text)
    )
