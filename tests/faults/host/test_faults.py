"""A flood of forbidden targets throughout a few of the faults; `make faults` lets all happen."""

from __future__ import annotations

import pytest

from tests.attack.siege import ARRANGEMENTS, Arrangement
from tests.faults.finding import Finding, Verdict
from tests.faults.host.faults import FAULTS, Fault
from tests.faults.host.trial import control, suffer
from tests.faults.report import conclusion
from tests.host.rig import Host

pytestmark = pytest.mark.lab

HELD, OPEN, LIMIT = Verdict.HELD, Verdict.OPEN, Verdict.LIMIT
SHORT = {
    "the allow-list changes, 100 targets": HELD,
    "the guard's rules are deleted by hand": OPEN,
    "Docker is killed": HELD,
}
IPTABLES, NFTABLES, DOCKER_USER, *_ = ARRANGEMENTS


def named(*names: str) -> list[Fault]:
    found = [fault for fault in FAULTS if fault.name in names]
    assert len(found) == len(names)
    return found


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    """What became of each fault; the reasons are shown where one was not as it should be."""
    # First, and without a word of what was late: a leak gets no second try.
    assert [finding.fault for finding in findings if finding.leaked] == []
    assert not any(finding.verdict.broken for finding in findings), conclusion(findings)
    return {finding.fault: finding.verdict for finding in findings}


def test_the_flood_of_a_newt_without_a_cage_arrives_at_every_target(host: Host) -> None:
    found = verdicts(list(control(host)))
    assert set(found.values()) == {Verdict.ARRIVED}


@pytest.mark.parametrize("arrangement", [IPTABLES, NFTABLES], ids=lambda each: str(each.rules))
def test_nothing_arrives_whatever_happens_to_the_host(host: Host, arrangement: Arrangement) -> None:
    assert verdicts(list(suffer(host, arrangement, named(*SHORT)))) == SHORT


@pytest.mark.docker_user
def test_a_limit_of_the_posts_own_hook_shows_itself(host: Host) -> None:
    replaced = "somebody replaces the filter table"
    assert verdicts(list(suffer(host, DOCKER_USER, named(replaced)))) == {replaced: LIMIT}
