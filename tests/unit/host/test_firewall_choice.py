"""Which firewall a stack gets: what its file says, else what its host has, else nftables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from newt_tunnel.docker_host.firewall_choice import Choice, choose, judge
from newt_tunnel.docker_host.state import HostState
from newt_tunnel.egress.cage import Firewall
from newt_tunnel.findings import Level
from newt_tunnel.settings.docker import Docker
from tests.unit.settings.example import HOST_KEY

IPTABLES, NFTABLES = Firewall.IPTABLES, Firewall.NFTABLES
FRESH = HostState(state="absent")
IN_IPTABLES = HostState(state="ok", firewall="iptables")
IN_NFTABLES = HostState(state="ok", firewall="nftables")
#: Its declaration is lost.
DAMAGED = HostState(state="drifted")
HOSTS = [None, FRESH, IN_IPTABLES, IN_NFTABLES, DAMAGED]
NO_NFT = "sh: 1: nft: not found"


def docker(**keys: Any) -> Docker:
    return Docker.model_validate({"address": "10.0.1.10", "hostKey": HOST_KEY, **keys})


def unasked() -> str:
    raise AssertionError("the last update counts only where the host's record cannot be read")


@pytest.mark.parametrize("found", HOSTS)
@pytest.mark.parametrize("written", Firewall)
def test_what_the_file_says_holds_on_any_host(written: Firewall, found: HostState | None) -> None:
    assert choose(docker(firewall=written.value), found, unasked) == Choice(written)


@pytest.mark.parametrize("found", HOSTS)
def test_docker_user_is_a_chain_of_iptables_on_any_host(found: HostState | None) -> None:
    assert choose(docker(hook="docker-user"), found, unasked) == Choice(IPTABLES)


@pytest.mark.parametrize("found", [FRESH, IN_NFTABLES, replace(IN_NFTABLES, state="drifted")])
def test_a_fresh_host_and_one_with_nftables_get_nftables_and_nothing_is_said(
    found: HostState,
) -> None:
    assert choose(docker(), found, unasked) == Choice(NFTABLES)


@pytest.mark.parametrize("state", ["ok", "drifted", "absent"])
def test_rules_in_iptables_stay_there_until_the_key_is_written_and_the_user_reads_why(
    state: str,
) -> None:
    chosen = choose(docker(), replace(IN_IPTABLES, state=state), unasked)
    assert chosen.firewall is IPTABLES
    assert str(chosen.remark) == (
        "docker.firewall: keeps iptables, as the host's record says; "
        "write docker.firewall: nftables to change"
    )


@pytest.mark.parametrize(
    ("found", "why"),
    [(None, "the host cannot be reached"), (DAMAGED, "the host's record cannot be read")],
)
def test_without_a_record_the_last_update_decides_and_without_that_nftables(
    found: HostState | None, why: str
) -> None:
    kept = choose(docker(), found, lambda: "iptables")
    assert kept.firewall is IPTABLES
    assert f"as the last update did, because {why}" in str(kept.remark)
    assert choose(docker(), found, lambda: "nftables") == Choice(NFTABLES)
    assumed = choose(docker(), found, lambda: "")
    assert assumed.firewall is NFTABLES
    assert assumed.remark is not None
    assert assumed.remark.is_warning, "it may be wrong, and an update may do something else"
    assert why in str(assumed.remark)


def lines(keys: dict[str, Any], firewall: Firewall, targets: int, found: HostState) -> list[str]:
    return [str(finding) for finding in judge(docker(**keys), firewall, targets, found)]


@pytest.mark.parametrize(
    ("keys", "value"), [({}, "nftables (the default)"), ({"firewall": "nftables"}, "nftables")]
)
def test_a_host_without_nft_is_told_to_write_iptables(keys: dict[str, Any], value: str) -> None:
    host = replace(FRESH, without_nft=NO_NFT)
    assert lines(keys, NFTABLES, 1, host) == [
        f"docker.firewall: {value}: nft cannot hold the rules on 10.0.1.10 ({NO_NFT}); install "
        "nftables, or write docker.firewall: iptables"
    ]
    assert lines({"firewall": "iptables"}, IPTABLES, 1, host) == []
    assert lines({}, IPTABLES, 1, replace(IN_IPTABLES, without_nft=NO_NFT)) == []


@pytest.mark.parametrize(
    ("targets", "levels"),
    [(100, []), (101, [Level.WARNING]), (500, [Level.WARNING]), (501, [Level.ERROR])],
)
def test_a_kept_iptables_is_judged_by_the_number_of_targets(
    targets: int, levels: list[Level]
) -> None:
    found = [*judge(docker(), IPTABLES, targets, IN_IPTABLES)]
    assert [one.level for one in found] == levels
    assert all("write nftables" in str(one) for one in found)
    assert [*judge(docker(firewall="iptables"), IPTABLES, targets, FRESH)] == [], (
        "said already, with the file"
    )
    assert [*judge(docker(), NFTABLES, 5000, FRESH)] == []
