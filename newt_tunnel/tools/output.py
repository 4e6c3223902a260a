"""Where commands print: results to standard output, which may be a file, and problems to standard
error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

Say = Callable[[str], None]


def complain(line: str) -> None:
    """Print ``line`` to standard error."""
    sys.stderr.write(f"{line}\n")
