"""Which firewall a stack gets that names none: nftables on a fresh host, and what a host has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deployment import Deployment
from tests.host.flood import flooded
from tests.host.rig import POSTGRES, Host
from tests.stack.observe import firewall_of, knock, wait_for_tunnel

pytestmark = pytest.mark.lab

KEPT = "docker.firewall: keeps iptables, as the host's record says"
TABLE = "table inet newt_guard_nas {"


def test_a_fresh_host_gets_nftables_and_nothing_is_said_of_it(
    first_up: tuple[Deployment, str],
) -> None:
    deployment, printed = first_up
    assert "firewall" not in deployment.setting("docker"), "the example leaves it to the host"
    assert deployment.outputs()["firewall"]["firewall"] == "nftables"
    assert "docker.firewall" not in printed
    rules = firewall_of(deployment.lab)
    assert TABLE in rules
    assert "NEWT" not in rules


@pytest.fixture
def in_iptables(deployed: Deployment) -> Iterator[Deployment]:
    """The stack as it is where iptables was the default: the rules there, and nothing written."""
    docker = deployed.setting("docker")
    deployed.edit(docker=docker | {"firewall": "iptables"})
    deployed.up()
    deployed.edit(docker=docker)
    yield deployed
    # What the file does not say, the host's record decides: nftables, before it is put back.
    deployed.edit(docker=docker | {"firewall": "nftables"})
    deployed.up()


def test_a_stack_in_iptables_that_says_nothing_keeps_it_until_the_key_is_written(
    in_iptables: Deployment,
) -> None:
    stack, lab = in_iptables, in_iptables.lab
    assert KEPT in stack.preview("--expect-no-changes")
    stack.edit(
        egress=[*stack.setting("egress"), {"name": "wiki", "host": "10.0.1.50", "port": 3001}]
    )
    assert KEPT in stack.up()
    rules = firewall_of(lab)
    assert "newt: wiki" in rules
    assert "NEWT-EGRESS" in rules
    assert TABLE not in rules
    stack.preview("--expect-no-changes")

    docker = stack.setting("docker")
    stack.edit(docker=docker | {"firewall": "nftables"})
    with flooded(Host(lab)) as wire:
        printed = stack.up()
    assert wire.carried.get(POSTGRES, 0) == 0, "packets passed while the rules moved"
    assert "docker.firewall" not in printed
    rules = firewall_of(lab)
    assert TABLE in rules
    assert "NEWT" not in rules
    wait_for_tunnel(lab)
    assert knock(lab, "10.0.1.50", 3000)
    assert not knock(lab, "10.0.1.60", 5432)

    stack.edit(docker=docker)
    assert "docker.firewall" not in stack.preview("--expect-no-changes"), "nftables is the default"


def test_a_host_without_nft_is_told_at_preview_to_write_iptables(deployed: Deployment) -> None:
    with Host(deployed.lab).stub("nft", "echo 'Error: no nf_tables here' >&2; exit 1"):
        refused = deployed.pulumi("preview", check=False)
    assert refused.returncode != 0
    assert (
        "docker.firewall: nftables (the default): nft cannot hold the rules on 10.0.1.10 "
        "(Error: no nf_tables here); install nftables, or write docker.firewall: iptables"
    ) in " ".join(refused.stdout.split())
