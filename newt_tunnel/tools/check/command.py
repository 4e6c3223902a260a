"""``python -m newt_tunnel check [STACK ...]``: the whole validation of a stack file.

Needs no engine, host, cluster or passphrase; encrypted values stay encrypted. What only the host or
the cluster knows (addresses behind names, pods behind Services) is left to ``pulumi preview``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from newt_tunnel.stackfile import openings, revisions, stacks
from newt_tunnel.stackfile.openings import Opening
from newt_tunnel.stackfile.untrusted_text import plain

VALID, INVALID, USAGE_ERROR = 0, 1, 2
_HEAD = ("NAME", "MAY REACH", "PORTS", "BECAUSE OF")
_NEVER_HEAD = ("NAME", "MUST NOT REACH", "PORTS", "BECAUSE OF")


def main(arguments: Sequence[str], folder: Path | None = None) -> int:
    """``folder`` is the one of Pulumi.yaml; the current one by default."""
    options = _parser().parse_args(arguments)
    state = revisions.WorkingTree(folder or Path(), prefix="")
    try:
        names = options.stack or stacks.names(state)
    except stacks.NotLoadedError as error:
        return _failed(error, USAGE_ERROR)
    status = VALID
    for name in names:
        try:
            _, loaded = stacks.load_by_name(name, state)
        except stacks.NotLoadedError as error:
            status = _failed(error, INVALID)
            continue
        sys.stdout.write("\n".join(_report(name, loaded)) + "\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m newt_tunnel check",
        description="Validate stack files and show what they would allow. Needs no engine, host, "
        "cluster or passphrase.",
        epilog="Exit status: 0 valid; 1 a stack file is not valid; 2 no stack file was found.",
        allow_abbrev=False,
    )
    parser.add_argument("stack", nargs="*", metavar="STACK", help="like nas; all, if omitted")
    return parser


def _failed(error: Exception, status: int) -> int:
    sys.stderr.write(f"check: {error}\n")
    return status


def _report(name: str, loaded: stacks.Stack) -> Iterator[str]:
    settings = loaded.settings
    yield f"{plain(name)}: valid ({settings.platform.value})"
    yield from _table(_HEAD, openings.allowed(settings))
    if never := openings.forbidden(settings):
        yield ""
        yield from _table(_NEVER_HEAD, never)
    for hint in loaded.hints:
        yield f"warning: {plain(hint)}"


def _table(head: Sequence[str], found: Iterable[Opening]) -> Iterator[str]:
    rows = [head, *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()


def _row(one: Opening) -> tuple[str, str, str, str]:
    return plain(one.name), plain(one.where), ", ".join(one.ports_texts), one.origin
