"""The text of a blueprint: what every reader of YAML reads alike, and what is refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.blueprint.document import MAX_CHARACTERS, parse
from newt_tunnel.blueprint.reading import read
from newt_tunnel.blueprint.unusable import Unusable
from tests.unit.blueprint.given import text_of
from tests.unit.egress.strategies import bounded

SECRET = "correct-horse"


def refusal(text: str) -> str:
    with pytest.raises(Unusable) as caught:
        parse(text)
    return caught.value.fault.remedy


def test_maps_lists_and_plain_values_are_read_as_they_stand() -> None:
    text = 'a: {b: [1, -2, "3", three, null, ~, true, False]}\nempty:\n'
    assert parse(text) == {
        "a": {"b": [1, -2, "3", "three", None, None, True, False]},
        "empty": None,
    }


def test_an_empty_file_is_an_empty_blueprint() -> None:
    assert parse("") == parse("# nothing yet\n") == {}


@pytest.mark.parametrize(
    "value", ["010", "0o17", "0x50", "1:30", "1_000", "+80", "80.0", "8e1", "yes", "no", "on"]
)
def test_what_readers_of_yaml_disagree_about_stays_text(value: str) -> None:
    assert parse(f"port: {value}") == {"port": value}


@pytest.mark.parametrize(
    "text",
    ["a: *x", "a: &x 1\nb: *x", "a: &x {b: 1}\nc: {<<: {d: 1}}", "a: &x 1"],
    ids=["alias", "both", "map", "anchor"],
)
def test_anchors_and_aliases_are_refused(text: str) -> None:
    assert "anchor or an alias" in refusal(text)


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    began = time.monotonic()
    assert refusal("\n".join(levels)).startswith("line 1: holds an anchor")
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_a_deeply_nested_file_is_refused_at_once(opening: str) -> None:
    began = time.monotonic()
    assert "nested deeper" in refusal(opening * 20_000)
    assert time.monotonic() - began < 20


def test_a_huge_file_is_refused_unread() -> None:
    assert f"more than the {MAX_CHARACTERS}" in refusal("#" * (MAX_CHARACTERS + 1))


def test_a_merge_key_a_tag_and_a_second_document_are_refused() -> None:
    assert "merge key" in refusal("a: {<<: {b: 1}}")
    assert "tag" in refusal("a: !!python/object/apply:os.system [true]")
    assert "tag" in refusal("a: !secret x")
    assert "second document" in refusal("a: 1\n---\nb: 2\n")


def test_a_key_written_twice_is_refused_with_its_line() -> None:
    assert refusal("a:\n  b: 1\n  b: 2\n").startswith("line 3: repeats a key")
    assert "line 2: repeats a key" in refusal("1: a\n'1': b\n")


ODD_BREAKS = ["\x85", "\u2028", "\u2029", "\r"]


@pytest.mark.parametrize("mark", ODD_BREAKS, ids=ascii)
@pytest.mark.parametrize("quote", ["'", '"'])
def test_an_odd_end_of_a_line_is_data_in_quotes(mark: str, quote: str) -> None:
    text = f"a: {quote}x{mark}private-resources: y{quote}\n{quote}{mark}{quote}: 2\n"
    assert parse(text) == {"a": f"x{mark}private-resources: y", mark: 2}


@pytest.mark.parametrize("mark", ODD_BREAKS, ids=ascii)
@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n# harmless{}b: 2\n",
        "a: 1\nc: x{}b: 2\n",
        "a: 1\nc: {}b: 2\n",
        "a: |\n  x{}b: 2\n",
        "a: 'x'\nc: d{}b: 'x'\n",
        "a: 1\n{}",
    ],
)
def test_elsewhere_it_is_no_end_of_a_line_but_a_fault_with_its_line(text: str, mark: str) -> None:
    """newt's library (yaml.v3) reads a second key there, and a reviewer sees a comment."""
    assert refusal(text.format(mark)).startswith(f"line 2: holds U+{ord(mark):04X}")


def test_a_file_with_the_line_ends_of_windows_is_read() -> None:
    assert parse("a: 1\r\nb: [x,\r\n  y]\r\n") == {"a": 1, "b": ["x", "y"]}


def test_a_file_full_of_odd_line_ends_is_read_or_refused_at_once() -> None:
    began = time.monotonic()
    assert "U+2028" in refusal("\u2028" * 200_000)
    many = ", ".join(["'\u2028'"] * 20_000)
    assert parse(f"a: [{many}]") == {"a": ["\u2028"] * 20_000}
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("text", ["[1, 2]", "text", "- a", "42"])
def test_what_is_no_map_is_no_blueprint(text: str) -> None:
    assert "is not a blueprint" in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: {{env.HOST}}",
        'a: "{{env.HOST}}"',
        "a: {{ env.HOST }}",
        "# {{env.HOST}}",
        "a: x{{env.}}",
        "a: {{env.A\nb}}",
    ],
)
def test_what_newt_would_fill_in_is_an_error_wherever_it_stands(text: str) -> None:
    assert refusal(text).startswith("line 1: ")
    assert "filled in by newt" in refusal(text)


def test_the_name_of_a_placeholder_is_shown_only_where_it_is_one() -> None:
    assert "{{env.GITEA_HOST}}" in refusal("\n\na: {{env.GITEA_HOST}}")
    assert SECRET not in refusal(f"a: {{{{env.X {SECRET}}}}}")


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\ta: 1", "a: 'x", "a: \x00", "%YAML 9.9\n"])
def test_what_is_no_yaml_is_refused_with_the_line(text: str) -> None:
    assert "is not YAML" in refusal(text) or "line" in refusal(text)


@pytest.mark.parametrize("text", ["a: [{}", "a: '{}", "a: {}: {}", "{}: 1\n{}: 2", "&{} a"])
def test_no_error_repeats_a_piece_of_the_file(text: str) -> None:
    """A blueprint may hold passwords, and not only where they belong."""
    assert SECRET not in refusal(text.replace("{}", SECRET))


@bounded
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    read(text)


KEYS = (
    *("public-resources", "private-resources", "proxy-resources", "web", "targets"),
    *("site", "sites", "hostname", "port", "mode", "method", "enabled", "healthcheck"),
    *("destination", "destination-port", "tcp-ports", "udp-ports", "auth-daemon"),
)
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 70_000)
    | st.sampled_from(["*", "", "22,80", "10.0.1.0/24", "http", "host", "cidr", "ssh", "nas", "x"])
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@bounded
@given(st.dictionaries(st.sampled_from(["public-resources", "private-resources"]), TREES))
def test_any_tree_gives_exposures_or_faults(tree: dict[str, object]) -> None:
    read(text_of(tree), site="nas", all_ports=frozenset({"web"}))
