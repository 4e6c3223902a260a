"""A job's output in its log and summary, as text that no forge reads as a command."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from newt_tunnel.tools.forge.comment import cut

#: GitHub's limit of a step's summary, in bytes; a character has up to four.
SUMMARY_ROOM = 1_048_576 // 4
#: Characters that HTML or Markdown may interpret, or turn into a link.
_SIGN = re.compile(r"[^A-Za-z0-9 ,;:()-]")


def publish(markdown: str, environment: Mapping[str, str] = os.environ) -> None:
    """Write to the job's summary and to its log, because not every forge shows summaries."""
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as summary:
            summary.write(cut(markdown, SUMMARY_ROOM) + "\n")
    log(markdown)


def log(text: str) -> None:
    """Print untrusted text, in which the forge obeys no line like ``::add-mask::``."""
    token = secrets.token_hex(16)
    sys.stdout.write(f"::stop-commands::{token}\n{text}\n::{token}::\n")
    sys.stdout.flush()


def block(text: str, language: str = "text") -> str:
    """Return a code block that ``text`` cannot end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def folded(title: str, content: str) -> str:
    """Return ``content`` folded behind a title, in which nothing is markup."""
    return f"<details><summary>{_SIGN.sub(_entity, title)}</summary>\n\n{content}\n\n</details>"


def _entity(sign: re.Match[str]) -> str:
    return f"&#{ord(sign[0])};"
