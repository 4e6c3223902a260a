"""docs/cost.svg, drawn from the figures: leaked packets and the time that a change takes, ours
beside the post's script. It brings its own ground, so it reads on a light page and on a dark one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.figures import APPLY, IPTABLES, LEAK, NFTABLES, PPS, THE_POST, Figures
from tests.bench.page import number

SIZES = (10, 100, 500)
#: Arrangement, what the picture calls it, and the class of its bar.
ARRANGEMENTS = (
    (IPTABLES, "newt-tunnel, iptables", "ours"),
    (NFTABLES, "newt-tunnel, nftables", "ours"),
    (THE_POST, "the post's script", "post"),
)
_WIDTH, _HEIGHT = 960, 372
_TOP, _ROW, _GROUP = 104, 22, 84
_BAR = 14
_LONGEST = 200
_DOCUMENT = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" \
height="{height}" role="img"
     aria-labelledby="title desc" font-family="system-ui, -apple-system, 'Segoe UI', \
'DejaVu Sans', sans-serif" font-size="14">
  <title id="title">What a change of the allow-list costs</title>
  <desc id="desc">{told}</desc>
  <!-- Drawn from docs/bench.json by tests/bench/picture.py (make docs). -->
  <style>
    .ground {{ fill: #ffffff }}
    text {{ fill: #1f2933 }}  .dim {{ fill: #52606d; font-size: 12px }}
    .head {{ font-weight: 600 }}
    .ours {{ fill: #1a7f4b }}  .post {{ fill: #c0392b }}
    .axis {{ stroke: #8a949e }}
    @media (prefers-color-scheme: dark) {{
      .ground {{ fill: #14181d }}
      text {{ fill: #e6eaee }}  .dim {{ fill: #a9b4be }}
      .ours {{ fill: #4cc38a }}  .post {{ fill: #ff7b6b }}
      .axis {{ stroke: #6b7681 }}
    }}
  </style>

  <rect class="ground" width="{width}" height="{height}" rx="10"/>
  <text class="head" x="24" y="36" font-size="16">Changing the whole allow-list \
on a Docker host</text>
{panels}
  <text class="dim" x="24" y="{foot}">Medians of {rounds} rounds: {versions}. Less is better.</text>
</svg>
"""


@dataclass(frozen=True)
class Panel:
    measure: str
    title: str
    unit: str
    left: int


PANELS = (
    Panel(LEAK, f"packets that leaked, of {PPS:,} a second", "", 24),
    Panel(APPLY, "seconds that it took, checks included", " s", 500),
)
_LABELS = 172


def draw(figures: Figures) -> str:
    """The text of the picture. ``ValueError`` where a figure for it was not measured."""
    shown = ("Docker", "iptables", "nftables", "kernel")
    return _DOCUMENT.format(
        width=_WIDTH,
        height=_HEIGHT,
        told=_told(figures),
        panels="\n".join(line for panel in PANELS for line in _panel(panel, figures)),
        foot=_HEIGHT - 18,
        rounds=len(figures.of(LEAK)[0].samples),
        versions=", ".join(f"{name} {figures.measured_on[name]}" for name in shown),
    )


def _panel(panel: Panel, figures: Figures) -> Iterator[str]:
    most = max(
        _value(panel, figures, arrangement, size)
        for arrangement, _, _ in ARRANGEMENTS
        for size in SIZES
    )
    axis = panel.left + _LABELS
    yield f'  <text class="head" x="{panel.left}" y="68">{panel.title}</text>'
    bottom = _TOP + _GROUP * len(SIZES) - 14
    yield f'  <path class="axis" d="M{axis} {_TOP - 20} V{bottom}"/>'
    for group, size in enumerate(SIZES):
        y = _TOP + group * _GROUP
        yield f'  <text class="dim" x="{panel.left}" y="{y - 8}">{size} targets</text>'
        for row, (arrangement, called, kind) in enumerate(ARRANGEMENTS):
            value = _value(panel, figures, arrangement, size)
            line = y + row * _ROW
            length = round(_LONGEST * value / most) if most else 0
            yield f'  <text x="{panel.left}" y="{line + 11}">{called}</text>'
            yield (
                f'  <rect class="{kind}" x="{axis}" y="{line}" width="{length}" height="{_BAR}"/>'
            )
            told = number(value) + panel.unit
            yield f'  <text x="{axis + length + 8}" y="{line + 11}">{told}</text>'


def _value(panel: Panel, figures: Figures, arrangement: str, size: int) -> float:
    figure = figures.find(panel.measure, arrangement, size)
    if figure is None:
        raise ValueError(f"not measured: {panel.measure}, {arrangement}, {size} targets")
    return figure.median


def _told(figures: Figures) -> str:
    """The picture in words."""
    return " ".join(
        f"{panel.title.capitalize()}, with {', '.join(map(str, SIZES))} targets: "
        + "; ".join(
            f"{called} "
            + ", ".join(number(_value(panel, figures, arrangement, size)) for size in SIZES)
            for arrangement, called, _ in ARRANGEMENTS
        )
        + "."
        for panel in PANELS
    )
