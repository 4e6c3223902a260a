"""Where a reviewer is told to look twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.review.changing import stack_review


def _risks(entry: dict[str, Any], stack: str = "nas") -> str:
    before: dict[str, Any] = {"egress": [], "mustNotReach": []}
    found = stack_review({"egress": [{"name": "x", **entry}]}, before, stack)
    return "; ".join(risk for one in found.changes for risk in one.risks)


@pytest.mark.parametrize(
    ("entry", "risk"),
    [
        ({"host": "10.0.1.60", "port": 5432}, "the port of a database (PostgreSQL)"),
        ({"host": "10.0.1.60", "port": 22}, "the port of SSH"),
        ({"host": "10.0.1.60", "port": 2375}, "Docker's API, which is root on its host"),
        ({"host": "10.0.1.60", "port": 6443}, "the Kubernetes API"),
        ({"host": "10.0.1.60", "port": "1-1023"}, "1023 ports"),
        ({"host": "10.0.1.60", "port": "1-65535"}, "other sensitive services"),
        ({"host": "10.0.1.1", "port": 80}, "an address that routers usually have"),
        ({"host": "10.0.1.10", "port": 80}, "the Docker host itself"),
        ({"cidr": "10.0.1.8/29", "port": 80}, "holds the Docker host itself"),
        ({"cidr": "192.168.0.0/16", "port": 80}, "a whole network or more"),
        ({"cidr": "10.0.7.0/24", "port": 80}, "256 addresses"),
        ({"host": "198.51.100.7", "port": 80}, "public: what is sent there leaves the network"),
        ({"name": "my-router", "host": "10.0.1.77", "port": 80}, "called like the router"),
        ({"host": "postgres.lan", "port": 80}, "called like a database"),
        ({"container": "immich/postgres", "port": 80}, "called like a database"),
        ({"container": "immich-database", "port": 5432}, "the port of a database (PostgreSQL)"),
        ({"container": "portainer", "port": 9000}, "called like Docker"),
    ],
)
def test_a_risky_target_on_docker_is_told(entry: dict[str, Any], risk: str) -> None:
    assert risk in _risks(entry)


@pytest.mark.parametrize(
    ("entry", "risk"),
    [
        ({"namespace": "shop", "port": 80}, "a whole namespace"),
        ({"service": "default/kubernetes", "port": 443}, "the Kubernetes API"),
        ({"service": "kube-system/kube-dns", "port": 53}, "which belongs to the cluster"),
        ({"namespace": "a", "labels": {"app": "mariadb"}, "port": 80}, "called like a database"),
        ({"namespace": "a", "labels": {"app": "x"}, "port": "postgres"}, "called like a database"),
        ({"cidr": "10.0.0.0/8", "wide": True, "port": 80}, "a whole network or more"),
        ({"cidr": "2001:db8::/64", "port": 80}, "public: what is sent there leaves the network"),
    ],
)
def test_a_risky_target_in_a_cluster_is_told(entry: dict[str, Any], risk: str) -> None:
    assert risk in _risks(entry, "k3s-home")


@pytest.mark.parametrize(
    "entry",
    [
        {"host": "10.0.1.50", "port": 3000},
        {"host": "gitea.lan", "port": 443},
        {"host": "10.0.1.60", "port": 5432, "protocol": "udp"},
        {"name": "feedback", "host": "10.0.1.61", "port": 80},
    ],
)
def test_an_ordinary_target_has_no_risk(entry: dict[str, Any]) -> None:
    assert _risks(entry) == ""


def test_only_what_is_new_is_judged() -> None:
    before = {"egress": [{"name": "x", "host": "10.0.1.60", "port": 22}], "mustNotReach": []}
    found = stack_review({"egress[0].port": [22, 80]}, before)
    assert [one.risks for one in found.changes] == [()], "ssh was open before"


def test_what_stood_in_must_not_reach_is_told() -> None:
    found = stack_review(
        {
            "egress": [{"name": "web-ui", "cidr": "10.0.1.0/30", "port": [80]}],
            "mustNotReach": [],
        }
    )
    risks = [risk for one in found.changes for risk in one.risks]
    assert "was in mustNotReach until now, as router" in risks
