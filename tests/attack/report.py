"""What the suite found, as a table and as one last line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.attack.columns import Column, Table, collapsed, title
from tests.attack.differential import Tally
from tests.attack.siege import AS_DEPLOYED, FREE, Finding, Verdict
from tests.host.rig import Host

ARRIVED, BLANK = "arrived", "BLANK"
WRONG = (Verdict.BROKEN, Verdict.UNEXPECTED)


@dataclass(frozen=True)
class Compared:
    """A differential test; ``mismatch`` says how model and kernel differ, if they do."""

    seed: int
    tally: Tally
    mismatch: str

    @property
    def lines(self) -> Iterator[str]:
        yield f"differential test, seed {self.seed}:"
        for name, pairs in self.tally.pairs.items():
            blanks, allowed = self.tally.blanks[name], self.tally.allowed[name]
            yield (
                f"  {name}: {pairs} pairs of policy and packet compared, {allowed} of them allowed"
                f" ({blanks} more showed nothing)"
            )
        yield from self.mismatch.splitlines() or ["  the kernel gave the model's verdict in all"]


def held_and_broken(findings: Sequence[Finding], *compared: Compared) -> tuple[int, int]:
    """How many attacks held and how many broke; a blank and a mismatch count as broken, a known
    limit as neither. What never arrives without a cage either did not show that one holds."""
    proved = {f.attack for f in findings if f.arrangement == FREE.name and f.arrived}
    held = broken = 0
    for finding in findings:
        if finding.arrangement == FREE.name:
            broken += _cell(finding) == BLANK
        elif finding.verdict is Verdict.HELD:
            held += finding.attack in proved
        else:
            broken += finding.verdict.counts
    return held, broken + sum(each.mismatch != "" for each in compared)


def conclusion(findings: Sequence[Finding], *compared: Compared) -> str:
    held, broken = held_and_broken(findings, *compared)
    limits = sum(finding.verdict is Verdict.LIMIT for finding in findings)
    return f"{limits} known limits, not counted\n{held} held, {broken} broken"


def column(host: Host, findings: Sequence[Finding]) -> Column:
    """What was found on a host, with its engine."""
    free: dict[str, set[str]] = {}
    by_attack: dict[str, dict[str, list[Finding]]] = {}
    for finding in findings:
        if finding.arrangement == FREE.name:
            free.setdefault(finding.attack, set()).add(_cell(finding))
        else:
            by_arrangement = by_attack.setdefault(finding.attack, {})
            by_arrangement.setdefault(finding.arrangement, []).append(finding)
    return Column(
        engine=host.lab.docker_engine.name,
        title=title(host),
        version=host.version,
        free={attack: "; ".join(sorted(cells)) for attack, cells in free.items()},
        cells={
            attack: in_all_arrangements(by_arrangement)
            for attack, by_arrangement in by_attack.items()
        },
        limits=sorted({f.limit.name for f in findings if f.limit is not None and f.arrived}),
        said=conclusion(findings).splitlines(),
    )


def in_all_arrangements(found: Mapping[str, Sequence[Finding]]) -> str:
    """What became of one attack. Only docker-user has limits, so a cell does not say whose."""
    all_ = [finding for findings in found.values() for finding in findings]
    shown = sorted({f.limit.name for f in all_ if f.limit and f.verdict is Verdict.LIMIT})
    if shown and not any(f.verdict in WRONG for f in all_):
        return f"limit: {', '.join(shown)}"
    return collapsed({name: _under_all(findings) for name, findings in found.items()})


def _under_all(findings: Sequence[Finding]) -> str:
    """What became of it on one arrangement, with the circumstances that broke the cage."""
    wrong = [f for f in findings if f.verdict in WRONG]
    if wrong:
        return f"{wrong[0].verdict.value} ({'; '.join(f.circumstance for f in wrong)})"
    limited = any(f.verdict is Verdict.LIMIT for f in findings)
    return Verdict.LIMIT.value if limited else Verdict.HELD.value


def table(findings: Sequence[Finding], names: Sequence[str]) -> Table:
    return [["attack", *names], *rows(findings, names)]


def rows(findings: Sequence[Finding], names: Sequence[str]) -> Iterator[list[str]]:
    """The lines of the table: an attack, and what became of it in each of the arrangements
    ``names``. It has one row for all circumstances in which no arrangement gave another verdict;
    those that go with the plainest one are not named."""
    circumstances: dict[str, dict[str, dict[str, str]]] = {}
    for finding in findings:
        by_circumstance = circumstances.setdefault(finding.attack, {})
        by_circumstance.setdefault(finding.circumstance, {})[finding.arrangement] = _cell(finding)
    for attack, by_circumstance in circumstances.items():
        groups: list[tuple[dict[str, str], list[str]]] = []
        for circumstance, cells in by_circumstance.items():
            for shown, where in groups:
                if all(shown.get(name, cell) == cell for name, cell in cells.items()):
                    shown |= cells
                    where.append(circumstance)
                    break
            else:
                groups.append((dict(cells), [circumstance]))
        for shown, where in groups:
            plain = len(groups) == 1 or AS_DEPLOYED in where
            told = attack if plain else f"{attack} ({'; '.join(where)})"
            yield [told, *(shown.get(name, "") for name in names)]


def text(table: Table) -> str:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )


def markdown(table: Table) -> str:
    head, *body = table
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(finding: Finding) -> str:
    if finding.arrangement == FREE.name:
        # What newt may not send without a capability needs no cage: its row says no more.
        return ARRIVED if finding.arrived or finding.refused else BLANK
    return finding.verdict.value
