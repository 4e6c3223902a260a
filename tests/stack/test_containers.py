"""A service in a container, by its name: Pangolin dials it through the tunnel, and no other one."""

from __future__ import annotations

import time

import pytest

from tests.deployment import Deployment
from tests.lab.registry import JELLYFIN
from tests.lab.server import Target
from tests.stack.observe import on_nas, wait_for_tunnel

pytestmark = pytest.mark.lab

NETWORK = "newt-services"
BY_NAME = {"name": "media", "container": "media", "port": 8096}
FORBIDDEN = {"name": "media-db", "container": "media-db", "port": 8096}


def run(deployed: Deployment, name: str) -> None:
    """A service that was there before, and joins the network in its compose file."""
    on_nas(
        deployed.lab,
        f"docker run --detach --name {name} {JELLYFIN} && docker network connect {NETWORK} {name}",
    )


def fetched(deployed: Deployment, port: int, within: float = 20) -> str:
    """What comes through the tunnel, once something does."""
    until = time.monotonic() + within
    while "body" not in (answer := deployed.lab.pangolin.fetch(port)):
        assert time.monotonic() < until, answer
        time.sleep(0.5)
    return str(answer["body"])


def test_a_container_is_reached_by_its_name_and_its_neighbour_is_not(deployed: Deployment) -> None:
    lab = deployed.lab
    usual, forbidden = deployed.setting("egress"), deployed.setting("mustNotReach")
    deployed.edit(egress=[*usual, BY_NAME], mustNotReach=[*forbidden, FORBIDDEN])
    try:
        printed = deployed.up()
        assert "container: media: no such container is here now" in printed
        wait_for_tunnel(lab)
        for name in ("media", "media-db", "media-cache"):
            run(deployed, name)
        names = {8001: "media", 8002: "media-db", 8003: "media-cache"}
        lab.pangolin.expose(
            [Target(listen=port, target=f"{name}:8096") for port, name in names.items()]
        )

        assert "jellyfin" in fetched(deployed, 8001)
        for port in (8002, 8003):
            assert "error" in lab.pangolin.fetch(port)

        # What it is at its new address, behind another port of the bridge.
        on_nas(lab, "docker rm --force media")
        run(deployed, "media")
        assert "jellyfin" in fetched(deployed, 8001)

        seen = deployed.preview("--expect-no-changes")
        assert f"container media: at 172.30.1.2, image {JELLYFIN}" in seen
        # A rule that changes has the proof run again, with the containers that nobody listed.
        deployed.edit(egress=[*usual, BY_NAME, {**BY_NAME, "name": "media-2", "port": 8097}])
        deployed.up()
        verdicts = {row["name"]: row["verdict"] for row in deployed.outputs()["proof"]}
        assert verdicts["media"] == "reached"
        assert verdicts["container:media-cache"] == "blocked"

        deployed.edit(egress=usual, mustNotReach=forbidden)
        deployed.up()
        assert NETWORK not in on_nas(lab, "docker network ls"), "it goes with its last entry"
        assert "newt-egress-follow" not in on_nas(lab, "ls /etc/systemd/system")
        wait_for_tunnel(lab)
        assert "error" in lab.pangolin.fetch(8001)
    finally:
        on_nas(lab, "docker rm --force media media-db media-cache", check=False)
