"""What was measured, as values: samples of a measure in an arrangement, their medians, the file
`bench.json`, and the bounds that the figures must keep.

Pure: who measures is beside, what the figures look like is `page` and `picture`.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

APPLY = "time to change the rules on the host"
LEAK = "packets that leaked while the rules changed"
REVOKED = "last packet of a connection, after the command that revoked its target"
LOAD = "time to load the rules alone"
CONNECT = "TCP connect"
ROUND_TRIP = "UDP round trip"
THROUGHPUT = "throughput"
KEPT = "throughput, times that of no cage right before"
UP = "pulumi up with another allow-list, from start to end"
CONNECTIONS = "SSH connections of such an update"
LOOKS = "SSH connections of a preview without change"
PREVIEW = "pulumi preview without change"
LOOK = "the drift check in it"
CLUSTER_PREVIEW = "pulumi preview of a cluster's stack, without change"
LOOK_UPS = "the look-ups in it"

FREE, IPTABLES, NFTABLES, THE_POST = "no cage", "iptables", "nftables", "the post's script"
EMPTY, OURS = "empty program", "the example stack"
BARE = "a program that lists the same resources"

#: Packets a second that newt sends while the rules change.
PPS = 5000
#: Of what a cluster's stack costs; the rest is of a Docker host.
IN_CLUSTER = (CLUSTER_PREVIEW, LOOK_UPS)
#: The machine is noisy: only beyond this many times its value a bound fails.
TOLERANCE = 1.1
FLAT = 1.10
#: The bounds on newt's way are for what is recommended. iptables is measured for its users, who are
#: warned of what it costs; it must not leak either.
FLAT_TO = {NFTABLES: 5000}
THROUGHPUT_KEPT = 0.97
CONNECTIONS_PER_CHANGE = 2
PREVIEW_TIMES_EMPTY = 1.5


@dataclass(frozen=True)
class Figure:
    """A measure's samples, one a round, in ``unit``. ``targets`` are those of the allow-list; None
    where there is no list."""

    measure: str
    arrangement: str
    targets: int | None
    unit: str
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)


class Verdict(enum.Enum):
    MET = "met"
    NEAR = "missed, within tolerance"
    BROKEN = "BROKEN"


@dataclass(frozen=True)
class Bound:
    """What a figure must keep. A limit of 0 has no tolerance."""

    what: str
    measured: float
    limit: float
    at_least: bool = False

    @property
    def verdict(self) -> Verdict:
        if self.at_least:
            met, near = self.measured >= self.limit, self.measured >= self.limit / TOLERANCE
        else:
            met, near = self.measured <= self.limit, self.measured <= self.limit * TOLERANCE
        return Verdict.MET if met else Verdict.NEAR if near else Verdict.BROKEN

    @property
    def demand(self) -> str:
        return f"at {'least' if self.at_least else 'most'} {self.limit:g}"


class Figures:
    """All of a run, and the versions it was measured on."""

    def __init__(self, measured_on: Mapping[str, str], figures: Iterable[Figure]) -> None:
        self.measured_on = dict(measured_on)
        self._figures = {(f.measure, f.arrangement, f.targets): f for f in figures}

    def __iter__(self) -> Iterator[Figure]:
        return iter(self._figures.values())

    def find(self, measure: str, arrangement: str, targets: int | None) -> Figure | None:
        return self._figures.get((measure, arrangement, targets))

    def of(self, measure: str) -> list[Figure]:
        return [figure for figure in self if figure.measure == measure]

    @property
    def bounds(self) -> list[Bound]:
        """Those of everything that was measured."""
        return [*self._leaks(), *self._revocations(), *self._path(), *self._engine()]

    def with_the_clusters_of(self, earlier: Figures) -> Figures:
        """These, and the figures of a cluster from an ``earlier`` run; it is said on what that
        differed."""
        versions = {
            name: version
            for name, version in earlier.measured_on.items()
            if self.measured_on.get(name, version) != version
        }
        kept = [figure for figure in earlier if figure.measure in IN_CLUSTER]
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        note = {"the cluster's figures": f"of an earlier run, with {told}"} if told else {}
        return Figures({**earlier.measured_on, **self.measured_on, **note}, [*self, *kept])

    def _leaks(self) -> Iterator[Bound]:
        for figure in self.of(LEAK):
            if figure.arrangement != THE_POST:
                what = f"{LEAK}: {figure.arrangement}, {figure.targets} targets"
                yield Bound(what, max(figure.samples), 0)

    def _revocations(self) -> Iterator[Bound]:
        for figure in self.of(REVOKED):
            if figure.arrangement != THE_POST:
                what = f"{REVOKED}: {figure.arrangement}, in seconds"
                yield Bound(what, max(0.0, max(figure.samples)), 0)

    def _path(self) -> Iterator[Bound]:
        for arrangement, most in FLAT_TO.items():
            for measure in (CONNECT, ROUND_TRIP):
                empty = self.find(measure, arrangement, 0)
                full = self.find(measure, arrangement, most)
                if empty and full:
                    what = f"{measure}: {arrangement} with {most} targets, times that with none"
                    yield Bound(what, ratio(full, empty), FLAT)
            if kept := self.find(KEPT, arrangement, most):
                what = f"{KEPT}: {arrangement} with {most} targets"
                yield Bound(what, kept.median, THROUGHPUT_KEPT, at_least=True)

    def _engine(self) -> Iterator[Bound]:
        for figure in self.of(CONNECTIONS):
            look = self.find(LOOKS, figure.arrangement, figure.targets)
            if look:
                what = f"{CONNECTIONS}, {figure.targets} targets: without the drift check's"
                yield Bound(what, figure.median - look.median, CONNECTIONS_PER_CHANGE)
        for figure in self.of(PREVIEW):
            yield from self._preview(figure, EMPTY, LOOK, "the drift check")
        # With a policy of 500 rules the engine and the plugin alone take longer than that bound,
        # whoever declares it; what is ours is the rest.
        for figure in self.of(CLUSTER_PREVIEW):
            yield from self._preview(figure, BARE, LOOK_UPS, "the look-ups")

    def _preview(self, ours: Figure, beside: str, part: str, named: str) -> Iterator[Bound]:
        """``beside`` was measured right before: the machine is as busy as then."""
        other = self.find(ours.measure, beside, ours.targets)
        look = self.find(part, ours.arrangement, ours.targets)
        if other and look:
            samples = zip(ours.samples, look.samples, other.samples, strict=True)
            times = statistics.median((own - check) / bare for own, check, bare in samples)
            what = f"{ours.measure}, {ours.targets} targets: without {named}, times"
            program = f"an {beside}'s" if beside == EMPTY else f"that of {beside}"
            yield Bound(f"{what} {program}", times, PREVIEW_TIMES_EMPTY)


def ratio(one: Figure, other: Figure) -> float:
    """The median of what one was of the other, round by round."""
    pairs = zip(one.samples, other.samples, strict=True)
    return statistics.median(mine / theirs for mine, theirs in pairs)


def conclusion(bounds: Sequence[Bound]) -> str:
    broken = sum(bound.verdict is Verdict.BROKEN for bound in bounds)
    return f"{len(bounds) - broken} held, {broken} broken"


def dump(figures: Figures) -> str:
    """The text of `bench.json`. Bounds are in it for its readers; `load` judges again."""
    measured = [
        dataclasses.asdict(figure)
        | {"median": _short(figure.median), "samples": [*map(_short, figure.samples)]}
        for figure in figures
    ]
    judged = [
        {
            "what": bound.what,
            "measured": _short(bound.measured),
            "demand": bound.demand,
            "verdict": bound.verdict.value,
        }
        for bound in figures.bounds
    ]
    return (
        f'{{\n"measured_on": {_line(figures.measured_on)},\n'
        f'"figures": [\n{_lines(measured)}\n],\n"bounds": [\n{_lines(judged)}\n]\n}}\n'
    )


def _lines(values: Iterable[object]) -> str:
    """One a line, so that two runs can be compared by eye."""
    return ",\n".join(map(_line, values))


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def load(path: Path) -> Figures:
    document = json.loads(path.read_text())
    names = [field.name for field in dataclasses.fields(Figure)]
    found = [{name: each[name] for name in names} for each in document["figures"]]
    return Figures(
        document["measured_on"],
        [Figure(**each | {"samples": tuple(each["samples"])}) for each in found],
    )


def _short(value: float) -> float:
    return float(f"{value:.6g}")
