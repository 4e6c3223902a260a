"""What else keeps newt in, beside the allow-list: settings that make the cage weaker or stronger.

Compares values. Leaves out reach (``compare``), versions that merely move on, and whatever has no
part in what newt can do.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from egress.cage import Hook
from review.openings import Opening, allowed, forbidden
from review.regions import Cover, difference
from review.risks import of_unknown_variable
from settings.docker import Persistence
from settings.kubernetes import Chart
from settings.newt import DEFAULT_IMAGE, LogLevel
from settings.stack import AnySettings, KubernetesSettings, Proof, Settings

_NOT_THERE = "(none)"


class Effect(enum.Enum):
    LOOSER = "looser"
    TIGHTER = "tighter"
    #: Neither: newt runs somewhere else, or asks somebody else.
    MOVED = "moved"


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One setting that changed. ``meaning`` is what the new value does."""

    key: str
    before: str
    after: str
    effect: Effect
    meaning: str
    #: The user's own remark, from ``reasons``.
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """``read`` gives None where there is no such key. ``weakness`` orders the values, 0 is the
    strongest; without it there is no order. ``may_swap``: a change among equally weak values is
    nothing to speak of.
    """

    key: str
    read: Callable[[AnySettings], object]
    weaker: str
    stronger: str = ""
    weakness: Callable[[object], int] | None = bool
    may_swap: bool = True


def guards(before: AnySettings | None, after: AnySettings) -> tuple[Guard, ...]:
    """Every such change; of a new stack everything that is weaker than it could be."""
    if before is None:
        return (*_settings_changed(None, after), *_unknown_variables({}, after))
    return (
        *_settings_changed(before, after),
        *_unknown_variables(before.newt.unknown_environment, after),
        *_wide(allowed(before), allowed(after)),
        *_tried(before, after),
    )


def _settings_changed(before: AnySettings | None, after: AnySettings) -> Iterator[Guard]:
    for setting in _SETTINGS:
        old = None if before is None else setting.read(before)
        new = setting.read(after)
        if new is None or new == old:
            continue
        effect = _effect(setting, old, new)
        if effect is not None:
            yield Guard(
                key=setting.key,
                before=_NOT_THERE if old is None else _text(old),
                after=_text(new),
                effect=effect,
                meaning=setting.stronger if effect is Effect.TIGHTER else setting.weaker,
                reason=after.reasons.given().get(setting.key.rpartition(".")[2]),
            )


def _effect(setting: _Setting, old: object, new: object) -> Effect | None:
    if setting.weakness is None:
        return None if old is None else Effect.MOVED
    was = 0 if old is None else setting.weakness(old)
    now = setting.weakness(new)
    if now > was or (now == was > 0 and not setting.may_swap):
        return Effect.LOOSER
    return Effect.TIGHTER if now < was else None


def _unknown_variables(before: Mapping[str, str], after: AnySettings) -> Iterator[Guard]:
    """Without the values: any of them may be a secret."""
    now = after.newt.unknown_environment
    for name in sorted({*before, *now}):
        if before.get(name) == now.get(name):
            continue
        yield Guard(
            key=f"newt.unknownEnvironment.{name}",
            before="set" if name in before else _NOT_THERE,
            after=_NOT_THERE if name not in now else "another value" if name in before else "set",
            effect=Effect.LOOSER if name in now else Effect.TIGHTER,
            meaning=of_unknown_variable(name) if name in now else "newt no longer gets it",
        )


def _wide(before: tuple[Opening, ...], after: tuple[Opening, ...]) -> Iterator[Guard]:
    """The same block, of which only the cluster knows what ``wide`` makes of it. That it closes
    nothing and opens nothing by itself is why it is no difference of sets.
    """
    narrow = {(one.place, one.ports) for one in before if not one.wide}
    for one in after:
        if one.wide and (one.place, one.ports) in narrow:
            yield Guard(
                key=f"egress {one.name} wide",
                before="false",
                after="true",
                effect=Effect.LOOSER,
                meaning="the block may now hold the cluster's own ranges",
            )


def _tried(before: AnySettings, after: AnySettings) -> Iterator[Guard]:
    """What the proof tries in vain. What becomes or was allowed is told as reach."""
    old, new = forbidden(before), forbidden(after)
    still, already = _cover(new, allowed(after)), _cover(old, allowed(before))
    for one in old:
        if difference(one.region, still):
            yield Guard(
                key="mustNotReach",
                before=_entry(one),
                after=_NOT_THERE,
                effect=Effect.LOOSER,
                meaning="the proof no longer tries it, and nothing stops a later entry from "
                "allowing it",
            )
    for one in new:
        if difference(one.region, already):
            yield Guard(
                key="mustNotReach",
                before=_NOT_THERE,
                after=_entry(one),
                effect=Effect.TIGHTER,
                meaning="the proof tries it in vain",
            )


def _cover(*lists: tuple[Opening, ...]) -> Cover:
    return Cover(box for openings in lists for one in openings for box in one.region)


def _entry(one: Opening) -> str:
    return f"{one.name}: {one.where} {', '.join(one.ports_texts)}"


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case enum.Enum():
            return str(value.value)
        case tuple():
            return ", ".join(_text(item) for item in value) or _NOT_THERE
        case _:
            return str(value)


def _docker(read: Callable[[Settings], object]) -> Callable[[AnySettings], object]:
    return lambda settings: read(settings) if isinstance(settings, Settings) else None


def _cluster(read: Callable[[KubernetesSettings], object]) -> Callable[[AnySettings], object]:
    return lambda settings: read(settings) if isinstance(settings, KubernetesSettings) else None


def _image_source(settings: AnySettings) -> str:
    """Without tag and digest: that a version moves on is nobody's reach."""
    image = settings.newt.image.partition("@")[0]
    return image.rpartition(":")[0]


def _is_unpinned(image: object) -> int:
    return int("@" not in str(image))


def _chart(settings: KubernetesSettings) -> str:
    return f"{settings.kubernetes.chart.repository} {settings.kubernetes.chart.name}"


def _canary(settings: KubernetesSettings) -> str:
    return str(settings.kubernetes.gate_canary or "the DNS pods' metrics port")


_USUAL_IMAGE = DEFAULT_IMAGE.rpartition(":")[0]
_USUAL_CHART = f"{Chart().repository} {Chart().name}"

_SETTINGS = (
    _Setting(
        key="proof",
        read=lambda settings: settings.proof,
        weakness=lambda value: (Proof.ENFORCE, Proof.WARN, Proof.OFF).index(Proof(value)),
        weaker="a hole in the cage no longer fails an update; with `off` nobody looks for one",
        stronger="a hole in the cage is told, and with `enforce` fails the update",
    ),
    _Setting(
        key="docker.hook",
        read=_docker(lambda settings: settings.docker.hook),
        weakness=lambda value: int(value is Hook.DOCKER_USER),
        weaker="the rules stand in a chain that Docker moves and others can bypass",
        stronger="the rules stand where Docker never moves them",
    ),
    _Setting(
        key="docker.persistence",
        read=_docker(lambda settings: settings.docker.persistence),
        weakness=lambda value: int(value is Persistence.NONE),
        weaker="nothing repairs the rules, refreshes names, or loads them at boot",
        stronger="the rules are repaired, refreshed, and loaded at boot",
    ),
    _Setting(
        key="newt.capabilities",
        read=_docker(lambda settings: settings.newt.capabilities),
        weakness=lambda value: len(value) if isinstance(value, tuple) else 0,
        weaker="newt keeps kernel capabilities that it works without",
        stronger="newt gives up kernel capabilities",
    ),
    _Setting(
        key="newt.ssh",
        read=lambda settings: settings.newt.ssh,
        weaker="newt serves SSH itself",
        stronger="newt no longer serves SSH",
    ),
    _Setting(
        key="newt.clients",
        read=lambda settings: settings.newt.clients,
        weaker="clients reach what newt reaches, through it",
        stronger="no client reaches anything through newt",
    ),
    _Setting(
        key="newt.logLevel",
        read=lambda settings: settings.newt.log_level,
        weakness=lambda value: int(value is LogLevel.DEBUG),
        weaker="newt logs the token of its session, with which others can pose as this site",
        stronger="newt no longer logs the token of its session",
    ),
    _Setting(
        key="newt.image",
        read=lambda settings: settings.newt.image,
        weakness=_is_unpinned,
        weaker="the tag may be moved to another image; a digest may not",
        stronger="the digest names one image for good",
    ),
    _Setting(
        key="newt.image",
        read=_image_source,
        weakness=lambda value: int(value != _USUAL_IMAGE),
        may_swap=False,
        weaker="newt comes from somebody else",
        stronger="newt comes from its makers again",
    ),
    _Setting(
        key="kubernetes.chart",
        read=_cluster(_chart),
        weakness=lambda value: int(value != _USUAL_CHART),
        may_swap=False,
        weaker="what runs newt comes from somebody else",
        stronger="the chart comes from newt's makers again",
    ),
    _Setting(
        key="kubernetes.acceptNodeAccess",
        read=_cluster(lambda settings: settings.kubernetes.accept_node_access),
        weaker="newt is deployed although it reaches its own node or the Kubernetes API",
        stronger="newt is not deployed where it reaches its own node or the Kubernetes API",
    ),
    _Setting(
        key="platform",
        read=lambda settings: settings.platform,
        weakness=None,
        weaker="newt runs on another platform",
    ),
    _Setting(
        key="pangolin.endpoint",
        read=lambda settings: getattr(settings.pangolin, "endpoint", None),
        weakness=None,
        weaker="newt takes its orders from another server",
    ),
    _Setting(
        key="docker.address",
        read=_docker(lambda settings: settings.docker.address),
        weakness=None,
        weaker="newt runs on another host",
    ),
    _Setting(
        key="docker.hostKey",
        read=_docker(lambda settings: settings.docker.host_key),
        weakness=None,
        weaker="another key is believed to be the host's",
    ),
    _Setting(
        key="kubernetes.context",
        read=_cluster(lambda settings: settings.kubernetes.context),
        weakness=None,
        weaker="newt runs in another cluster",
    ),
    _Setting(
        key="kubernetes.namespace",
        read=_cluster(lambda settings: settings.kubernetes.namespace),
        weakness=None,
        weaker="newt runs in another namespace",
    ),
    _Setting(
        key="kubernetes.gateCanary",
        read=_cluster(_canary),
        weakness=None,
        weaker="newt's gate waits for something else to be shut",
    ),
)
