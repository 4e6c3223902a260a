"""The two questions about targets: what newt may reach, and what it must not."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from newt_tunnel.tools.new.draft import ENTRY_FORM, Draft, entries
from newt_tunnel.tools.new.questions import Terminal
from newt_tunnel.tools.yaml_lines import flow

Offered = Sequence[Mapping[str, object]]


def ask(
    draft: Draft,
    options: argparse.Namespace,
    terminal: Terminal,
    offered: Offered,
    remarks: Sequence[str],
) -> tuple[Mapping[str, object], ...]:
    """Fill both lists, and return the offered entries that are in neither."""
    if offered:
        terminal.say("Found there, each closed until you choose it:")
    for number, entry in enumerate(offered, 1):
        terminal.say(f"  [ ] {number:>2}  {_shown(entry)}")
    for remark in remarks:
        terminal.say(f"          {remark}")

    def take(key: str, text: str) -> None:
        draft.set(key, entries(text, offered))

    numbers = "Numbers, or" if offered else "Write"
    for key, flag, question in (
        ("egress", "--allow", f"What may newt reach? {numbers} {ENTRY_FORM}; Enter for nothing:"),
        (
            "mustNotReach",
            "--must-not-reach",
            "What must it never reach? The proof tries these in vain; Enter for nothing:",
        ),
    ):
        given = getattr(options, flag.strip("-").replace("-", "_"))
        terminal.answer(
            question,
            flag,
            lambda text, key=key: take(key, text),  # type: ignore[misc]
            given=" ".join(given) if given else None,
            otherwise="",
        )
    taken = [*_listed(draft, "egress"), *_listed(draft, "mustNotReach")]
    return tuple(entry for entry in offered if entry not in taken)


def _listed(draft: Draft, key: str) -> list[object]:
    found = draft.get(key)
    return found if isinstance(found, list) else []


def _shown(entry: Mapping[str, object]) -> str:
    at = entry.get("host") or entry.get("service")
    protocol = str(entry.get("protocol", "tcp")).lower()
    return f"{entry['name']}  {at}:{flow(entry['port'])}/{protocol}"
