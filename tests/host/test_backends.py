"""iptables has two backends, nf_tables and legacy, and a host may change from one to the other:
rules of ours are in one of them, at any time, and in none after the removal.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.attack.machines import choose_backend
from tests.host.rig import POSTGRES, Host, declare

pytestmark = pytest.mark.lab

BACKENDS = ("nft", "legacy")


@contextlib.contextmanager
def backend(host: Host, name: str) -> Iterator[None]:
    choose_backend(host, name)
    try:
        yield
    finally:
        choose_backend(host, "nft")
        host.sh(
            "for tool in iptables ip6tables; do for table in mangle filter; do "
            "grep -qx $table /proc/net/${tool%tables}_tables_names 2>/dev/null && "
            "printf '*%s\\nCOMMIT\\n' $table | $tool-legacy-restore; done; done; :"
        )


def ours_in(host: Host, backend: str) -> int:
    """How many lines of rules name our chains."""
    lines = f"{{ iptables-{backend}-save; ip6tables-{backend}-save; }} 2>/dev/null"
    return int(host.sh(f"{lines} | grep -c NEWT-; :"))


@pytest.fixture
def newt(host: Host) -> Host:
    host.apply(declare())
    host.create_network()
    host.start_newt()
    return host


@pytest.mark.parametrize("command", ["refresh", "boot"])
def test_after_a_change_of_the_backend_the_rules_move_and_no_packet_passes(
    newt: Host, command: str
) -> None:
    flood = ["flood", POSTGRES, "5432", "60", "4000"]
    with backend(newt, "legacy"):
        check = newt.check()
        assert check["state"] == "drifted"
        assert "rules of newt-egress are also in iptables-nft, table mangle" in check["faults"]
        assert "rules of newt-egress are also in ip6tables-nft, table mangle" in check["faults"]
        with newt.tapped() as wire, newt.newt_meanwhile(*flood):
            time.sleep(0.3)  # it has begun
            newt.egress(command)
            time.sleep(0.3)

        assert wire.carried.get(POSTGRES, 0) == 0
        assert newt.check()["state"] == "ok"
        assert ours_in(newt, "nft") == 0
        assert ours_in(newt, "legacy") > 0
        choose_backend(newt, "nft")
        newt.egress("refresh")
        assert newt.check()["state"] == "ok"
        assert ours_in(newt, "legacy") == 0


@pytest.mark.parametrize("moved", [True, False], ids=["after a refresh", "at once"])
def test_a_removal_leaves_nothing_in_either_backend(host: Host, *, moved: bool) -> None:
    host.apply(declare())
    with backend(host, "legacy"):
        if moved:
            host.egress("refresh")
            choose_backend(host, "nft")

        assert "removed" in host.egress("remove").stdout

        assert [ours_in(host, each) for each in BACKENDS] == [0, 0]


def test_another_arrangement_leaves_nothing_of_the_former_one_in_the_other_backend(
    host: Host,
) -> None:
    host.apply(declare())
    with backend(host, "legacy"):
        host.apply(declare(arrangement="nftables"))

        assert host.check()["state"] == "ok"
        assert [ours_in(host, each) for each in BACKENDS] == [0, 0]


def test_a_look_makes_no_table_in_the_backend_that_is_not_used(host: Host) -> None:
    before = host.sh("cat /proc/net/ip_tables_names /proc/net/ip6_tables_names", check=False)
    host.apply(declare())

    for command in ("check", "status", "refresh"):
        host.egress(command)

    names = host.sh("cat /proc/net/ip_tables_names /proc/net/ip6_tables_names", check=False)
    assert names == before
