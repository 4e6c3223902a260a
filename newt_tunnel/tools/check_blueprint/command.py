"""``python -m newt_tunnel check-blueprint STACK``: does the cage fit the blueprint?

Reads the committed stack file and the blueprint; needs no engine, cluster, host or passphrase, and
encrypted values stay as they are. Exit status: 0 if they agree, 1 if they do not, 2 if the
comparison is not possible. See docs/blueprint.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from newt_tunnel.settings.blueprint import Blueprint
from newt_tunnel.settings.derived import derive
from newt_tunnel.settings.facts import validated
from newt_tunnel.settings.files import within
from newt_tunnel.settings.merging import KEY, Derived
from newt_tunnel.settings.stack import AnySettings
from newt_tunnel.settings.validation_errors import problems_of
from newt_tunnel.stackfile import reach_entries, revisions, stacks
from newt_tunnel.tools.check_blueprint.compare import Comparison, compare
from newt_tunnel.tools.output import Say, complain

AGREE, DIFFER, CANNOT_TELL = 0, 1, 2


def main(
    arguments: Sequence[str],
    folder: Path | None = None,
    say: Say = print,
    complain: Say = complain,
) -> int:
    """``folder`` is the one of Pulumi.yaml; the current one by default."""
    options = _options(arguments)
    folder = folder or Path.cwd()
    state = revisions.WorkingTree(folder, prefix="")
    try:
        _, settings = stacks.settings_of(options.stack, state)
        section = _section(options, settings, folder)
    except (stacks.NotLoadedError, _CannotTellError) as error:
        complain(str(error))
        return CANNOT_TELL
    exposed = _exposed(section, settings, state)
    if exposed.problems:
        complain(f"{options.stack}: nothing is compared, because {section.file} has problems:")
        _say_all(complain, exposed.problems)
        return CANNOT_TELL
    found = compare(exposed.entries, reach_entries.allowed(settings))
    _report(say, options.stack, section, found)
    if exposed.left_out:
        say("not compared:")
        _say_all(say, exposed.left_out)
    differs = found.not_allowed or (found.not_exposed and not options.extra_ok)
    return DIFFER if differs else AGREE


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m newt_tunnel check-blueprint",
        description="Compare what a Pangolin blueprint exposes with what newt's cage allows.",
        epilog="Exit status: 0 they agree, 1 they do not, 2 the comparison is not possible.",
    )
    parser.add_argument("stack", help="name of the stack, like nas")
    parser.add_argument(
        "--blueprint", metavar="PATH", help="the blueprint; default: the stack's own"
    )
    parser.add_argument("--site", help="with --blueprint: identifier of the stack's site")
    parser.add_argument(
        "--all-ports",
        metavar="RESOURCE",
        action="append",
        default=[],
        help='with --blueprint: a private resource whose "*" is intended; repeatable',
    )
    parser.add_argument(
        "--extra-ok",
        action="store_true",
        help="report what the cage allows beyond the blueprint, but do not fail for it",
    )
    options = parser.parse_args(arguments)
    if options.blueprint is None and (options.site or options.all_ports):
        parser.error("--site and --all-ports need --blueprint")
    return options


class _CannotTellError(Exception):
    """The text says what is missing or wrong."""


def _section(options: argparse.Namespace, settings: AnySettings, folder: Path) -> Blueprint:
    section = settings.blueprint
    if options.blueprint is not None:
        file = within(folder, options.blueprint)
        keys = {"file": file, "site": options.site, "allPorts": options.all_ports}
        try:
            section = Blueprint.model_validate(keys)
        except ValidationError as error:
            lines = (f"{KEY}.{problem}" for problem in problems_of(error, Blueprint))
            raise _CannotTellError("\n".join(lines)) from None
    if section.file is None:
        raise _CannotTellError(
            f"{options.stack}: has no blueprint; write `blueprint: PATH` into the stack file, or "
            "give --blueprint PATH"
        )
    return section


def _exposed(section: Blueprint, settings: AnySettings, state: revisions.State) -> Derived:
    """Derive the blueprint's entries without the written ones."""
    tree = {
        KEY: section.model_dump(mode="json", by_alias=True),
        "newt": {"clients": settings.newt.clients},
    }
    return derive(validated(type(settings), tree).facts, state)


def _report(say: Say, stack: str, section: Blueprint, found: Comparison) -> None:
    if not found.not_allowed and not found.not_exposed:
        limit = ", as far as is known without the cluster" if found.unsure else ""
        say(f"{stack}: the cage allows what {section.file} exposes, and nothing else{limit}")
    if found.not_allowed:
        say(f"{stack}: {section.file} exposes what the cage does not allow:")
        _say_all(say, found.not_allowed)
    if found.not_exposed:
        say(f"{stack}: the cage allows what {section.file} does not expose:")
        _say_all(say, found.not_exposed)
    if found.unsure:
        say("only the cluster knows:")
        _say_all(say, found.unsure)


def _say_all(say: Say, lines: Iterable[object]) -> None:
    for line in lines:
        say(f"  {line}")
