"""The post's table as measured, and where the time went."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the post's table: whether newt reaches something, and who says so."""

    traffic: str
    expected: str
    observed: str
    by: str

    @property
    def wrong(self) -> bool:
        return self.expected != self.observed


def row(traffic: str, expected: str, observed: bool, by: str) -> Row:
    return Row(traffic=traffic, expected=expected, observed="yes" if observed else "no", by=by)


def table(rows: Sequence[Row]) -> str:
    lines = [f"{'newt reaches':<44}{'expected':<10}{'observed':<10}by whom"]
    for one in rows:
        mark = "  <-- WRONG" if one.wrong else ""
        lines.append(f"{one.traffic:<44}{one.expected:<10}{one.observed:<10}{one.by}{mark}")
    return "\n".join(lines)


class Clock:
    """Where the time goes."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, float]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        yield
        self._steps.append((name, time.monotonic() - started))

    def report(self) -> str:
        total = sum(seconds for _, seconds in self._steps)
        lines = [f"  {seconds:6.1f} s  {name}" for name, seconds in self._steps]
        return "\n".join(("where the time went:", *lines, f"  {total:6.1f} s  in all"))


def conclude(rows: Sequence[Row], clock: Clock, remark: str) -> int:
    """Prints the table, the times and the last line; returns the exit status."""
    print(f"\n{table(rows)}\n\n{clock.report()}\n\n{remark}\n")
    wrong = sum(one.wrong for one in rows)
    print(f"{len(rows) - wrong} as expected, {wrong} wrong")
    return 1 if wrong else 0
