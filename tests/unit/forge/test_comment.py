"""How a text is cut to size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.tools.forge.comment import CUT, LIMIT, MARKER, REVIEW, ROOM, body, cut, parts_of

LINES = st.lists(
    st.sampled_from(["", "text", "`" * 3, "`" * 5, "~~~", "<details>", "</details>", "x" * 90]),
    max_size=60,
)


@given(LINES, st.integers(min_value=len(CUT), max_value=400))
def test_a_cut_text_has_room(lines: list[str], room: int) -> None:
    assert len(cut("\n".join(lines), room)) <= room


def test_a_text_with_room_stays_as_it_is() -> None:
    assert cut("```\nopen", 100) == "```\nopen"


@pytest.mark.parametrize("fence", ["```", "~~~~", "`````"])
def test_a_code_block_and_a_folded_section_are_closed(fence: str) -> None:
    text = "<details>\n" + f"{fence}text\n" + "line\n" * 1000 + f"{fence}\n</details>"
    short = cut(text, 500)
    assert short.endswith(f"\nline\n{fence}\n\n</details>{CUT}")


def test_a_text_of_one_endless_line_leaves_the_remark() -> None:
    assert cut("x" * 1000, 100) == CUT.lstrip()


def test_all_parts_at_their_largest_are_one_comment() -> None:
    parts = {name: "y\n" * room for name, room in ROOM.items()}
    assert len(body(parts)) <= LIMIT


def test_a_part_survives_being_written_and_read() -> None:
    assert parts_of(body({REVIEW: "a\n\nb"})) == {REVIEW: "a\n\nb"}
    assert parts_of(MARKER) == {}
