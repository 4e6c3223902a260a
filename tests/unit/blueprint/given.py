"""Blueprints as text, and what becomes of them: exposures, entries, problems, rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from newt_tunnel.blueprint import reading
from newt_tunnel.blueprint.exposed import Exposure, Found
from newt_tunnel.settings.load import Judgement, examine
from tests.unit.settings.example import cluster_stack, stack

STACKS = Path(__file__).parents[3] / "stacks"
FILE = "blueprint.yaml"


class OneText:
    """The same text wherever one looks."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self, path: str) -> str:  # noqa: ARG002 - there is but one
        return self._text


def public(**keys: Any) -> dict[str, Any]:
    """A document with one public resource, ``web``, with one target; ``keys`` change the target."""
    target = {"hostname": "10.0.1.77", "port": 80, "method": "http", **keys}
    resource = {"name": "Web", "mode": "http", "full-domain": "w.example", "targets": [target]}
    return {"public-resources": {"web": resource}}


def private(**keys: Any) -> dict[str, Any]:
    """A document with one private resource, ``box``."""
    resource = {
        "name": "Box",
        "mode": "host",
        "destination": "10.0.1.77",
        "tcp-ports": "22",
        "udp-ports": "",
        **{key.replace("_", "-"): value for key, value in keys.items()},
    }
    return {"private-resources": {"box": resource}}


def text_of(document: object) -> str:
    return document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)


def found(document: object, **options: Any) -> Found:
    return reading.read(text_of(document), **options)


def lines(exposures: tuple[Exposure, ...]) -> list[str]:
    return [f"{one.host} {one.ports_text}" for one in exposures]


def exposed(document: object, **options: Any) -> list[str]:
    """``host ports/protocol`` of everything; a fault fails the test."""
    answer = found(document, **options)
    assert not answer.faults, answer.faults
    return lines(answer.exposures)


def faults(document: object, **options: Any) -> list[str]:
    return [f"{one.key}: {one.remedy}" for one in found(document, **options).faults]


def fault(document: object, **options: Any) -> str:
    (line,) = faults(document, **options)
    return line


def notes(document: object, **options: Any) -> list[str]:
    answer = found(document, **options)
    assert not answer.faults, answer.faults
    return [f"{one.key}: {one.remedy}" for one in answer.notes]


def judged(
    document: object, changes: Mapping[str, Any] | None = None, *, cluster: bool = False
) -> Judgement:
    """The example stack with this blueprint, and an empty `egress` unless ``changes`` say more."""
    whole = {"egress": [], "blueprint": FILE, **(changes or {})}
    tree = cluster_stack(whole) if cluster else stack(whole)
    return examine(tree, OneText(text_of(document)))


def names(document: object, changes: Mapping[str, Any] | None = None) -> list[str]:
    judgement = judged(document, changes)
    assert judgement.settings is not None, "\n".join(map(str, judgement.problems))
    return [entry.name for entry in judgement.settings.egress]


def problems(
    document: object, changes: Mapping[str, Any] | None = None, *, cluster: bool = False
) -> list[str]:
    return [str(one) for one in judged(document, changes, cluster=cluster).problems]
