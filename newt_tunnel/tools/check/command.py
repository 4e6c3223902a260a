"""``python -m newt_tunnel check [STACK ...]``: the whole validation of a stack file.

Needs no engine, host, cluster or passphrase; encrypted values stay encrypted. Lists what is still
to be set, and what only the Docker host or the cluster can check: addresses of names, pods of
Services.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from newt_tunnel.egress.model import Pods
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.nodes import CLOUD_NODES
from newt_tunnel.settings.pangolin_cloud import CLOUD
from newt_tunnel.settings.stack import AnySettings, KubernetesSettings
from newt_tunnel.stackfile import reach_entries, revisions, stacks
from newt_tunnel.stackfile.reach_entries import ReachEntry
from newt_tunnel.stackfile.untrusted_text import sanitized
from newt_tunnel.tools.output import complain

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
        return _failed(str(error), USAGE_ERROR)
    status = VALID
    for name in names:
        try:
            _, loaded = stacks.load_by_name(name, state)
        except stacks.NotLoadedError as error:
            status = _failed(str(error), INVALID)
            continue
        if loaded.refused:
            lines = (f"{name}: the program would refuse it:", *map(str, loaded.refused))
            status = _failed("\n".join(lines), INVALID)
            continue
        sys.stdout.write("\n".join(_report(name, loaded)) + "\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m newt_tunnel check",
        description="Validate stack files and show what they would allow. Needs no engine, "
        "host, cluster or passphrase. Lists what only the Docker host or the "
        "cluster can check.",
        epilog="Exit status: 0 valid; 1 a stack file is not valid; 2 no stack file was found.",
        allow_abbrev=False,
    )
    parser.add_argument("stack", nargs="*", metavar="STACK", help="like nas; all, if omitted")
    return parser


def _failed(message: str, status: int) -> int:
    first, *problems = message.splitlines()
    lines = (f"check: {sanitized(first)}", *(f"  {sanitized(problem)}" for problem in problems))
    complain("\n".join(lines))
    return status


def _report(name: str, loaded: stacks.Stack) -> Iterator[str]:
    settings = loaded.settings
    allowed, forbidden = reach_entries.allowed(settings), reach_entries.forbidden(settings)
    yield f"{sanitized(name)}: valid ({settings.platform.value})"
    yield from _table(_HEAD, allowed)
    nodes = settings.pangolin.nodes
    if nodes is not None and nodes.cloud:
        yield ""
        yield f"pangolin.nodes: {CLOUD_NODES}: {CLOUD}"
    if forbidden:
        yield ""
        yield from _table(_NEVER_HEAD, forbidden)
    if unchecked := [*_unchecked((*allowed, *forbidden))]:
        yield ""
        yield f"not checked here, but by {_checked_by(settings)}:"
        yield from (f"  {sanitized(one)}" for one in unchecked)
    if loaded.still_to_be_set:
        yield ""
        yield "still to be set:"
        yield from (f"  {problem}" for problem in loaded.still_to_be_set)
    for hint in loaded.hints:
        yield f"warning: {sanitized(hint)}"


def _checked_by(settings: AnySettings) -> str:
    if isinstance(settings, KubernetesSettings):
        return "`pulumi preview`, which asks the cluster"
    return "`pulumi up`, on the Docker host"


def _unchecked(all_: Iterable[ReachEntry]) -> Iterator[str]:
    """Yield what only the Docker host or the cluster can resolve."""
    places = dict.fromkeys((one.place, one.where) for one in all_)
    for place, where in places:
        if isinstance(place, ServiceRef):
            yield f"the pods and target ports of {where}"
        elif isinstance(place, Pods):
            yield f"which pods match {where.removeprefix('pods ')}"
        elif isinstance(place, str):
            yield f"the addresses of {where}"
    for one in all_:
        if one.wide:
            yield f"the cluster's own ranges within {one.where}"


def _table(head: Sequence[str], found: Iterable[ReachEntry]) -> Iterator[str]:
    rows = [head, *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()


def _row(one: ReachEntry) -> tuple[str, str, str, str]:
    return sanitized(one.name), sanitized(one.where), ", ".join(one.ports_texts), one.origin
