"""The difference of two lists of entries: what is new, what is gone, and by which entry.

Sets decide (``stackfile.reach_sets``): without new reach there is nothing to report, however the
entries were renamed, moved or split. An entry that grew out of an earlier one is called widened.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from newt_tunnel.egress.model import DNS_RULE, Pods
from newt_tunnel.stackfile.reach_entries import ReachEntry
from newt_tunnel.stackfile.reach_sets import Cover, Region, difference, meet


class ChangeKind(enum.Enum):
    ADDED = "added"
    REMOVED = "removed"
    WIDENED = "widened"
    NARROWED = "narrowed"


@dataclass(frozen=True, kw_only=True)
class Change:
    """``entry`` is the present one or, if it is gone, the former one. ``was`` is what it grew or
    shrank from. ``region`` is the difference itself, never empty.
    """

    kind: ChangeKind
    entry: ReachEntry
    region: Region
    was: ReachEntry | None = None

    @property
    def is_partial(self) -> bool:
        """Whether other entries allowed, or still allow, a part of this one."""
        return self.was is None and self.region != self.entry.region


def changes(before: Sequence[ReachEntry], after: Sequence[ReachEntry]) -> tuple[Change, ...]:
    """Return what newt can newly reach, and what no longer, in the order of names."""
    return (*_entries_grown(before, after), *_entries_shrunk(before, after))


def _entries_grown(before: Sequence[ReachEntry], after: Sequence[ReachEntry]) -> Iterator[Change]:
    narrow = Cover(box for one in before if not one.wide for box in one.region)
    everything = _all(before)
    for entry, was, region in _beyond(
        after,
        before,
        # A wide block has holes that only the cluster knows, so it only covers another wide one.
        lambda one: everything if one.wide else narrow,
    ):
        kind = ChangeKind.ADDED if was is None and entry.origin != DNS_RULE else ChangeKind.WIDENED
        yield Change(kind=kind, entry=entry, region=region, was=was)


def _entries_shrunk(before: Sequence[ReachEntry], after: Sequence[ReachEntry]) -> Iterator[Change]:
    # With or without holes: what may still be open is not reported as closed.
    everything = _all(after)
    for entry, now, region in _beyond(before, after, lambda _: everything):
        kind = (
            ChangeKind.REMOVED if now is None and entry.origin != DNS_RULE else ChangeKind.NARROWED
        )
        if now is None:
            yield Change(kind=kind, entry=entry, region=region)
        else:
            yield Change(kind=kind, entry=now, region=region, was=entry)


def _all(entries: Iterable[ReachEntry]) -> Cover:
    return Cover(box for one in entries for box in one.region)


def _beyond(
    these: Sequence[ReachEntry], those: Sequence[ReachEntry], cover: Callable[[ReachEntry], Cover]
) -> Iterator[tuple[ReachEntry, ReachEntry | None, Region]]:
    """Yield those of ``these`` that reach beyond ``those``, each with its relative there and the
    difference.
    """
    names = {one.name for one in these}
    for one in these:
        region = difference(one.region, cover(one))
        if region:
            yield one, _relative(one, names, those), region


def _relative(entry: ReachEntry, names: Set[str], those: Iterable[ReachEntry]) -> ReachEntry | None:
    """Return the same entry in the other revision: by its name, or renamed, if both have something
    in common and one contains the other's place.
    """
    near = [
        other
        for other in those
        if (other.name == entry.name or other.name not in names)
        and meet(entry.region, other.region)
        and _are_nested(entry, other)
    ]
    return min(near, key=lambda other: (other.name != entry.name, other.sort_key), default=None)


def _are_nested(one: ReachEntry, other: ReachEntry) -> bool:
    """Whether one contains the other. Blocks that meet always do; pods may not."""
    if not isinstance(one.place, Pods) or not isinstance(other.place, Pods):
        return True
    mine, theirs = set(one.place.labels), set(other.place.labels)
    return mine <= theirs or theirs <= mine
