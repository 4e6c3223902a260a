"""The other arrangements: each holds against the same packets, and the way between them too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.deployment import Deployment
from tests.stack.observe import as_it_was, firewall_of, knock, on_nas

pytestmark = pytest.mark.lab

ARRANGEMENTS: dict[str, dict[str, str]] = {
    "iptables": {"firewall": "iptables"},
    "docker-user": {"hook": "docker-user"},
    "cron": {"firewall": "nftables", "persistence": "cron"},
    "none": {"firewall": "iptables", "persistence": "none"},
}


Arrange = Callable[..., str]


@pytest.fixture(scope="module")
def stack(first_up: tuple[Deployment, str]) -> Iterator[Deployment]:
    """From one arrangement to the next, as it was only after the last: updates are what takes
    long here."""
    with contextlib.contextmanager(as_it_was)(first_up[0]) as deployment:
        docker = deployment.setting("docker")
        yield deployment
        # The stack file leaves it to the host's record, so that says nftables again.
        deployment.edit(docker=docker | {"firewall": "nftables"})
        deployment.up()


@pytest.fixture(scope="module")
def arrange(stack: Deployment) -> Arrange:
    """Updates the stack to another arrangement; returns what the engine printed."""
    docker = stack.setting("docker")

    def change(**keys: str) -> str:
        stack.edit(docker=docker | keys)
        return stack.up()

    return change


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_the_arrangement_lets_through_what_is_listed_and_nothing_else(
    stack: Deployment, arrange: Arrange, name: str
) -> None:
    lab = stack.lab
    arrange(**ARRANGEMENTS[name])
    assert "state=ok" in on_nas(lab, "newt-egress check")
    assert knock(lab, "10.0.1.50", 3000)
    assert knock(lab, "10.0.1.10", 8096), "a published port, as newt dials it"
    logs = {name: lab.log(name).mark() for name in ("postgres", "router", "nas")}
    for address, port in (("10.0.1.60", 5432), ("10.0.1.1", 80), ("10.0.1.10", 5000)):
        assert not knock(lab, address, port), f"{address}:{port} answered"
    for machine, mark in logs.items():
        arrivals = lab.log(machine).arrivals(mark, "172.30.0.10")
        assert arrivals == [], f"packets of newt's reached {machine}: {arrivals}"
    stack.preview("--expect-no-changes")


def test_changing_the_arrangement_leaves_no_rule_of_the_old_one(
    stack: Deployment, arrange: Arrange
) -> None:
    arrange(firewall="iptables")
    assert "newt_guard" not in firewall_of(stack.lab)
    arrange(firewall="nftables")
    assert "NEWT" not in firewall_of(stack.lab)


def test_another_bridge_moves_the_cage_with_newt(stack: Deployment, arrange: Arrange) -> None:
    lab = stack.lab
    printed = arrange(bridge="br-other")
    assert "newt is stopped until its network is replaced" in printed
    assert knock(lab, "10.0.1.50", 3000)
    assert not knock(lab, "10.0.1.60", 5432)
    rules = firewall_of(lab)
    assert "br-other" in rules
    assert "br-newt" not in rules
