"""Shell programs that run in pods of newt's own image: the gate before newt, and the probe."""

from __future__ import annotations

from pathlib import Path

GATE = (Path(__file__).parent / "newt-gate").read_text()
PROBE = (Path(__file__).parent / "newt-probe").read_text()
