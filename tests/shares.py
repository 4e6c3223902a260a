"""Which tests stay together when several processes share them (`pytest -n 5`).

Tests of one share use the same daemons, so one process runs them, one after the other. Any other
module is a share of its own.
"""

import re
from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.lab.docker_engines import NEWEST, TEST_ID

# What takes longest comes first, so that no process is left alone with it at the end. On one
# process each of these must end before the next begins: in `stack` the stack is taken down at the
# end, one site of Pangolin's has one newt, and a cluster one stack.
FIRST = ("stack changed", "stack used", "stack", "cluster", "cluster stack")
#: So many updates that other processes do them meanwhile, each with a stack of its own.
CHANGED = ("test_arrangements.py", "test_drift.py")
USED = ("test_forge_job.py", "test_hostile.py", "test_secrets.py", "test_users.py")
#: In its share, after all others.
LAST = ("_end.py", "_readme.py")
#: Folders with long modules.
LONG = ("standins", "faults")


#: Tests with a Docker engine say so in their id, and those with another than the newest are
#: together: each engine has a lab of its own.
ENGINE_ID = re.compile(rf"[\[-]({re.escape(TEST_ID)}[a-z0-9.]+)[\]-]")


def share(nodeid: str) -> str:
    """The share of a test, given by its pytest id."""
    module = nodeid.split("::", 1)[0]
    found = ENGINE_ID.search(nodeid)
    if found and found[1] != NEWEST.test_id:
        return found[1]
    suite, *inner = PurePosixPath(module).parts[1:]
    match suite:
        case "stack":
            if inner[0] in CHANGED:
                return "stack changed"
            return "stack used" if inner[0] in USED else suite
        case "cluster":
            return "cluster stack" if inner[0] == "stack" else suite
        case "lab":
            return suite
    return module


def place(nodeid: str) -> tuple[int, int]:
    """Sorts tests by when their share comes. In it what takes down the stack comes last, and after
    that what wants none there."""
    name, module = share(nodeid), nodeid.split("::", 1)[0]
    long = PurePosixPath(module).parts[1] in LONG or name.startswith(TEST_ID)
    when = FIRST.index(name) if name in FIRST else len(FIRST) + (not long)
    return when, next((rank for rank, end in enumerate(LAST, 1) if module.endswith(end)), 0)


class Shares(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out whole shares, in the order in which the tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid)
