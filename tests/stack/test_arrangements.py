"""The other arrangements: each holds against the same packets, and the way between them too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deployment import Deployment
from tests.stack.observe import knock, on_nas

pytestmark = pytest.mark.lab

ARRANGEMENTS: dict[str, dict[str, Any]] = {
    "nftables": {"firewall": "nftables"},
    "docker-user": {"hook": "docker-user"},
    "cron": {"persistence": "cron"},
    "none": {"persistence": "none"},
}


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_the_arrangement_lets_through_what_is_listed_and_nothing_else(
    deployed: Deployment, name: str
) -> None:
    lab = deployed.lab
    deployed.edit(docker={**deployed.setting("docker"), **ARRANGEMENTS[name]})
    deployed.up()
    assert "state=ok" in on_nas(lab, "newt-egress check")
    assert knock(lab, "10.0.1.50", 3000)
    assert knock(lab, "10.0.1.10", 8096), "a published port, as newt dials it"
    logs = {name: lab.log(name).mark() for name in ("postgres", "router", "nas")}
    for address, port in (("10.0.1.60", 5432), ("10.0.1.1", 80), ("10.0.1.10", 5000)):
        assert not knock(lab, address, port), f"{address}:{port} answered"
    for machine, mark in logs.items():
        arrivals = lab.log(machine).arrivals(mark, "172.30.0.10")
        assert arrivals == [], f"packets of newt's reached {machine}: {arrivals}"
    deployed.preview("--expect-no-changes")


def test_changing_the_arrangement_leaves_no_rule_of_the_old_one(deployed: Deployment) -> None:
    deployed.edit(docker={**deployed.setting("docker"), "firewall": "nftables"})
    deployed.up()
    assert "NEWT" not in on_nas(deployed.lab, "iptables-save; ip6tables-save")
    deployed.edit(docker={**deployed.setting("docker"), "firewall": "iptables"})
    deployed.up()
    assert "newt_guard" not in on_nas(deployed.lab, "nft list tables")


def test_another_bridge_moves_the_cage_with_newt(deployed: Deployment) -> None:
    lab = deployed.lab
    deployed.edit(docker={**deployed.setting("docker"), "bridge": "br-other"})
    printed = deployed.up()
    assert "newt is stopped until its network is replaced" in printed
    assert knock(lab, "10.0.1.50", 3000)
    assert not knock(lab, "10.0.1.60", 5432)
    assert "br-newt" not in on_nas(lab, "iptables-save -t mangle")
