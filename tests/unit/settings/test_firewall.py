"""`docker.firewall`, as far as the stack file alone says which firewall holds the rules."""

from __future__ import annotations

from typing import Any

import pytest

from newt_tunnel.egress.cage import Firewall
from newt_tunnel.settings.load import examine
from newt_tunnel.settings.policy import cage
from newt_tunnel.settings.stack import Settings
from tests.unit.settings.example import settings, stack


@pytest.mark.parametrize(
    ("keys", "said", "on_a_fresh_host"),
    [
        ({}, None, Firewall.NFTABLES),
        ({"docker.firewall": None}, None, Firewall.NFTABLES),
        ({"docker.firewall": "nftables"}, Firewall.NFTABLES, Firewall.NFTABLES),
        ({"docker.firewall": "iptables"}, Firewall.IPTABLES, Firewall.IPTABLES),
        ({"docker.hook": "docker-user"}, Firewall.IPTABLES, Firewall.IPTABLES),
    ],
)
def test_nothing_written_leaves_it_to_the_host_and_docker_user_implies_iptables(
    keys: dict[str, Any], said: Firewall | None, on_a_fresh_host: Firewall
) -> None:
    found = settings(keys)
    assert found.docker.firewall_in_file is said
    assert cage(found, "nas").firewall is on_a_fresh_host


def _remarks(targets: int, **docker: str) -> list[str]:
    """What is said about a list of so many targets; the example's own are four."""
    ports = [*range(1000, 1000 + targets - 4)]
    entry = {"name": "many", "host": "10.0.1.50", "port": ports}
    keys = {f"docker.{key}": value for key, value in docker.items()}
    judgement = examine(stack({"egress": [entry], **keys}))
    assert isinstance(judgement.settings, Settings), judgement.problems
    return [str(remark) for remark in judgement.remarks]


@pytest.mark.parametrize("docker", [{"firewall": "iptables"}, {"hook": "docker-user"}])
def test_iptables_warns_of_its_cost_from_the_101st_target(docker: dict[str, str]) -> None:
    assert _remarks(100, **docker) == []
    for targets in (101, 500):
        assert _remarks(targets, **docker) == [
            f"docker.firewall: iptables: {targets} targets slow newt down: 100 cost 13 % on a "
            "connection and 8 % of the throughput, more cost more; write nftables, which costs "
            "the same for any number"
        ]


def test_nftables_and_a_file_that_leaves_it_to_the_host_warn_of_no_number() -> None:
    assert _remarks(5000, firewall="nftables") == []
    assert _remarks(5000) == []
