"""Why a cluster could not be read. Never quotes a kubeconfig, nor an answer that could hold one."""

from __future__ import annotations


class ClusterError(Exception):
    """Nothing was looked up."""


class ClusterUnreachable(ClusterError):
    """No API server answered in time, or it did not let us in."""

    def __init__(self, cluster: str, reason: str) -> None:
        super().__init__(
            f"{cluster}: the cluster cannot be reached: {reason}; check that it runs and that this "
            "machine reaches it"
        )


class ClusterUnreadable(ClusterError):
    """The cluster answers, but not this question."""

    def __init__(self, cluster: str, what: str, reason: str) -> None:
        super().__init__(f"{cluster}: {what} cannot be read: {reason}")
