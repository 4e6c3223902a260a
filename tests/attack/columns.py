"""What was found on Docker hosts with different engines: a column each, kept in docs/engines.json.

One run measures one engine or all of them. A column replaces an older one of the same engine, so
that the tables of docs/evidence.md always show every engine that was measured.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newt_tunnel.egress.cage import Firewall
from newt_tunnel.egress.limits import HostLimit
from tests.attack.siege import FREE
from tests.host.rig import Host
from tests.lab.docker_engines import ENGINES, HERE

Table = Sequence[Sequence[str]]

KEPT = Path(__file__).parents[2] / "docs" / "engines.json"
ATTACKS, FAULTS = "attacks", "faults"


@dataclass(frozen=True)
class Column:
    """``engine`` is its name as ENGINE has it, ``title`` the one for tables. ``free`` has what
    became of each row without a cage, ``cells`` what became of it in all arrangements; ``limits``
    are the names of those that showed themselves, ``said`` the run's last lines."""

    engine: str
    title: str
    version: str
    free: Mapping[str, str]
    cells: Mapping[str, str]
    limits: Sequence[str]
    said: Sequence[str]

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    @property
    def nftables(self) -> bool:
        return any(each.nftables for each in ENGINES if each.name == self.engine)

    def has(self, limit: HostLimit) -> bool:
        """Whether the limit is one of this engine."""
        backend = Firewall.NFTABLES if self.nftables else Firewall.IPTABLES
        return self.major in limit.engines and limit.backend is backend


def title(host: Host) -> str:
    """How the host's engine is called in a table."""
    engine = host.lab.docker_engine
    return ".".join(host.version.split(".")[:2]) if engine is HERE else engine.name


def collapsed(cells: Mapping[str, str]) -> str:
    """What became of one row, given per arrangement: one cell, or the exceptions by their name."""
    named: dict[str, list[str]] = {}
    for arrangement, cell in cells.items():
        named.setdefault(cell, []).append(arrangement)
    plain, *others = sorted(named, key=lambda cell: -len(named[cell]))
    return "; ".join([plain, *(f"{cell} with {' and '.join(named[cell])}" for cell in others)])


def table(what: str, columns: Sequence[Column]) -> Table:
    """A row per attack or fault and a column per engine; empty where it was not tried."""
    rows = list(dict.fromkeys(row for column in columns for row in (*column.free, *column.cells)))
    return [
        [what, FREE.name, *(column.title for column in columns)],
        *(
            [
                row,
                "; ".join(sorted({column.free[row] for column in columns if row in column.free})),
                *(column.cells.get(row, "") for column in columns),
            ]
            for row in rows
        ),
    ]


def versions(columns: Iterable[Column], others: str) -> str:
    """What was measured, an engine a line; ``others`` are the versions of everything else."""
    lines = [
        f"- **{each.title}**: Docker {each.version}: {'; '.join(each.said)}" for each in columns
    ]
    return "\n".join([f"Measured with {others}, and these engines:", "", *lines])


def limits(known: Iterable[HostLimit], columns: Sequence[Column]) -> str:
    """The known limits, each with the engines on which it showed itself."""
    lines = []
    for limit in known:
        shown = ", ".join(column.title for column in columns if limit.name in column.limits)
        lines.append(f"- `{limit.name}`: {limit}" + (f" Shown on {shown}." if shown else ""))
    return "\n".join(lines)


def load(kind: str, path: Path = KEPT) -> list[Column]:
    """The columns that were kept, newest engine first."""
    kept = json.loads(path.read_text())[kind]
    found = {each["engine"]: Column(**each) for each in kept}
    return [found[engine.name] for engine in ENGINES if engine.name in found]


def keep(kind: str, columns: Iterable[Column], path: Path = KEPT) -> list[Column]:
    """Replaces what was kept of these engines; returns all columns of the kind."""
    kept = json.loads(path.read_text())
    by_engine = {each["engine"]: each for each in kept[kind]}
    by_engine |= {column.engine: dataclasses.asdict(column) for column in columns}
    kept[kind] = [by_engine[each.name] for each in ENGINES if each.name in by_engine]
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    return load(kind, path)
