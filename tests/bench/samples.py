"""Where measurements are collected, round by round, until they are figures."""

from __future__ import annotations

from tests.bench.figures import Figure


class Samples:
    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int | None, str], list[float]] = {}

    def add(
        self, measure: str, arrangement: str, targets: int | None, unit: str, sample: float
    ) -> None:
        self._found.setdefault((measure, arrangement, targets, unit), []).append(sample)

    @property
    def figures(self) -> list[Figure]:
        return [Figure(*what, tuple(samples)) for what, samples in self._found.items()]
