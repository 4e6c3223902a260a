"""Generations: annotations that make the engine do a part of an update again.

Pulumi's engine compares a program with its own state and never looks at the cluster. So if
``drift`` finds one of our objects missing or changed, the program renders a new generation, an
annotation on everything that must be done again. It is read back from the objects, so the next run
changes nothing. A stack that was never repaired has none. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from newt_tunnel.cluster.reading.installed import Named
from newt_tunnel.cluster.reading.snapshot import Snapshot
from newt_tunnel.cluster.state.expected import Difference, Expected

GENERATION_ANNOTATION = "newt-tunnel/generation"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_GENERATION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def generation(
    snapshot: Snapshot, expected: Expected, differences: tuple[Difference, ...], now: datetime
) -> str | None:
    """Return the generation to render: a new one if something must be repaired, else the newest
    existing one, which an interrupted update may have written to some objects only.
    """
    if any(one.is_repaired for one in differences):
        return now.strftime(_TIME)
    own = (expected.namespace, expected.control_namespace)
    annotations = [
        *(one.annotations for one in snapshot.namespaces if one.name in own),
        *(one.annotations for one in snapshot.policies if one.name in expected.policies),
    ]
    return _newest(annotations)


def own_generation(there: Iterable[Named] | None, beginning: str) -> str | None:
    """Return the generation of an object that only changes when it is lost. Pulumi appends a suffix
    to its name.
    """
    return _newest(one.annotations for one in there or () if one.name.startswith(beginning))


def _newest(annotations: Iterable[Mapping[str, str]]) -> str | None:
    found = (one.get(GENERATION_ANNOTATION, "") for one in annotations)
    return max((text for text in found if _GENERATION.fullmatch(text)), default=None)
