"""Whether a condition holds, which a preview may not know yet.

Of conditions that must all hold the least counts (`min`), of alternatives the most (`max`).
"""

from __future__ import annotations

import enum
from typing import Any

from policies.view import UNKNOWN


class Fit(enum.IntEnum):
    NO = 0
    #: The update knows.
    UNKNOWN = 1
    YES = 2


def holds(value: object) -> Fit:
    return Fit.YES if value else Fit.NO


def opposite(fit: Fit) -> Fit:
    return Fit(Fit.YES - fit)


def same(one: Any, other: Any) -> Fit:
    if one is UNKNOWN or other is UNKNOWN:
        return Fit.UNKNOWN
    return holds(one == other)
