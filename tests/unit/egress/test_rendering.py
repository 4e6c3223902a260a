"""What holds for all rendered rules: names, order, small diffs, RETURN and a last DROP."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.egress import iptables, nftables, proof_plan, reach
from newt_tunnel.egress.cage import Firewall, Hook
from newt_tunnel.egress.rules import Policy, Rule
from tests.unit.egress.cases import CAGE, declaration, golden, policy
from tests.unit.egress.strategies import briefly, policies, rules

PREROUTING = replace(CAGE, hook=Hook.PREROUTING)
DOCKER_USER = replace(CAGE, hook=Hook.DOCKER_USER)
NFTABLES = replace(CAGE, firewall=Firewall.NFTABLES)
#: The frame of the set of exact targets, which comes with the first of them.
SET_FRAME = re.compile(
    r"\t(set targets \{|\ttype ipv4_addr .*|\tcounter|\telements = \{|\t\}|\}"
    r"|\tip daddr \. meta l4proto .*)"
)


def texts(policy: Policy) -> dict[str, str]:
    """Everything that is rendered for a firewall."""
    return {
        "iptables": iptables.render(policy, PREROUTING).rules4,
        "docker-user": iptables.render(policy, DOCKER_USER).rules4,
        "nftables": nftables.render(policy, NFTABLES),
    }


@briefly
@given(policies())
def test_each_rule_is_rendered_once_per_port_range_under_its_own_name(policy: Policy) -> None:
    for firewall, text in texts(policy).items():
        for rule in policy.allowed:
            lines = [line for line in text.splitlines() if f'"newt: {rule.name}"' in line]
            assert len(lines) == max(1, len(rule.ports)), f"{firewall} of {rule}: {lines}"


@briefly
@given(policies(), st.data())
def test_the_order_of_entries_changes_nothing(policy: Policy, data: st.DataObject) -> None:
    other = replace(policy, allowed=tuple(data.draw(st.permutations(policy.allowed))))
    assert texts(policy) == texts(other), "the same rules would show up as a change"
    assert declaration(policy).script == declaration(other).script
    assert reach.report(policy) == reach.report(other)
    assert proof_plan.plan(policy, CAGE) == proof_plan.plan(other, CAGE)


@pytest.mark.parametrize("case", ["names", "ports", "pangolin-all"])
def test_the_order_of_rules_that_share_a_name_changes_nothing(case: str) -> None:
    policy = golden(case)
    assert texts(policy) == texts(replace(policy, allowed=policy.allowed[::-1]))


def test_the_order_of_resolvers_and_forbidden_entries_changes_nothing() -> None:
    lines = (
        "resolver 10.0.1.53",
        "resolver 10.0.1.54",
        "forbid router 10.0.1.1 80/tcp",
        "forbid vault vault.lan 8200/tcp",
        "forbid nas nas.lan 22/tcp",
    )
    one, other = policy("\n".join(lines)), policy("\n".join(reversed(lines)))
    assert declaration(one).script == declaration(other).script


@briefly
@given(policies(), st.data())
def test_a_changed_entry_changes_its_own_lines_only(policy: Policy, data: st.DataObject) -> None:
    if not policy.allowed:
        return
    index = data.draw(st.sampled_from(range(len(policy.allowed))))
    old = policy.allowed[index]
    new = data.draw(rules(old.name, old.origin))
    changed = replace(policy, allowed=(*policy.allowed[:index], new, *policy.allowed[index + 1 :]))
    before = {**texts(policy), "script": declaration(policy).script}
    after = {**texts(changed), "script": declaration(changed).script}
    for what, text in before.items():
        assert without(text, old, new) == without(after[what], old, new), (
            f"{what}: more than the lines of {old.name} has changed"
        )


def without(text: str, *entries: Rule) -> list[str]:
    """The lines of ``text`` that are not of ``entries``, nor of the set's mere frame."""
    own = {f'"newt: {entry.name}"' for entry in entries}
    names = {f"name=target {entry.destination}" for entry in entries}
    return [
        line
        for line in text.splitlines()
        if line not in names
        and not any(mark in line for mark in own)
        and not SET_FRAME.fullmatch(line)
    ]


def test_a_diff_of_the_script_shows_the_rule_that_changed_and_nothing_else() -> None:
    before = policy("allow gitea 10.0.1.50 3000/tcp\nallow wiki 10.0.1.51 80/tcp")
    after = policy("allow gitea 10.0.1.50 3000,3001/tcp\nallow wiki 10.0.1.51 80/tcp")
    line = (
        '-A NEWT-EGRESS-nas -d 10.0.1.50 -p tcp -m tcp --dport 3001 -m comment --comment "newt: {}"'
    )
    assert added_lines(before, after, Firewall.IPTABLES) == [f"{line.format('gitea')} -j RETURN"]
    assert added_lines(before, after, Firewall.NFTABLES) == [
        '\t\t\t10.0.1.50 . tcp . 3001 comment "newt: gitea",'
    ]


def added_lines(before: Policy, after: Policy, firewall: Firewall) -> list[str]:
    cage = replace(CAGE, firewall=firewall)
    old = declaration(before, cage).script.splitlines()
    new = declaration(after, cage).script.splitlines()
    added = [line for line in new if line not in old]
    assert [line for line in new if line not in added] == old, "something else has moved"
    return added


def test_a_forbidden_entry_renders_no_rule_and_one_line_for_the_host() -> None:
    before = policy("allow gitea 10.0.1.50 3000/tcp")
    after = policy("allow gitea 10.0.1.50 3000/tcp\nforbid router 10.0.1.1 80/tcp")
    assert texts(before) == texts(after), "mustNotReach is for the proof alone"
    assert added_lines(before, after, Firewall.IPTABLES) == ["forbidden=router 10.0.1.1 tcp 80"]


@briefly
@given(policies())
def test_what_is_allowed_returns_and_is_never_accepted(policy: Policy) -> None:
    rendered = texts(policy)
    for firewall in ("iptables", "docker-user"):
        targets = set(re.findall(r"-j (\S+)", rendered[firewall]))
        assert targets == {"RETURN", "DROP"}, f"{firewall}: others filter after us, too"
    accepting = [line for line in rendered["nftables"].splitlines() if "accept" in line]
    assert all(line.endswith("policy accept;") for line in accepting), accepting
    assert len(accepting) == 2, "the two base chains"


@briefly
@given(policies())
def test_every_chain_ends_by_dropping_the_rest(policy: Policy) -> None:
    rendered = texts(policy)
    for firewall in ("iptables", "docker-user"):
        for chain in (CAGE.instance.egress_chain, CAGE.instance.ingress_chain):
            rules = lines_with(rendered[firewall], f"-A {chain} ")
            unconditional = rf'-A {chain} -m comment --comment "[^"]*" -j DROP'
            assert re.fullmatch(unconditional, rules[-1]), f"{firewall}: {rules[-1]}"
    for chain, verdict in (("egress", "reject with icmpx admin-prohibited"), ("ingress", "drop")):
        body = rendered["nftables"].partition(f"\tchain {chain} {{\n")[2].partition("\n\t}")[0]
        last = body.splitlines()[-1]
        assert last.startswith(f"\t\tcounter {verdict} comment "), f"nftables {chain}: {last}"


def lines_with(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


def test_remembering_adds_its_own_lines_and_moves_none() -> None:
    for firewall, added in REMEMBERING.items():
        plain = replace(CAGE, firewall=firewall)
        off = declaration(policy(""), plain).files
        on = declaration(policy(""), replace(plain, log_drops=True)).files
        found = [
            line
            for name in off
            for line in difflib.ndiff(off[name].splitlines(), on[name].splitlines())
            if line[:2] in ("+ ", "- ")
        ]
        assert found == added


_TABLE = (
    "-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 20 --hashlimit-mode dstip,dstport "
    "--hashlimit-name newt-047de0-{} --hashlimit-htable-size 256 --hashlimit-htable-max 256 "
    "--hashlimit-htable-expire 86400000 --hashlimit-htable-gcinterval 60000"
)
_SET = ("type ipv4_addr . inet_service", "size 256", "flags dynamic,timeout", "timeout 86400s")
REMEMBERING = {
    Firewall.IPTABLES: [
        "+ drops=256",
        "+ refused=newt-047de0",
        '- -A NEWT-EGRESS-nas -m comment --comment "newt: not listed" -j DROP',
        # Counted first: a full table drops, and would leave the count behind.
        '+ -A NEWT-EGRESS-nas -m comment --comment "newt: not listed"',
        f"+ -A NEWT-EGRESS-nas -p tcp {_TABLE.format('tcp')}",
        f"+ -A NEWT-EGRESS-nas -p udp {_TABLE.format('udp')}",
        "+ -A NEWT-EGRESS-nas -j DROP",
    ],
    Firewall.NFTABLES: [
        "+ drops=256",
        "+ refused=newt-047de0",
        *(
            f"+ {line}"
            for protocol in ("tcp", "udp")
            for line in (
                f"\tset drops_{protocol} {{",
                *(f"\t\t{line}" for line in (*_SET, "counter")),
                "\t}",
            )
        ),
        "+ \t\tupdate @drops_tcp { ip daddr . tcp dport }",
        "+ \t\tupdate @drops_udp { ip daddr . udp dport }",
    ],
}
