"""Changes of settings that weaken or strengthen the cage, apart from the allow-list.

Compares values by the rows of ``safeguard_settings``. Leaves out reach (``changes``) and settings
whose values have no order (``other_changes``).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from newt_tunnel.settings.stack import AnySettings
from newt_tunnel.stackfile.reach_entries import ReachEntry, allowed, forbidden
from newt_tunnel.stackfile.reach_sets import Cover, difference, meet
from newt_tunnel.tools.review.risks import of_unknown_variable
from newt_tunnel.tools.review.safeguard_settings import SETTINGS, Setting

NOT_THERE = "(none)"


class Effect(enum.Enum):
    LOOSER = "looser"
    TIGHTER = "tighter"
    #: Neither weaker nor stronger: newt runs elsewhere, or uses another server.
    MOVED = "moved"


@dataclass(frozen=True, kw_only=True)
class SafeguardChange:
    """One setting that changed. ``meaning`` is what the new value does."""

    key: str
    before: str
    after: str
    effect: Effect
    meaning: str
    #: The user's own remark, from ``reasons``.
    reason: str | None = None


def safeguard_changes(
    before: AnySettings | None, after: AnySettings
) -> tuple[SafeguardChange, ...]:
    """Return every such change; for a new stack every setting that is weaker than possible."""
    if before is None:
        return (*_settings_changed(None, after), *_unknown_variables({}, after))
    return (
        *_settings_changed(before, after),
        *_unknown_variables(before.newt.unknown_environment, after),
        *_wide(allowed(before), allowed(after)),
        *_tried(before, after),
    )


def _settings_changed(before: AnySettings | None, after: AnySettings) -> Iterator[SafeguardChange]:
    for setting in SETTINGS:
        old = None if before is None else setting.read(before)
        new = setting.read(after)
        if new is None or new == old:
            continue
        effect = _effect(setting, old, new)
        if effect is not None:
            yield SafeguardChange(
                key=setting.key,
                before=NOT_THERE if old is None else _text(old),
                after=_text(new),
                effect=effect,
                meaning=setting.stronger if effect is Effect.TIGHTER else setting.weaker,
                reason=after.reasons.given().get(setting.key.rpartition(".")[2]),
            )


def _effect(setting: Setting, old: object, new: object) -> Effect | None:
    if setting.weakness is None:
        return None if old is None else Effect.MOVED
    was = 0 if old is None else setting.weakness(old)
    now = setting.weakness(new)
    if now > was or (now == was > 0 and not setting.may_swap):
        return Effect.LOOSER
    return Effect.TIGHTER if now < was else None


def _unknown_variables(before: Mapping[str, str], after: AnySettings) -> Iterator[SafeguardChange]:
    """Yield changes without values, because any of them may be a secret."""
    now = after.newt.unknown_environment
    for name in sorted({*before, *now}):
        if before.get(name) == now.get(name):
            continue
        yield SafeguardChange(
            key=f"newt.unknownEnvironment.{name}",
            before="set" if name in before else NOT_THERE,
            after=NOT_THERE if name not in now else "another value" if name in before else "set",
            effect=Effect.LOOSER if name in now else Effect.TIGHTER,
            meaning=of_unknown_variable(name) if name in now else "newt no longer gets it",
        )


def _wide(
    before: tuple[ReachEntry, ...], after: tuple[ReachEntry, ...]
) -> Iterator[SafeguardChange]:
    """Yield former blocks, whole or in part, that ``wide`` may have opened further. What ``wide``
    opens depends on the cluster, so set arithmetic cannot show it.
    """
    narrow = tuple(box for one in before if not one.wide for box in one.region)
    wide = _cover(tuple(one for one in before if one.wide))
    for one in after:
        new = difference(one.region, wide) if one.wide else ()
        # Addresses that were in no block before are reported as reach.
        if meet(new, narrow):
            yield SafeguardChange(
                key=f"egress {one.name} wide",
                before="false",
                after="true",
                effect=Effect.LOOSER,
                meaning="the block may now hold the cluster's own ranges",
            )


def _tried(before: AnySettings, after: AnySettings) -> Iterator[SafeguardChange]:
    """Yield changes of mustNotReach. A target that becomes or was allowed is reported as reach."""
    old, new = forbidden(before), forbidden(after)
    still, already = _cover(new, allowed(after)), _cover(old, allowed(before))
    for one in old:
        if difference(one.region, still):
            yield SafeguardChange(
                key="mustNotReach",
                before=_entry(one),
                after=NOT_THERE,
                effect=Effect.LOOSER,
                meaning="the proof no longer tries it, and nothing stops a later entry from "
                "allowing it",
            )
    for one in new:
        if difference(one.region, already):
            yield SafeguardChange(
                key="mustNotReach",
                before=NOT_THERE,
                after=_entry(one),
                effect=Effect.TIGHTER,
                meaning="the proof tries it and expects it to be blocked",
            )


def _cover(*lists: tuple[ReachEntry, ...]) -> Cover:
    return Cover(box for entries in lists for one in entries for box in one.region)


def _entry(one: ReachEntry) -> str:
    return f"{one.name}: {one.where} {', '.join(one.ports_texts)}"


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case enum.Enum():
            return str(value.value)
        case tuple():
            return ", ".join(_text(item) for item in value) or NOT_THERE
        case _:
            return str(value)
