"""A Pangolin server, or a name, in the hands of an attacker."""

from __future__ import annotations

import time

import pytest

from tests.deployment import Deployment
from tests.lab import Lab
from tests.lab.server import HealthCheck
from tests.stack.observe import on_nas

pytestmark = pytest.mark.lab

#: What is in force, without the counters.
RULES = "nft -s list table inet newt_guard_nas"

FORBIDDEN = {
    "postgres": ("10.0.1.60", 5432),
    "router": ("10.0.1.1", 80),
    "host ssh": ("10.0.1.10", 22),
    "host web UI": ("10.0.1.10", 5000),
    "gateway": ("172.30.0.1", 5000),
    "outsider": ("198.51.100.66", 443),
    "outsider's DNS": ("198.51.100.66", 53),
}
ALLOWED = {"gitea": ("10.0.1.50", 3000), "jellyfin": ("10.0.1.10", 8096)}
REPORT_SECONDS = 60


def test_a_hostile_server_that_orders_newt_to_dial_everything_reaches_the_allow_list_alone(
    deployed: Deployment,
) -> None:
    lab = deployed.lab
    targets = {**FORBIDDEN, **ALLOWED}
    marks = {name: lab.log(name).mark() for name in ("postgres", "router", "nas", "outsider")}
    checks = [
        HealthCheck(id=number, host=host, port=port)
        for number, (host, port) in enumerate(targets.values(), 1)
    ]
    lab.pangolin.check(checks)
    reported = _reports(lab, len(checks))
    healthy = {name for name, status in zip(targets, reported, strict=True) if status == "healthy"}
    assert healthy == set(ALLOWED), "newt's own word on what it reached"
    for machine, mark in marks.items():
        arrivals = lab.log(machine).arrivals(mark, "172.30.0.10")
        assert arrivals == [], f"newt reached {machine}: {arrivals}"
    lab.pangolin.check([])


def _reports(lab: Lab, count: int) -> list[str]:
    deadline = time.monotonic() + REPORT_SECONDS
    while True:
        reports = {report["id"]: report["status"] for report in lab.pangolin.health()}
        found = [reports.get(number, "unknown") for number in range(1, count + 1)]
        if "unknown" not in found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10.0.1.60", "mustNotReach postgres"),
        ("10.0.1.53", "a resolver"),
        ("10.0.1.10", "this Docker host itself"),
        ("127.0.0.1", "loopback"),
    ],
)
def test_an_allowed_name_that_turns_hostile_is_refused_and_the_old_rules_stay(
    deployed: Deployment, address: str, reason: str
) -> None:
    lab = deployed.lab
    before = on_nas(lab, RULES)
    lab.dns.set("homeassistant.lan", [address])
    try:
        deployed.edit(egress=[*deployed.setting("egress"), "gitea.lan:3001:tcp"])
        failed = deployed.pulumi("up", "--yes", "--skip-preview", check=False)
        assert failed.returncode != 0
        assert f"homeassistant.lan resolves to {address}" in failed.stdout
        assert reason in failed.stdout
        assert on_nas(lab, RULES) == before
    finally:
        lab.dns.set("homeassistant.lan", ["10.0.1.100"])
