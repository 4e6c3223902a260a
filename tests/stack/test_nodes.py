"""A hosted Pangolin: newt goes from node to node inside its cage, and to no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from newt_tunnel.settings.pangolin_cloud import CLOUD
from tests.demo import cloud
from tests.demo.cloud import NODES, UNLISTED, ends, has_tunnel, is_reported, pinged, within
from tests.deployment import Deployment
from tests.lab import Lab
from tests.lab.server import Target, TunnelEnd
from tests.stack.observe import on_nas, wait_for_tunnel

pytestmark = pytest.mark.lab

EARTH, MARS, PLUTO = (f"{name}.pop.pangolin.net" for name in ("earth", "mars", "pluto"))
#: With names and weights; the server of this one has no others.
THREE = [end for end in ends(earth=3, mars=2, pluto=1) if end.endpoint in (EARTH, MARS, PLUTO)]


@pytest.fixture
def hosted(deployed: Deployment) -> Iterator[Deployment]:
    """The stack of a user of Pangolin Cloud, not yet deployed."""
    cloud.host(deployed.lab)
    cloud.configure(deployed)
    yield deployed
    cloud.unhost(deployed.lab)


def datagrams(lab: Lab, node: str) -> int:
    """How many of newt's packets the rules let pass to the tunnel port of a node."""
    rows = [line.split("\t") for line in on_nas(lab, "newt-egress counters").splitlines()]
    return sum(
        int(row[0])
        for row in rows
        if row[3] == "pangolin" and NODES[node] in row[4] and "udp" in row[4]
    )


def verdicts(deployment: Deployment, node: str) -> dict[str, str]:
    rows: list[dict[str, Any]] = deployment.outputs()["proof"]
    return {row["port"]: row["verdict"] for row in rows if row["destination"] == NODES[node]}


def test_newt_moves_from_node_to_node_inside_its_cage(hosted: Deployment) -> None:
    lab = hosted.lab
    said = hosted.up()
    for name, address in {**NODES, CLOUD.endpoint: "203.0.113.10"}.items():
        assert f"resolved {name} -> {address}" in said
    wait_for_tunnel(lab)
    for node in NODES:
        assert verdicts(hosted, node)["80/tcp"] == "reached", node
        assert verdicts(hosted, node)["51820/udp"] in ("counted", "reached"), node
    reach = {(row["destination"], row["port"], row["origin"]) for row in hosted.outputs()["reach"]}
    assert (CLOUD.endpoint, "443", "pangolin.ports") in reach
    assert {(node, port, "pangolin.nodes") for node in NODES for port in ("80", "51820")} <= reach

    lab.pangolin.offer(THREE)
    assert within(lambda: has_tunnel(lab, EARTH)), lab.pangolin.status()
    before = datagrams(lab, EARTH)
    lab.pangolin.expose([Target(listen=7900, target="10.0.1.50:3000")])
    assert within(lambda: lab.pangolin.fetch(7900).get("status") == 200, 20)
    assert datagrams(lab, EARTH) > before, "the tunnel is where the server says"

    lab.pangolin.close_node(NODES[EARTH])
    assert within(lambda: has_tunnel(lab, MARS)), lab.pangolin.status()
    assert within(lambda: lab.pangolin.fetch(7900).get("status") == 200, 20)
    assert datagrams(lab, MARS)

    lab.pangolin.offer([*THREE, TunnelEnd(name="new", endpoint=UNLISTED, weight=9)])
    assert within(lambda: is_reported(lab, UNLISTED) and has_tunnel(lab, MARS))
    assert UNLISTED not in pinged(lab), "newt reached a node that nobody listed"
    hosted.preview("--expect-no-changes")


def test_one_node_in_the_list_pins_newt_to_it_whatever_the_server_prefers(
    hosted: Deployment,
) -> None:
    lab = hosted.lab
    lab.pangolin.offer(THREE)
    hosted.edit(pangolin={"endpoint": f"https://{CLOUD.endpoint}", "nodes": [PLUTO]})
    hosted.up()
    assert within(lambda: has_tunnel(lab, PLUTO)), lab.pangolin.status()
    pings = {ping["endpoint"]: ping.get("error", "") for ping in lab.pangolin.status()["pings"]}
    assert pings[EARTH], "the heavier ones were out of reach"
    assert pings[MARS]
    assert not pings[PLUTO]


def test_a_hosted_pangolin_without_nodes_is_refused_before_anything_changes(
    hosted: Deployment,
) -> None:
    hosted.edit(pangolin={"endpoint": f"https://{CLOUD.endpoint}"})
    said = hosted.preview(check=False)
    assert "a newt of Pangolin Cloud gets no tunnel at app.pangolin.net" in said
    assert "write `nodes: cloud`" in said


def test_a_node_that_turns_inside_is_refused_and_the_others_stay(hosted: Deployment) -> None:
    lab = hosted.lab
    hosted.up()
    lab.dns.set(EARTH, ["10.0.1.50"])
    lab.dns.set(MARS, [UNLISTED])
    on_nas(lab, "newt-egress refresh", check=False)
    loaded = on_nas(lab, "newt-egress counters")
    assert NODES[EARTH] in loaded, "its last good address"
    assert UNLISTED in loaded, "another node moved meanwhile"
    assert f"{EARTH} resolves to 10.0.1.50, which is not public" in hosted.preview()
