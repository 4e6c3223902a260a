"""Which tests stay together when several processes share them (`pytest -n 4`).

Tests of one share use the same daemons, so one process runs them, one after the other. A module of
the host's or of unit tests is a share of its own.
"""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# What takes longest comes first, so that no process is left alone with it at the end. On one
# process `stack` must end before `cluster` begins, because one site of Pangolin's has one newt, and
# `cluster end` destroys what `cluster` deployed.
FIRST = (
    "stack",
    "cluster",
    "cluster end",
    "standins kubernetes",
    "cluster apart",
    "standins docker",
)
CLUSTER = {
    "test_cluster_adopting.py": "cluster end",
    "test_cluster_end.py": "cluster end",
    "test_cluster_forge_job.py": "cluster end",
    # They use no deployment of the cluster's example.
    "test_cluster_attacks.py": "cluster apart",
    "test_cluster_existing.py": "cluster apart",
    "test_cluster_open.py": "cluster apart",
}


def share(nodeid: str) -> str:
    """The share of a test, given by its pytest id."""
    module = nodeid.split("::", 1)[0]
    suite, *inner = PurePosixPath(module).parts[1:]
    match suite:
        case "stack" if inner[0].startswith("test_cluster_"):
            return CLUSTER.get(inner[0], "cluster")
        case "stack":
            return suite
        case "lab":
            return "cluster apart" if inner[0] == "kubernetes" else suite
        case "standins":
            return f"standins {inner[0].split('_')[1]}"
    return module


def place(nodeid: str) -> tuple[int, bool]:
    """Sorts tests by when their share comes; those that take its deployment down are its last."""
    name = share(nodeid)
    turn = FIRST.index(name) if name in FIRST else len(FIRST)
    return turn, nodeid.split("::", 1)[0].endswith("_end.py")


class Shares(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out whole shares, in the order in which the tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return share(nodeid)
