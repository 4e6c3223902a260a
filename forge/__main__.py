"""``python -m forge review|preview|drift``: one job of a workflow."""

from __future__ import annotations

import argparse
import sys

from forge.drift import drift
from forge.errors import ForgeError
from forge.pull import preview, review

JOBS = {"review": review, "preview": preview, "drift": drift}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m forge", description=__doc__)
    parser.add_argument("job", choices=sorted(JOBS))
    try:
        return JOBS[parser.parse_args().job]()
    except ForgeError as error:
        sys.stderr.write(f"forge: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
