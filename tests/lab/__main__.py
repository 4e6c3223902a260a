"""The lab at the command line: `python -m tests.lab up|down|status|shell|exec|engines`."""

import argparse
import subprocess
import sys

from . import Init, Lab, LabError
from .docker_engines import ENGINES


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring the lab up")
    up.add_argument(
        "--init",
        type=Init,
        choices=list(Init),
        default=Init.SYSTEMD,
        help="what the NAS boots (default: %(default)s)",
    )
    commands.add_parser("down", help="end and remove all of it")
    commands.add_parser("status", help="what runs, and where")
    commands.add_parser("engines", help="build every Docker engine that is missing in the cache")
    shell = commands.add_parser("shell", help="a shell on a machine of the lab")
    shell.add_argument("node", nargs="?", default="workstation")
    run = commands.add_parser("exec", help="a command on a machine: exec NODE -- COMMAND...")
    run.add_argument("node")
    run.add_argument("argv", nargs="+", metavar="COMMAND")
    arguments = parser.parse_args()
    lab = Lab()
    match arguments.command:
        case "up":
            lab.up(arguments.init)
        case "down":
            lab.down()
        case "engines":
            for engine in ENGINES:
                engine.programs()
        case "status":
            return status(lab)
        case "shell":
            return inside(lab, arguments.node, ["bash", "--norc", "-i"])
        case "exec":
            return inside(lab, arguments.node, arguments.argv)
    return 0


def status(lab: Lab) -> int:
    if not lab.is_up():
        print(f"the lab {lab.prefix!r} is not up")
        return 1
    print(f"the lab {lab.prefix!r} is up; its files are in {lab.folder}")
    for name in lab.processes.names():
        pid = lab.processes.pid(name)
        print(f"  {name:24} {f'pid {pid}' if pid else 'ENDED'}")
    return 0


def inside(lab: Lab, name: str, argv: list[str]) -> int:
    node = lab[name]
    environment = {**node.environment(), "PS1": rf"{name}:\w\$ "}
    return subprocess.call(node.argv(argv), env=environment)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"error: {error}")
