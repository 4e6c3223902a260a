"""The shell programs that run on the Docker host, put together from their parts.

``newt-egress`` keeps the rules, ``newt-proof`` tries them out. Each part is one subject; a host
gets the whole as one file. ``python -m newt_tunnel.docker_host.programs NAME`` prints one.
"""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).parent
#: The parts of each program, in the order in which they are put together.
PARTS = {
    "newt-egress": (
        *("head", "declaration", "instances", "addresses", "names", "iptables", "bridge"),
        *("loading", "former", "persistence", "docker", "containers", "changes"),
        *("upkeep", "status", "credentials", "commands"),
    ),
    "newt-proof": ("head", "knocking", "services", "table", "place"),
}


def program(name: str) -> str:
    """The whole program called ``name``."""
    return "\n".join((_HERE / name / f"{part}.sh").read_text() for part in PARTS[name])


EGRESS = program("newt-egress")
PROOF = program("newt-proof")


if __name__ == "__main__":
    sys.stdout.write(program(sys.argv[1]))
