"""``agent``: its short form, the image that follows from it, and images that cannot be judged."""

from __future__ import annotations

from typing import Any

import pytest

from newt_tunnel.findings import Level
from newt_tunnel.settings.agent_table import AGENTS, AgentName
from newt_tunnel.settings.image import agent_of, version_of
from newt_tunnel.settings.load import examine
from tests.unit.settings.example import TREES, cluster_settings, settings, stack


@pytest.mark.parametrize(
    ("changes", "name", "image"),
    [
        ({}, "newt", "fosrl/newt:1.16.0"),
        ({"agent": "newt"}, "newt", "fosrl/newt:1.16.0"),
        ({"agent": "pangolin-cli"}, "pangolin-cli", "fosrl/pangolin-cli:0.23.0"),
        ({"agent": {"name": "pangolin-cli"}}, "pangolin-cli", "fosrl/pangolin-cli:0.23.0"),
        ({"agent": {"image": "fosrl/newt:1.17.0"}}, "newt", "fosrl/newt:1.17.0"),
        ({"newt": {"image": "fosrl/newt:1.15.0"}}, "newt", "fosrl/newt:1.15.0"),
        (
            {"agent": "pangolin-cli", "newt": {"image": "a/pangolin-cli:0.20.1"}},
            "pangolin-cli",
            "a/pangolin-cli:0.20.1",
        ),
    ],
)
def test_an_agent_has_the_image_that_is_written_under_either_key_or_its_own(
    changes: dict[str, Any], name: str, image: str
) -> None:
    found = settings(changes)
    assert (found.agent.name.value, found.image) == (name, image)


def test_a_cluster_runs_newt_whatever_way_it_is_written() -> None:
    for changes in ({}, {"agent": "newt"}, {"agent": {"name": "newt"}}):
        assert cluster_settings(changes).image == "fosrl/newt:1.16.0"
    assert cluster_settings({"newt.image": "fosrl/newt:1.12.5"}).image == "fosrl/newt:1.12.5"


@pytest.mark.parametrize("name", AgentName)
def test_each_agents_own_image_says_its_name_and_a_supported_version(name: AgentName) -> None:
    kind = AGENTS[name]
    assert agent_of(kind.image) is name
    version = version_of(kind.image)
    assert version is not None
    assert version >= kind.oldest


@pytest.mark.parametrize(
    ("image", "agent", "version"),
    [
        ("fosrl/newt:1.16.0", AgentName.NEWT, (1, 16, 0)),
        ("newt:v1.12", AgentName.NEWT, (1, 12)),
        ("lan:5000/mirror/fosrl-newt:1.16.0-alpine3.23", AgentName.NEWT, (1, 16, 0)),
        (f"ghcr.io/fosrl/newt:2@sha256:{64 * 'a'}", AgentName.NEWT, (2,)),
        ("docker.io/fosrl/pangolin-cli:0.17.0", AgentName.PANGOLIN_CLI, (0, 17, 0)),
        ("newt/pangolin-cli:build-42", AgentName.PANGOLIN_CLI, None),
        ("newt.lan:5000/dmz/connector:3", None, (3,)),
        ("fosrl/newtish:stable", None, None),
        ("fosrl/newt", AgentName.NEWT, None),
        ("lan:5000/newt", AgentName.NEWT, None),
    ],
)
def test_what_an_image_says(
    image: str, agent: AgentName | None, version: tuple[int, ...] | None
) -> None:
    assert (agent_of(image), version_of(image)) == (agent, version)


def test_part_of_a_version_is_the_newest_that_it_may_mean() -> None:
    for image in ("a/newt:1", "a/newt:1.12", "a/newt:2", "a/newt:1.12.0-rc.1"):
        assert settings({"agent": {"image": image}}).image == image


@pytest.mark.parametrize("platform", TREES)
@pytest.mark.parametrize("key", ["agent.image", "newt.image"])
@pytest.mark.parametrize(
    ("image", "said"),
    [
        (
            "lan/dmz/connector:1.0",
            "says neither newt nor pangolin-cli in its name; it must be newt 1.12.0 or later",
        ),
        ("lan/newt:build-42", "has no version in its tag; it must be 1.12.0 or later"),
    ],
)
def test_an_image_that_cannot_be_judged_is_taken_with_a_warning(
    platform: str, key: str, image: str, said: str
) -> None:
    found = examine(TREES[platform]({key: image}))
    assert found.problems == []
    (remark,) = found.remarks
    assert (remark.key, remark.level) == (key, Level.WARNING)
    assert str(remark) == f"{key}: {image} {said}"


def test_an_image_that_says_both_needs_no_warning() -> None:
    assert examine(stack({"agent": {"image": "lan/newt:1.16.0"}})).remarks == []
