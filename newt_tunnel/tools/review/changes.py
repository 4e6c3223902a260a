"""How two lists of openings differ: what is new, what is gone, and which entry made it so.

Sets decide (``regions``): where nothing can be reached that could not be reached before, there is
nothing to say, however the entries were renamed, moved or cut. An entry is called widened where it
grew out of one of before.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from newt_tunnel.egress.model import DNS_RULE, Pods
from newt_tunnel.stackfile.openings import Opening
from newt_tunnel.stackfile.reach_sets import Cover, Region, difference, meet


class Kind(enum.Enum):
    ADDED = "added"
    REMOVED = "removed"
    WIDENED = "widened"
    NARROWED = "narrowed"


@dataclass(frozen=True, kw_only=True)
class Change:
    """``opening`` is the entry as it is now; of what is gone altogether, as it was. ``was`` is what
    it grew or shrank from. ``region`` is the difference itself, never empty.
    """

    kind: Kind
    opening: Opening
    region: Region
    was: Opening | None = None

    @property
    def is_partial(self) -> bool:
        """Whether other entries allowed, or still allow, some of the opening."""
        return self.was is None and self.region != self.opening.region


def changes(before: Sequence[Opening], after: Sequence[Opening]) -> tuple[Change, ...]:
    """What newt can now also reach, and what no longer, in the order of names."""
    return (*_openings_grown(before, after), *_openings_shrunk(before, after))


def _openings_grown(before: Sequence[Opening], after: Sequence[Opening]) -> Iterator[Change]:
    narrow = Cover(box for one in before if not one.wide for box in one.region)
    everything = _all(before)
    for opening, was, region in _beyond(
        after,
        before,
        # A wide block has holes that only the cluster knows, so it covers another wide one only.
        lambda one: everything if one.wide else narrow,
    ):
        kind = Kind.ADDED if was is None and opening.origin != DNS_RULE else Kind.WIDENED
        yield Change(kind=kind, opening=opening, region=region, was=was)


def _openings_shrunk(before: Sequence[Opening], after: Sequence[Opening]) -> Iterator[Change]:
    # With holes or without: what may still be open is not called closed.
    everything = _all(after)
    for opening, now, region in _beyond(before, after, lambda _: everything):
        kind = Kind.REMOVED if now is None and opening.origin != DNS_RULE else Kind.NARROWED
        if now is None:
            yield Change(kind=kind, opening=opening, region=region)
        else:
            yield Change(kind=kind, opening=now, region=region, was=opening)


def _all(openings: Iterable[Opening]) -> Cover:
    return Cover(box for one in openings for box in one.region)


def _beyond(
    these: Sequence[Opening], those: Sequence[Opening], cover: Callable[[Opening], Cover]
) -> Iterator[tuple[Opening, Opening | None, Region]]:
    """Which of ``these`` reach beyond ``those``, each with its relative there and with what."""
    names = {one.name for one in these}
    for one in these:
        region = difference(one.region, cover(one))
        if region:
            yield one, _relative(one, names, those), region


def _relative(opening: Opening, names: Set[str], those: Iterable[Opening]) -> Opening | None:
    """The same entry in the other revision: by its name, or renamed, if it has something in common
    with this one and one of the two holds the other's place.
    """
    near = [
        other
        for other in those
        if (other.name == opening.name or other.name not in names)
        and meet(opening.region, other.region)
        and _are_nested(opening, other)
    ]
    return min(near, key=lambda other: (other.name != opening.name, other.sort_key), default=None)


def _are_nested(one: Opening, other: Opening) -> bool:
    """Blocks that meet always are; pods need not."""
    if not isinstance(one.place, Pods) or not isinstance(other.place, Pods):
        return True
    mine, theirs = set(one.place.labels), set(other.place.labels)
    return mine <= theirs or theirs <= mine
