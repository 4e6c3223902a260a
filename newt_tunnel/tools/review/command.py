"""``python -m newt_tunnel review [BASE..HEAD]``: Markdown on stdout, errors on stderr.

Exit status: 0 reviewed; 1 reviewed, and ``--fail-on`` matches; 2 wrong arguments, or nothing to
compare; 3 a stack file does not load (the others are reviewed).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from newt_tunnel.stackfile.git import RevisionError
from newt_tunnel.stackfile.revisions import states
from newt_tunnel.stackfile.untrusted_text import sanitized
from newt_tunnel.tools.output import complain
from newt_tunnel.tools.review.edits import edits
from newt_tunnel.tools.review.markdown import markdown
from newt_tunnel.tools.review.report import report
from newt_tunnel.tools.review.stack_reviews import review

MATCHED, USAGE, UNLOADABLE = 1, 2, 3


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        base, head = states(
            options.revisions, options.directory, from_merge_base=options.merge_base
        )
        found = review(base, head, frozenset(options.stack))
        ignored = edits(found, options.directory)
    except RevisionError as error:
        complain(f"review: {sanitized(str(error))}")
        return USAGE
    sys.stdout.write(report(found) if options.json else markdown(found))
    for fault in found.faults:
        complain(f"review: {sanitized(str(fault))}")
    for path in ignored:
        complain(
            f"review: {sanitized(path)}: differs in the working tree, and this review compares "
            "commits; to review the working tree, name the base alone"
        )
    if found.faults:
        return UNLOADABLE
    return MATCHED if options.fail_on and found.is_widened else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m newt_tunnel review",
        description="What a change of the stack files does to newt's reach.",
        epilog="Exit status: 0 reviewed; 1 --fail-on matches; 2 wrong arguments, or nothing to "
        "compare; 3 a stack file does not load.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "revisions",
        nargs="?",
        default="HEAD",
        metavar="BASE..HEAD",
        help="as for `git diff`: A..B two revisions, A...B what B did since it left A, A alone "
        "(HEAD, if omitted) what the working tree does to A",
    )
    parser.add_argument(
        "--merge-base",
        action="store_true",
        help="with A alone: compare the working tree with the commit where HEAD left A",
    )
    parser.add_argument(
        "--stack", action="append", default=[], metavar="NAME", help="only this one; repeatable"
    )
    parser.add_argument("--json", action="store_true", help="JSON in place of Markdown")
    parser.add_argument(
        "--fail-on",
        choices=["widened"],
        help="exit with 1 if newt can reach more than before, if the cage is weaker, or if that "
        "is unknown",
    )
    parser.add_argument(
        "-C",
        dest="directory",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the folder of the Pulumi.yaml that is reviewed; this one, if omitted",
    )
    return parser
