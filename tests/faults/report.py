"""What the faults did to the cage, as a table and as one last line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from newt_tunnel.egress.limits import HostLimit
from tests.attack.columns import Column, Table, collapsed, title
from tests.attack.siege import FREE
from tests.faults.finding import Finding, Verdict
from tests.faults.flood import ENOUGH
from tests.faults.host.faults import TIMER_SECONDS
from tests.host.rig import Host


def table(findings: Sequence[Finding], names: Sequence[str]) -> Table:
    """A fault a row, and what became of it in each of the arrangements ``names``; empty where it
    does not apply."""
    rows: dict[str, dict[str, str]] = {}
    for finding in findings:
        rows.setdefault(finding.fault, {})[finding.arrangement] = cell(finding)
    return [
        ["fault", *names],
        *([fault, *(cells.get(name, "") for name in names)] for fault, cells in rows.items()),
    ]


def column(host: Host, findings: Sequence[Finding]) -> Column:
    """What was found on a host, with its engine."""
    free = {f.fault: cell(f) for f in findings if f.arrangement == FREE.name}
    caged: dict[str, dict[str, Finding]] = {}
    for finding in findings:
        if finding.arrangement != FREE.name:
            caged.setdefault(finding.fault, {})[finding.arrangement] = finding
    return Column(
        engine=host.lab.docker_engine.name,
        title=title(host),
        version=host.version,
        free=free,
        cells={fault: _in_all(found) for fault, found in caged.items()},
        limits=_shown(findings),
        said=conclusion(findings).splitlines(),
    )


def _in_all(found: Mapping[str, Finding]) -> str:
    """What became of one fault in all arrangements."""
    windows = [f.open_for for f in found.values() if f.verdict is Verdict.OPEN]
    if len(windows) == len(found):
        return f"open for {max(windows):.1f} s at most"
    cells = {name: cell(finding) for name, finding in found.items()}
    shown = _shown(found.values())
    if shown and set(cells.values()) <= {Verdict.HELD.value, Verdict.LIMIT.value}:
        return f"limit: {', '.join(shown)}"
    return collapsed(cells)


def _shown(findings: Iterable[Finding]) -> list[str]:
    """The limits of a Docker host that showed themselves, by their names."""
    broken = [f.limit for f in findings if f.verdict is Verdict.LIMIT]
    return sorted({limit.name for limit in broken if isinstance(limit, HostLimit)})


def cell(finding: Finding) -> str:
    """What became of one fault, as a word or two."""
    if finding.verdict is Verdict.OPEN:
        return f"open for {finding.open_for:.1f} s"
    return str(finding.verdict.value)


def held_and_broken(findings: Sequence[Finding]) -> tuple[int, int]:
    """How many faults the cage held and how many broke it. A slow flood and a control that did not
    arrive count as broken; a known limit, and a window that was measured, as neither."""
    held = sum(finding.verdict is Verdict.HELD for finding in findings)
    return held, sum(finding.verdict.broken for finding in findings)


def conclusion(findings: Sequence[Finding]) -> str:
    held, broken = held_and_broken(findings)
    limits = sum(finding.verdict is Verdict.LIMIT for finding in findings)
    return "\n".join(
        (
            *_remarks(findings),
            f"{limits} known limits, not counted",
            f"{held} held, {broken} broken",
        )
    )


def _remarks(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        if finding.verdict.broken:
            yield told(finding)
    caged = [finding for finding in findings if finding.arrangement != FREE.name]
    sent = sum(finding.flood.sent for finding in caged)
    slowest = min((finding.flood.rate for finding in caged), default=0.0)
    yield f"{sent:,} packets were sent to forbidden targets, {slowest:,.0f} a second at least"
    if windows := [f.open_for for f in findings if f.verdict is Verdict.OPEN]:
        yield (
            f"rules that are deleted by hand: open for {max(windows):.1f} s at most, with the "
            f"timer at {TIMER_SECONDS} s here instead of 5 min; check and status told of it"
        )


def told(finding: Finding) -> str:
    """What became of one fault, and why where that is not as it should be."""
    why = f", {_why(finding)}" if finding.verdict.broken else ""
    return f"{finding.arrangement}: {finding.fault}: {cell(finding)}{why}"


def _why(finding: Finding) -> str:
    flood = finding.flood
    if finding.verdict is Verdict.SLOW:
        return f"the flood had {flood.rate:,.0f} packets a second, {ENOUGH} are needed to show it"
    if finding.verdict is Verdict.UNEXPECTED:
        return f"it held, though it is listed as a limit: {finding.limit}"
    if finding.verdict is Verdict.BLANK:
        return f"without a cage the flood does not arrive everywhere: {_arrivals(finding)}"
    arrived = f"of the flood there arrived {_arrivals(finding)}"
    told_anyway = not finding.wrong or flood.arrived.total()
    return "; ".join(filter(None, (finding.wrong, arrived if told_anyway else "")))


def _arrivals(finding: Finding) -> str:
    arrived = finding.flood.arrived
    return ", ".join(f"{count} at {target}" for target, count in arrived.items())
