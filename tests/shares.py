"""Which tests stay together when several processes share them (`pytest -n 3`).

Tests of one share use the same daemons, so one process runs them, one after the other. A module of
the host's or of unit tests is a share of its own.
"""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# What takes longest comes first, so that no process is left alone with it at the end. On one
# process `stack` and `cluster apart` must end before `cluster` begins: one site of Pangolin's has
# one newt, and a cluster one stack.
FIRST = ("stack", "cluster apart", "cluster", "standins kubernetes", "standins docker")
#: They use no deployment of the cluster's example.
APART = ("test_cluster_attacks.py", "test_cluster_existing.py", "test_cluster_open.py")


def share(nodeid: str) -> str:
    """The share of a test, given by its pytest id."""
    module = nodeid.split("::", 1)[0]
    suite, *inner = PurePosixPath(module).parts[1:]
    match suite:
        case "stack" if inner[0] in APART:
            return "cluster apart"
        case "stack":
            return "cluster" if inner[0].startswith("test_cluster_") else suite
        case "lab":
            return "cluster apart" if inner[0] == "kubernetes" else suite
        case "standins":
            return f"standins {inner[0].split('_')[1]}"
    return module


def place(nodeid: str) -> tuple[int, bool]:
    """Sorts tests by when their share comes; what takes down the stack that its share uses comes
    last in it."""
    name = share(nodeid)
    module = nodeid.split("::", 1)[0]
    return FIRST.index(name) if name in FIRST else len(FIRST), module.endswith("_end.py")


class Shares(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out whole shares, in the order in which the tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid)
