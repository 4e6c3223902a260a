"""Every agent and version that the stack supports, as far as one can be had: each is deployed in
the place of the one before, and the allowed service is fetched through its tunnel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.deployment import Deployment
from tests.lab.artifacts import NEWT_VERSIONS, PANGOLIN_CLI_VERSION
from tests.lab.registry import Registry
from tests.lab.server import Target
from tests.stack.observe import inspect, on_nas, wait_for_tunnel

pytestmark = pytest.mark.lab

OLDEST, NEWEST = NEWT_VERSIONS
LOG_SECONDS = 20
HEALTHY_SECONDS = 60

#: What is written in the stack file, who builds the image, and newt's version to Pangolin.
AGENTS: dict[str, tuple[Any, Callable[[Registry], str], str]] = {
    "the oldest newt": (
        {"image": f"fosrl/newt:{OLDEST}"},
        lambda registry: registry.add_newt(OLDEST),
        OLDEST,
    ),
    "the newest newt": (
        {"image": f"fosrl/newt:{NEWEST}"},
        lambda registry: registry.add_newt(NEWEST),
        NEWEST,
    ),
    "pangolin-cli, a stand-in": ("pangolin-cli", Registry.add_pangolin_cli, NEWEST),
}


@pytest.fixture(scope="module", params=AGENTS)
def agent(
    request: pytest.FixtureRequest, first_up: tuple[Deployment, str]
) -> Iterator[tuple[Deployment, str]]:
    """The example stack with another agent, and its version. Afterwards as it was before."""
    deployment, _ = first_up
    written, add, version = AGENTS[request.param]
    add(deployment.lab.registry)
    before = deployment.stack_file.read_text()
    deployment.edit(agent=written)
    deployment.up()
    wait_for_tunnel(deployment.lab)
    yield deployment, version
    deployment.stack_file.write_text(before)
    deployment.up()
    wait_for_tunnel(deployment.lab)


def log_has(deployment: Deployment, text: str) -> bool:
    deadline = time.monotonic() + LOG_SECONDS
    while text not in on_nas(deployment.lab, "docker logs newt-tunnel"):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def test_the_allowed_service_comes_through_its_tunnel_and_the_forbidden_one_does_not(
    agent: tuple[Deployment, str],
) -> None:
    deployment, version = agent
    lab = deployment.lab
    assert lab.pangolin.status()["newt_version"] == version
    mark = lab.log("postgres").mark()
    lab.pangolin.expose(
        [Target(listen=3000, target="10.0.1.50:3000"), Target(listen=5432, target="10.0.1.60:5432")]
    )
    assert "gitea" in lab.pangolin.fetch(3000)["body"]
    assert "error" in lab.pangolin.fetch(5432)
    assert lab.log("postgres").arrivals(mark) == [], "not one packet may reach postgres"


def test_it_is_nobody_without_rights_and_becomes_healthy(agent: tuple[Deployment, str]) -> None:
    deployment, _ = agent
    found = inspect(deployment.lab)
    status = on_nas(deployment.lab, f"cat /proc/{found['State']['Pid']}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["65534"] * 4
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert found["HostConfig"]["ReadonlyRootfs"]
    deadline = time.monotonic() + HEALTHY_SECONDS
    while inspect(deployment.lab)["State"]["Health"]["Status"] != "healthy":
        assert time.monotonic() < deadline, on_nas(deployment.lab, "docker logs newt-tunnel")
        time.sleep(1)


def test_its_cage_was_proved_and_a_second_up_changes_nothing(agent: tuple[Deployment, str]) -> None:
    deployment, _ = agent
    verdicts = {row["name"]: row["verdict"] for row in deployment.outputs()["proof"]}
    assert verdicts["gitea"] == "reached"
    assert verdicts["postgres"] == "blocked"
    deployment.preview("--expect-no-changes")


def test_the_secret_is_in_no_variable_and_no_log(agent: tuple[Deployment, str]) -> None:
    deployment, _ = agent
    secret = deployment.lab.pangolin.newt_secret
    assert secret not in str(inspect(deployment.lab))
    assert secret not in on_nas(deployment.lab, "docker logs newt-tunnel")


@pytest.mark.parametrize("agent", ["pangolin-cli, a stand-in"], indirect=True)
def test_pangolin_cli_asks_for_no_update_of_itself(agent: tuple[Deployment, str]) -> None:
    """Its image does not say that it is a container's, as those before 0.22.0; the stack does."""
    deployment, _ = agent
    assert log_has(deployment, f"pangolin-cli {PANGOLIN_CLI_VERSION}, newt {NEWEST} inside")
    assert log_has(deployment, "self-update: off, this is a container")
