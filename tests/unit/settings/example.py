"""The example stack files as trees, ways to change them, and what is said about the result."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from newt_tunnel.settings.load import judge
from newt_tunnel.settings.stack import KubernetesSettings, Settings

STACKS = Path(__file__).parents[3] / "stacks"
PREFIX = "newt-tunnel:"
#: A key as `ssh-keyscan` prints it; its private half was never kept.
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM2nlP/btuh5SsCR9pIgTY7kdxW1LUTlibQxy8zF2BRO"
#: Given as a new value, it takes the key out.
ABSENT = object()


@cache
def _file(name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((STACKS / f"Pulumi.{name}.yaml").read_text())["config"]
    return config


def shipped(name: str = "nas") -> dict[str, Any]:
    """``stacks/Pulumi.nas.yaml`` as it is in the repository: without host key and secrets."""
    return {key.removeprefix(PREFIX): copy.deepcopy(value) for key, value in _file(name).items()}


def stack(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The example with its host key, and with ``changes``: ``{"docker.port": 2222}``."""
    tree = shipped()
    tree["docker"]["hostKey"] = HOST_KEY
    return changed(tree, changes)


def cluster_stack(changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The example of a cluster, with ``changes``."""
    return changed(shipped("k3s-home"), changes)


#: By platform, the example with changes.
TREES = {"docker": stack, "kubernetes": cluster_stack}


def changed(tree: dict[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    for path, value in (changes or {}).items():
        *sections, last = (
            int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path)
        )
        place: Any = tree
        for section in sections:
            if isinstance(place, dict):
                place.setdefault(section, {})
            place = place[section]
        if value is ABSENT:
            del place[last]
        else:
            place[last] = copy.deepcopy(value)
    return tree


def settings(changes: Mapping[str, Any] | None = None) -> Settings:
    """Valid settings; problems fail the test with their text."""
    found, problems = judge(stack(changes))
    assert isinstance(found, Settings), "\n".join(map(str, problems))
    return found


def cluster_settings(changes: Mapping[str, Any] | None = None) -> KubernetesSettings:
    found, problems = judge(cluster_stack(changes))
    assert isinstance(found, KubernetesSettings), "\n".join(map(str, problems))
    return found


def problems_on(platform: str, changes: Mapping[str, Any] | None = None) -> list[str]:
    """The lines a user would read."""
    _, found = judge(TREES[platform](changes))
    return [str(problem) for problem in found]


def problems(changes: Mapping[str, Any] | None = None) -> list[str]:
    return problems_on("docker", changes)


def cluster_problems(changes: Mapping[str, Any] | None = None) -> list[str]:
    return problems_on("kubernetes", changes)
