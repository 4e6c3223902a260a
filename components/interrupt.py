"""An interrupted program prints nothing.

The engine interrupts the program when it is cancelled, and when another resource has failed. Python
would print where it happened to be, in the middle of the engine's own account of the failure.
"""

from __future__ import annotations

import sys
from types import TracebackType


def hide_traceback() -> None:
    """From now on an interrupt ends this process without a traceback; other exceptions show one."""
    usual = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            usual(kind, error, trace)

    sys.excepthook = hook
