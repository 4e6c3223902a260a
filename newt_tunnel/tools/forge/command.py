"""``python -m newt_tunnel forge review|preview|drift``: one job of a workflow."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from newt_tunnel.tools.forge import ForgeError
from newt_tunnel.tools.forge.drift import drift
from newt_tunnel.tools.forge.pull import preview, review
from newt_tunnel.tools.output import complain

JOBS = {"review": review, "preview": preview, "drift": drift}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m newt_tunnel forge", description=__doc__)
    parser.add_argument("job", choices=sorted(JOBS))
    try:
        return JOBS[parser.parse_args(arguments).job]()
    except ForgeError as error:
        complain(f"forge: {error}")
        return 1
