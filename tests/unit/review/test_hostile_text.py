"""A pull request's author chooses names and remarks: none may become markup or a command.

The settings refuse most of it; these tests do not rely on that.
"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.egress.model import Protocol
from newt_tunnel.stackfile.reach_entries import EntryPorts, ReachEntry
from newt_tunnel.stackfile.untrusted_text import code, mermaid, prose, sanitized
from newt_tunnel.tools.review.markdown import markdown
from newt_tunnel.tools.review.picture import picture
from newt_tunnel.tools.review.stack_reviews import review
from tests.unit.egress.strategies import bounded
from tests.unit.review.changing import compared, stack_file, state
from tests.unit.settings.example import shipped

_NASTY = (
    "`` ` @everyone <img src=x onerror=alert(1)> [a](javascript:b) #1 | \\ \n# title\n"
    '::set-output name=a::b ##[set-output]c \u202egnol \x1b[31m --> %% "]; click t0 href'
)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", re.DOTALL)


@bounded
@given(st.text(max_size=80) | st.just(_NASTY))
def test_a_code_span_ends_where_it_is_meant_to_end(text: str) -> None:
    span = code(text)
    assert _SPAN.fullmatch(span), "one span from the first character to the last"
    assert "|" not in span
    assert "##[" not in span
    assert span.isprintable()


@bounded
@given(st.text(max_size=80) | st.just(_NASTY))
def test_a_label_has_nothing_that_mermaid_reads(text: str) -> None:
    label = re.sub(r"#[0-9]+;", "", mermaid(text))
    assert not re.search(r'["#;<>\[\](){}|`%@&:\\\n]', label)


@bounded
@given(st.text(max_size=80) | st.just(_NASTY))
def test_prose_has_no_markup_and_calls_nobody(text: str) -> None:
    said = prose(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>#|~!&]", said)
    assert not re.search(r"@\w", said)
    assert said.replace("\u200b", "").isprintable()


def test_text_is_cut() -> None:
    assert len(sanitized("a" * 10_000)) < 600
    assert len(mermaid("a" * 10_000)) < 600


def test_a_hostile_file_name_and_value_stay_in_their_code_spans() -> None:
    tree = shipped()
    tree["egress"] = [{"name": _NASTY, "host": _NASTY, "port": _NASTY}]
    tree["docker"]["hook"] = _NASTY
    before = state("base", {"nas": stack_file(shipped())})
    after = state("head", {"nas": stack_file(tree), f"x{_NASTY}": "a: 1"})
    text = markdown(review(before, after))
    outside = _SPAN.sub("", text)
    for sign in ("@everyone", "<img", "javascript", "::set", "\x1b", "\u202e"):
        assert sign not in outside
    assert "Pulumi.x" in text, "what is not looked at is told"
    assert not re.search(r"^\s*(::|# )", text, re.MULTILINE)


def test_a_picture_of_hostile_text_is_one_line_per_target() -> None:
    one = ReachEntry(
        name=_NASTY,
        place=_NASTY,  # type: ignore[arg-type]
        ports=(EntryPorts(Protocol.TCP, (), (_NASTY,)),),
        origin="egress",
    )
    lines = list(picture(_NASTY, (one,), {one}))
    assert len(lines) == 5
    assert re.fullmatch(r'  newt -->\|"[^"|]*"\| t0\["[^"\]]*"\]', lines[2])


def test_a_flood_of_entries_is_cut_and_hides_no_risk() -> None:
    many = [
        {"name": f"a{n}", "host": f"10.7.{n // 250}.{n % 250 + 1}", "port": 80} for n in range(450)
    ]
    text = markdown(
        compared(
            {"egress": [*many, {"name": "zz", "host": "10.8.0.9", "port": 22}]}, {"egress": []}
        )
    )
    assert "- `zz`: `10.8.0.9`, `22/tcp`" in text
    assert re.search(r"- and [0-9]+ more, which `--json` lists", text)
    assert re.search(r'more\["and [0-9]+ more"\]', text)
    assert len(text) < 20_000, "a forge's comment holds 65,536 characters"
