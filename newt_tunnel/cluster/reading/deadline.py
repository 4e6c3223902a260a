"""Runs work that may hang, and gives up after a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


def within(seconds: float, work: Callable[[], _Result]) -> _Result:
    """Return the result of ``work``, or raise its error; ``TimeoutError`` if it takes longer.

    What hangs in the system's resolver or in a credential helper cannot be interrupted: it is left
    behind in a thread that does not keep the program alive.
    """
    done: queue.SimpleQueue[tuple[_Result | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as problem:  # handed over, not swallowed
            done.put((None, problem))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, problem = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if problem is not None:
        raise problem
    return result  # type: ignore[return-value]  # work's own None is a _Result too
