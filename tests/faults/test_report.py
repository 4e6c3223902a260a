"""What counts as held and as broken, and how it is shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from newt_tunnel.egress.limits import RELOAD
from tests.attack.siege import FREE
from tests.faults.finding import Finding, Verdict, Window
from tests.faults.flood import ENOUGH, Flood
from tests.faults.host.flood import TARGETS
from tests.faults.report import conclusion, held_and_broken, table, told


def flood(arrived: int = 0, *, rate: float = 2 * ENOUGH, last: float = 0.0) -> Flood:
    made = Flood()
    made.sent, made.seconds, made.last = int(10 * rate), 10.0, last
    made.arrived = Counter(dict.fromkeys(TARGETS, arrived))
    return made


QUIET = Finding("nftables", "Docker is restarted", flood())
WINDOW = Window(opened=100.0, closed=110.0)
SEEN = replace(QUIET, flood=flood(5, last=104.5), window=WINDOW)


def test_what_went_wrong_does_not_hide_what_arrived() -> None:
    both = told(replace(QUIET, flood=flood(1), wrong="newt is not started"))
    assert "BROKEN, newt is not started; of the flood there arrived 1 at 10.0.1.60" in both
    assert told(replace(QUIET, wrong="not started")).endswith("BROKEN, not started")


@pytest.mark.parametrize(
    ("finding", "verdict", "counts"),
    [
        (QUIET, Verdict.HELD, (1, 0)),
        (replace(QUIET, flood=flood(1)), Verdict.BROKEN, (0, 1)),
        (replace(QUIET, wrong="check says nothing"), Verdict.BROKEN, (0, 1)),
        (replace(QUIET, flood=flood(rate=ENOUGH - 1)), Verdict.SLOW, (0, 1)),
        (replace(QUIET, flood=Flood()), Verdict.SLOW, (0, 1)),
        (replace(QUIET, flood=flood(1), limit=RELOAD), Verdict.LIMIT, (0, 0)),
        (replace(QUIET, limit=RELOAD), Verdict.UNEXPECTED, (0, 1)),
        (replace(QUIET, flood=flood(1), limit=RELOAD, wrong="lost"), Verdict.BROKEN, (0, 1)),
        (replace(SEEN, limit=RELOAD), Verdict.LIMIT, (0, 0)),
        (replace(SEEN, limit=RELOAD, flood=flood(5, last=110.5)), Verdict.BROKEN, (0, 1)),
        (SEEN, Verdict.OPEN, (0, 0)),
        (replace(SEEN, flood=flood(5, last=110.5)), Verdict.BROKEN, (0, 1)),
        (replace(SEEN, flood=flood(0)), Verdict.BROKEN, (0, 1)),
        (replace(QUIET, arrangement=FREE.name), Verdict.BLANK, (0, 1)),
        (replace(QUIET, arrangement=FREE.name, flood=flood(9)), Verdict.ARRIVED, (0, 0)),
    ],
)
def test_a_fault_has_one_verdict(
    finding: Finding, verdict: Verdict, counts: tuple[int, int]
) -> None:
    assert finding.verdict is verdict
    assert held_and_broken([finding]) == counts


@pytest.mark.parametrize(
    ("finding", "leaked"),
    [
        (QUIET, False),
        (replace(QUIET, flood=flood(1)), True),
        (replace(QUIET, flood=flood(1), wrong="newt is not started"), True),
        (replace(QUIET, flood=flood(1), limit=RELOAD), False),
        (SEEN, False),
        (replace(QUIET, arrangement=FREE.name, flood=flood(9)), False),
    ],
)
def test_a_leak_is_one_whatever_else_went_wrong(finding: Finding, leaked: bool) -> None:
    assert finding.leaked is leaked


def test_a_control_that_arrives_at_all_targets_but_one_is_a_blank() -> None:
    partly = flood(9)
    partly.arrived[TARGETS[-1]] = 0
    assert replace(QUIET, arrangement=FREE.name, flood=partly).verdict is Verdict.BLANK


def test_a_row_is_a_fault_and_has_a_cell_per_arrangement() -> None:
    found = [SEEN, replace(QUIET, arrangement="docker-user", flood=flood(1), limit=RELOAD)]
    assert table(found, ["nftables", "docker-user", "iptables-nft"]) == [
        ["fault", "nftables", "docker-user", "iptables-nft"],
        ["Docker is restarted", "open for 4.5 s", "limit", ""],
    ]


def test_the_last_line_counts_and_the_others_say_how_fast_the_flood_was_and_what_broke() -> None:
    said = conclusion([QUIET, SEEN, replace(QUIET, flood=flood(3))]).splitlines()
    assert said[0] == (
        "nftables: Docker is restarted: BROKEN, of the flood there arrived "
        "3 at 10.0.1.60, 3 at 198.51.100.66, 3 at 10.0.1.10, 3 at 172.30.0.1"
    )
    assert said[1] == "300,000 packets were sent to forbidden targets, 10,000 a second at least"
    assert said[2].startswith("rules that are deleted by hand: open for 4.5 s at most")
    assert said[-2:] == ["0 known limits, not counted", "1 held, 1 broken"]
