"""Waiting for a condition, with an error that says what did not happen."""

import time
from collections.abc import Callable

from .commands import LabError

POLL = 0.05


def wait_until(
    ready: Callable[[], bool],
    what: str,
    timeout: float,
    *,
    poll: float = POLL,
    explain: Callable[[], str] = str,
) -> None:
    """Returns once `ready`; else fails with `what` was waited for and what `explain` adds."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {timeout:.0f} s. {explain()}".strip())
        time.sleep(poll)
