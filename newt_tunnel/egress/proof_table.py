"""The measured table of the proof: one row per probe, with its verdict.

Reads what ``newt-proof`` and ``newt-probe`` print: a tab ends each cell. The plan that they try is
``proof_plan``.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace

_HEADER = ("RULE", "DESTINATION", "PORT", "EXPECTED", "VERDICT", "EVIDENCE")
#: The prober's line about the table, below it.
_REMARK = "warning: "
_TAB = "\t"
#: Of both before they wrote tabs: an engine's state, and the log of a Job, may hold such a table.
_COLUMN_GAP = re.compile(r" {2,}")
#: Above the table: when it was measured, and of which rules.
_MEASURED = re.compile(r"^measured (\S+), generation (\S+), rules \S+$", re.MULTILINE)


class ProbeVerdict(enum.Enum):
    """The result of a probe. Only ``OPEN`` means that the cage is open."""

    REACHED = "reached"
    BLOCKED = "blocked"
    #: UDP sends no answer: the proof is the packet in the counter of the rule that allows it.
    COUNTED = "counted"
    #: UDP again, where nothing counts packets.
    SENT = "sent, not provable"
    NOT_PROVED = "not proved"
    OPEN = "OPEN"
    NOT_PROBED = "not probed"
    #: Open, and accepted by the stack file: an enforcer may exempt newt's own node.
    ACCEPTED = "accepted"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One row of the measured table; ``port`` carries its protocol (``443/tcp``).

    ``as_expected`` is False for a leak, and for an allowed target that newt is cut off from.
    """

    name: str
    destination: str
    port: str
    expected: str
    verdict: ProbeVerdict
    evidence: str

    def as_row(self) -> dict[str, str]:
        """Plain values, for a stack output."""
        return {
            "name": self.name,
            "destination": self.destination,
            "port": self.port,
            "expected": self.expected,
            "verdict": self.verdict.value,
            "evidence": self.evidence,
        }

    @property
    def as_expected(self) -> bool:
        return not (
            self.verdict is ProbeVerdict.OPEN
            or (self.expected == "reach" and self.verdict is ProbeVerdict.BLOCKED)
        )


def parse(output: str) -> tuple[Result, ...]:
    """Read the table that ``newt-proof`` printed; text around it is for people. ``ValueError``
    on a broken row.
    """
    results = []
    in_table = False
    for line in output.splitlines():
        cells = _cells(line)
        if cells == list(_HEADER):
            in_table = True
        elif not line.strip() or line.startswith(_REMARK):
            in_table = False
        elif in_table:
            if len(cells) != len(_HEADER):
                raise ValueError(f"not a row of the proof's table: {line!r}")
            name, destination, port, expected, verdict, evidence = cells
            results.append(
                Result(
                    name=name,
                    destination=destination,
                    port=port,
                    expected=expected,
                    verdict=ProbeVerdict(verdict),
                    evidence=evidence,
                )
            )
    return tuple(results)


def _cells(line: str) -> list[str]:
    if _TAB in line:
        return [cell.strip(" ") for cell in line.split(_TAB)]
    return _COLUMN_GAP.split(line.strip())


def measurement(output: str) -> dict[str, str]:
    """When the table in ``output`` was measured, and under which generation of the rules: a row of
    a stack output shows no age otherwise. Empty where nothing was measured.
    """
    found = _MEASURED.search(output)
    return {"measured": found[1], "generation": found[2]} if found else {}


def summary(results: tuple[Result, ...]) -> str:
    """``N as expected, M wrong``, the last line of the demo."""
    wrong = sum(not result.as_expected for result in results)
    return f"{len(results) - wrong} as expected, {wrong} wrong"


def with_control(results: tuple[Result, ...], control: tuple[Result, ...]) -> tuple[Result, ...]:
    """Mark as blocked each row of ``results`` that was not proved, where a control without a policy
    reached the same target.
    """
    answered = {(row.name, row.destination, row.port) for row in control if _answered(row)}
    return tuple(
        replace(row, verdict=ProbeVerdict.BLOCKED, evidence=f"{row.evidence}, control: connected")
        if row.verdict is ProbeVerdict.NOT_PROVED
        and (row.name, row.destination, row.port) in answered
        else row
        for row in results
    )


def _answered(row: Result) -> bool:
    return row.verdict in (ProbeVerdict.REACHED, ProbeVerdict.OPEN, ProbeVerdict.ACCEPTED)
