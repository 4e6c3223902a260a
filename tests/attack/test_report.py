"""What counts as held and as broken, and how it is shown."""

from __future__ import annotations

from collections import Counter

from newt_tunnel.egress.limits import AHEAD
from tests.attack.differential import Tally
from tests.attack.report import (
    Compared,
    conclusion,
    held_and_broken,
    in_all_arrangements,
    markdown,
    rows,
)
from tests.attack.siege import (
    ARRANGEMENTS,
    AS_DEPLOYED,
    FREE,
    Arrangement,
    Finding,
    Verdict,
)

POSTS = Arrangement("the post's", "docker-user")
SAME = Compared(7, Tally(pairs=Counter({"nftables": 2000})), "")


def finding(
    arrived: bool, *, attack: str = "a LAN service", where: str = "as deployed", **more: object
) -> Finding:
    values = {"arrangement": "nftables", "circumstance": where, "attack": attack} | more
    return Finding(**values, arrived=arrived)  # type: ignore[arg-type]


FREELY = finding(True, arrangement=FREE.name)


def test_what_arrives_is_broken_and_what_does_not_has_held() -> None:
    assert finding(False).verdict is Verdict.HELD
    assert finding(True).verdict is Verdict.BROKEN
    assert held_and_broken([FREELY, finding(False), finding(False), finding(True)], SAME) == (2, 1)


def test_what_never_arrives_without_a_cage_either_shows_nothing_of_the_cage() -> None:
    assert held_and_broken([finding(False)], SAME) == (0, 0)
    assert held_and_broken([finding(True)], SAME) == (0, 1), "if it does arrive it is a hole"


def test_a_known_limit_is_shown_and_not_counted() -> None:
    known = finding(True, limit=AHEAD)
    assert known.verdict is Verdict.LIMIT
    assert held_and_broken([known], SAME) == (0, 0)
    assert conclusion([known], SAME).startswith("1 known limits, not counted\n")


def test_a_known_limit_that_holds_fails_because_the_list_is_wrong() -> None:
    assert held_and_broken([finding(False, limit=AHEAD)], SAME) == (0, 1)


def test_an_attack_that_does_not_even_arrive_without_a_cage_is_a_blank_and_fails() -> None:
    assert held_and_broken([finding(False, arrangement=FREE.name)], SAME) == (0, 1)
    assert held_and_broken([finding(True, arrangement=FREE.name)], SAME) == (0, 0)
    refused = finding(False, arrangement=FREE.name, refused=True)
    assert held_and_broken([refused], SAME) == (0, 0), "newt may not send it: that is no blank"


def test_a_mismatch_of_model_and_kernel_is_broken() -> None:
    different = Compared(7, Tally(), "the model lets pass, and the kernel does not")
    assert conclusion([FREELY, finding(False)], different).endswith("1 held, 1 broken")
    assert "the model lets pass, and the kernel does not" in different.lines


def test_circumstances_share_a_row_until_their_verdicts_differ() -> None:
    held = [finding(False, where=where) for where in (AS_DEPLOYED, "bridged")]
    assert list(rows(held, ["nftables"])) == [["a LAN service", "held"]]

    found = [*held, finding(True, where="joined", limit=AHEAD)]
    assert list(rows(found, ["nftables"])) == [
        ["a LAN service", "held"],
        ["a LAN service (joined)", "limit"],
    ]


def test_an_arrangement_that_was_not_tried_under_a_circumstance_needs_no_row_of_its_own() -> None:
    found = [finding(True, arrangement=FREE.name), finding(False), finding(False, where="bridged")]
    assert list(rows(found, [FREE.name, "nftables"])) == [["a LAN service", "arrived", "held"]]


def test_every_arrangement_knows_its_limits() -> None:
    for arrangement in ARRANGEMENTS:
        assert (AHEAD in arrangement.limits) is (arrangement.rules == "docker-user")
    assert FREE.limits == ()


def test_a_table_is_written_as_markdown() -> None:
    assert markdown([["attack", "nftables"], ["a ping", "held"]]).splitlines() == [
        "| attack | nftables |",
        "| --- | --- |",
        "| a ping | held |",
    ]


def test_a_cell_of_an_engine_says_what_broke_the_cage_and_else_which_limits_showed() -> None:
    posts = {"arrangement": POSTS.name}
    held, limit = finding(False), finding(True, where="accepted", limit=AHEAD, **posts)
    assert in_all_arrangements({"nftables": [held, held]}) == "held"
    assert in_all_arrangements({"nftables": [held], POSTS.name: [limit]}) == "limit: ahead"
    broken = finding(True, where="bridged")
    assert in_all_arrangements({"nftables": [held, broken], POSTS.name: [limit]}) == (
        "BROKEN (bridged); limit with the post's"
    )
