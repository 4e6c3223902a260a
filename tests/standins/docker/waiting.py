"""Waits for the daemon to let go of something, as the official plugin does for up to 30 s."""

import time
from collections.abc import Callable

from tests.standins.docker.engine_api import DockerError

LIMIT_SECONDS = 30
# The official plugin asks every 5 s after a first pause of 2 s; here without the idle time.
PAUSE_SECONDS = 0.5


def until_removed(remove: Callable[[], object], busy: str, pending: str) -> None:
    """Calls `remove` until it succeeds; an error text with `busy` in it means: try again."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        try:
            remove()
            return
        except DockerError as error:
            if error.not_found:
                return
            if busy not in str(error).lower():
                raise
            if time.monotonic() > deadline:
                raise DockerError(
                    "timeout while waiting for state to become 'removed'"
                    f" (last state: '{pending}', timeout: {LIMIT_SECONDS}s)"
                ) from error
        time.sleep(PAUSE_SECONDS)
