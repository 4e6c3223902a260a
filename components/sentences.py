"""What the world did, inside an ``apply``: one sentence instead of a traceback.

Pulumi prints a ``RunError`` as it is, and any other exception with where it was raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pulumi

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


def told(what: str, read: Callable[[_Given], _Found]) -> Callable[[_Given], _Found]:
    """``read`` for an ``apply``: text of another machine that is not in the expected form is a
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
