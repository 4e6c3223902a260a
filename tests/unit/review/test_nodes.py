"""A review of Pangolin's nodes: the cloud is shown as what it is, node by node."""

from __future__ import annotations

import pytest

from newt_tunnel.settings.pangolin_cloud import CLOUD
from tests.unit.review.changing import told

EARTH = "earth.pop.pangolin.net"
PINNED = {"pangolin": {"endpoint": f"https://{CLOUD.endpoint}", "nodes": [EARTH]}}


def opened(lines: list[str]) -> list[str]:
    first = lines.index("**newt can now also reach**") + 1
    return [line for line in lines[first:] if line.startswith("- `pangolin`")]


@pytest.mark.parametrize("stack", ["nas", "k3s-home"])
def test_the_cloud_is_shown_node_by_node(stack: str) -> None:
    found = opened(told({"pangolin.nodes": "cloud"}, PINNED, stack))
    assert found == [
        f"- `pangolin`: `{node}`, `80/tcp, 51820/udp`, from `pangolin.nodes`"
        for node in sorted(CLOUD.nodes)
        if node != EARTH
    ]


@pytest.mark.parametrize("stack", ["nas", "k3s-home"])
def test_writing_the_same_list_out_changes_nothing(stack: str) -> None:
    cloud = {"pangolin": "cloud"}
    assert "**newt can now also reach**" not in told({"pangolin": "cloud"}, cloud, stack)
    out = {"endpoint": f"https://{CLOUD.endpoint}", "nodes": [*CLOUD.nodes]}
    assert not [line for line in told({"pangolin": out}, cloud, stack) if "pangolin" in line]
