"""The shell programs that run in pods of newt's own image.

``newt-gate`` lets newt start when its cage is shut; ``newt-probe`` tries the plan of the proof.
"""

from __future__ import annotations

from pathlib import Path

GATE = (Path(__file__).parent / "newt-gate").read_text()
PROBE = (Path(__file__).parent / "newt-probe").read_text()
