"""`python -m tests.engine env [--plugins auto|official|standin]`: a shell with `pulumi`.

eval "$(python -m tests.engine env)" && pulumi up -s NAME
"""

import argparse
import shlex
import sys

from tests.engine.prepare import CHOICES, EngineError, prepare


def main() -> int:
    """Prints `export` lines on stdout; progress and errors go to stderr."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    env = commands.add_parser("env", help="print shell lines that make `pulumi` work")
    env.add_argument("--plugins", choices=CHOICES, default="auto")
    arguments = parser.parse_args()
    try:
        environment = prepare(arguments.plugins)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, value in sorted(environment.items()):
        print(f"export {name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
