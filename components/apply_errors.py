"""Errors inside an ``apply``: a message instead of a traceback for what another machine answered.

Pulumi prints a ``RunError`` as it is, and any other exception with where it was raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pulumi

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


def as_run_error(what: str, read: Callable[[_Given], _Found]) -> Callable[[_Given], _Found]:
    """Wrap ``read`` for an ``apply``: an answer that is not in the expected form raises a
    ``RunError`` that begins with ``what``.
    """

    def guarded(given: _Given) -> _Found:
        try:
            return read(given)
        except LookupError:
            raise pulumi.RunError(what) from None
        except ValueError as problem:
            raise pulumi.RunError(f"{what}: {problem}") from None

    return guarded
