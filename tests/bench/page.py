"""The figures as tables: what `make bench` prints, and the part of docs/evidence.md."""

from __future__ import annotations

from collections.abc import Iterator

from tests.attack.columns import Table
from tests.attack.report import markdown
from tests.attack.report import text as aligned
from tests.bench.figures import (
    BARE,
    EMPTY,
    FREE,
    IPTABLES,
    NFTABLES,
    OURS,
    THE_POST,
    Figure,
    Figures,
    conclusion,
)

#: Of the rows: what the others are beside comes first, and the baseline last.
ORDER = (FREE, EMPTY, BARE, OURS, IPTABLES, NFTABLES, THE_POST)


def text(figures: Figures) -> str:
    return "\n\n".join(
        (
            *(f"{title}\n{aligned(table)}" for title, table in _tables(figures)),
            aligned(bounds(figures)),
            f"measured with {_versions(figures)}",
        )
    )


def document(figures: Figures) -> str:
    return "\n\n".join(
        (
            f"Measured with {_versions(figures)}.",
            *(f"{_sentence(title)}:\n\n{markdown(table)}" for title, table in _tables(figures)),
            f"The bounds:\n\n{markdown(bounds(figures))}",
            f"```text\n{conclusion(figures.bounds)}\n```",
        )
    )


def bounds(figures: Figures) -> Table:
    rows = [
        [bound.what, number(bound.measured), bound.demand, bound.verdict.value]
        for bound in figures.bounds
    ]
    return [["bound", "measured", "demanded", "verdict"], *rows]


def _tables(figures: Figures) -> Iterator[tuple[str, Table]]:
    """Per measure its title, with the unit, and a row for every arrangement."""
    for measure in dict.fromkeys(figure.measure for figure in figures):
        found = figures.of(measure)
        yield f"{measure} ({found[0].unit})", _table(found)


def _table(found: list[Figure]) -> Table:
    # What has no list comes first: it is what the others are beside.
    sizes = sorted({figure.targets for figure in found}, key=lambda size: (size is not None, size))
    cells = {(figure.arrangement, figure.targets): number(figure.median) for figure in found}
    arrangements = sorted({figure.arrangement for figure in found}, key=ORDER.index)
    without = "median" if sizes == [None] else "no list"
    head = [without if size is None else f"{size} targets" for size in sizes]
    return [
        ["", *head],
        *([each, *(cells.get((each, size), "") for size in sizes)] for each in arrangements),
    ]


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _versions(figures: Figures) -> str:
    return ", ".join(f"{name} {version}" for name, version in figures.measured_on.items())


def _sentence(title: str) -> str:
    return title if title.startswith("pulumi") else title[0].upper() + title[1:]
