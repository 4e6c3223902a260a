"""Where the rules are hooked in: tables, jumps, and what comes from the cage."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from newt_tunnel.egress import iptables, nftables
from newt_tunnel.egress.cage import Firewall, Hook
from newt_tunnel.egress.limits import DOCKER_USER, Engines, limits
from tests.unit.egress.cases import CAGE, declaration, policy

GITEA = policy("allow gitea 10.0.1.50 3000/tcp")


@pytest.mark.parametrize("hook", Hook)
def test_jumps_go_by_the_bridge_and_never_by_an_address(hook: Hook) -> None:
    ruleset = iptables.render(GITEA, replace(CAGE, hook=hook))
    targets = {
        "-i br-newt": CAGE.instance.egress_chain,
        "-o br-newt": CAGE.instance.ingress_chain,
    }
    for jump in (*ruleset.jumps4, *ruleset.jumps6):
        assert jump.target == targets.get(jump.match), f"{jump}: a raw socket forges its source"


def test_prerouting_stays_out_of_the_chains_that_docker_edits() -> None:
    ruleset = iptables.render(GITEA, replace(CAGE, hook=Hook.PREROUTING))
    assert ruleset.table == "mangle"
    assert [str(jump) for jump in ruleset.jumps4] == [
        "PREROUTING -i br-newt -j NEWT-EGRESS-nas",
        "POSTROUTING -o br-newt -j NEWT-INGRESS-nas",
    ]


def test_docker_user_has_the_jumps_that_the_post_lacks() -> None:
    ruleset = iptables.render(GITEA, replace(CAGE, hook=Hook.DOCKER_USER))
    jumps = {str(jump) for jump in ruleset.jumps4}
    assert ruleset.table == "filter"
    assert "DOCKER-USER -i br-newt -j NEWT-EGRESS-nas" in jumps, "the post's own"
    assert "INPUT -i br-newt -j NEWT-EGRESS-nas" in jumps, "the host is not behind DOCKER-USER"
    assert "OUTPUT -o br-newt -j NEWT-INGRESS-nas" in jumps, "nor does its own traffic pass it"


@pytest.mark.parametrize("hook", Hook)
def test_the_rules_stand_in_the_table_that_is_declared(hook: Hook) -> None:
    ruleset = iptables.render(GITEA, replace(CAGE, hook=hook))
    assert ruleset.rules4.splitlines()[0] == f"*{ruleset.table}"
    assert ruleset.rules6.splitlines()[0] == "*mangle", (
        "IPv6 is dropped in mangle whatever the hook"
    )
    assert {jump.chain for jump in ruleset.jumps6} == {"PREROUTING", "POSTROUTING"}


def test_what_an_arrangement_cannot_stop_is_said_in_sentences() -> None:
    assert DOCKER_USER, "the post's place has limits"
    texts = [limit.text for limit in DOCKER_USER]
    assert all(text[0].isupper() and text.endswith(".") for text in texts)


@pytest.mark.parametrize(
    ("engine", "shown"),
    [(20, {"networks"}), (26, {"networks"}), (28, {"unhooked"}), (29, {"unhooked", "backend"})],
)
def test_a_limit_is_one_of_the_engines_that_it_was_measured_on(
    engine: int, shown: set[str]
) -> None:
    tied = [limit for limit in DOCKER_USER if limit.engines != Engines()]
    assert {limit.name for limit in tied if engine in limit.engines} == shown
    assert all(str(limit).startswith("Docker ") for limit in tied), "the reader must know"


def test_docker_user_has_limits_of_its_own_beside_those_of_every_arrangement() -> None:
    assert limits(CAGE) == ()
    assert limits(replace(CAGE, firewall=Firewall.NFTABLES)) == ()
    assert limits(replace(CAGE, hook=Hook.DOCKER_USER)) == DOCKER_USER


@pytest.mark.parametrize("firewall", Firewall)
@pytest.mark.parametrize("hook", Hook)
def test_bridge_and_address_of_newt_come_from_the_cage(firewall: Firewall, hook: Hook) -> None:
    cage = replace(
        CAGE, bridge="br-other", newt=IPv4Address("172.31.0.7"), firewall=firewall, hook=hook
    )
    files = declaration(GITEA, cage).files
    for name in files.keys() - {"newt-egress", "rules6"}:
        assert "br-newt" not in files[name], f"{name}: another bridge than the cage's"
        assert "172.30.0.10" not in files[name], f"{name}: another address than the cage's"
        assert "172.31.0.7" in files[name], f"{name}: newt's address is missing"


def test_the_nftables_table_is_replaced_whole_on_a_host_that_has_none_too() -> None:
    first, second, third, *_ = nftables.render(GITEA, CAGE).splitlines()
    assert (first, second, third) == (
        "table inet newt_guard_nas",
        "delete table inet newt_guard_nas",
        "table inet newt_guard_nas {",
    ), "deleting what does not exist would fail, and adding to what exists would keep old rules"
