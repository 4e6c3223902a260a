"""The inputs of remote.Command: defaults, secrecy, refusals, and what counts as a change."""

from typing import Any

import pytest

from tests.standins import objectdiff
from tests.standins.command.dial import parse_host_key
from tests.standins.command.inputs import REPLACE_ON, check
from tests.standins.command.quoting import go_quote
from tests.standins.resource import Change
from tests.standins.values import UNKNOWN, Properties, Secret

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICQyIQP98UnXhe96eTCwjjm8E19GJHISLceded1QJPIb"


def test_connection_gets_its_defaults_and_is_secret_as_a_whole() -> None:
    inputs, failures = check({"connection": {"host": "h", "privateKey": "k"}})
    assert not failures
    assert inputs["connection"] == Secret(
        {
            "host": "h",
            "privateKey": Secret("k"),
            "user": "root",
            "port": 22,
            "dialErrorLimit": 10,
            "perDialTimeout": 15,
        }
    )


def test_what_the_program_gives_is_not_replaced_by_a_default() -> None:
    given: Properties = {"host": "h", "user": "u", "port": 2.0, "dialErrorLimit": 0.0}
    inputs, _ = check({"connection": Secret({**given, "perDialTimeout": 0.0})})
    assert inputs["connection"] == Secret({**given, "perDialTimeout": 0.0})


def test_unknown_inputs_stay_unknown() -> None:
    inputs, failures = check({"connection": {"host": UNKNOWN}, "create": UNKNOWN})
    assert not failures
    assert inputs["create"] is UNKNOWN
    assert check({"connection": UNKNOWN})[0]["connection"] == Secret(UNKNOWN)


@pytest.mark.parametrize(
    ("inputs", "property_", "reason"),
    [
        ({}, "connection", "Missing required field 'connection'"),
        ({"connection": {}}, "connection", "Missing required field 'host'"),
        ({"connection": {"host": "h"}, "craete": "x"}, "craete", "Unrecognized field 'craete'"),
        (
            {"connection": {"host": "h", "host_key": "x"}},
            "connection",
            "Unrecognized field 'host_key'",
        ),
        ({"connection": {"host": "h"}, "create": 1.0}, "create", "must be a 'string'"),
        ({"connection": {"host": "h", "port": "22"}}, "connection", "must be a 'float64'"),
        ({"connection": {"host": "h", "proxy": {"host": "p"}}}, "connection", "stand-in"),
    ],
)
def test_wrong_inputs_are_refused_by_name(inputs: Properties, property_: str, reason: str) -> None:
    (failure,) = check(inputs)[1]
    assert failure.property == property_
    assert reason in failure.reason


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"create": "a"}, {"create": "a"}, {}),
        ({"create": "a"}, {"create": "b"}, {"create": Change.UPDATE}),
        ({}, {"update": "u"}, {"update": Change.ADD}),
        ({"delete": "d"}, {}, {"delete": Change.DELETE}),
        ({}, {"triggers": ["a"]}, {"triggers": Change.ADD_REPLACE}),
        # The SDK's replace_on_changes makes a replacement of this one, not the plugin.
        ({"triggers": ["a"]}, {"triggers": ["b"]}, {"triggers[0]": Change.UPDATE}),
        ({"environment": {"A B": "1"}}, {"environment": {}}, {'environment["A B"]': Change.DELETE}),
        (
            {"connection": Secret({"host": "a"})},
            {"connection": Secret({"host": "b"})},
            {"connection": Change.UPDATE},
        ),
        ({"create": "a"}, {"create": UNKNOWN}, {"create": Change.UPDATE}),
    ],
)
def test_any_changed_input_is_a_change_at_its_path(
    old: Properties, new: Properties, expected: dict[str, Change]
) -> None:
    diff = objectdiff.diff(old, new, replace_on=REPLACE_ON)
    assert diff.detailed == expected
    assert diff.changed is bool(expected)


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"{KEY} nas\n",
        f"# comment\n\n{KEY}\nssh-ed25519 garbage",
        f"nas,10.0.1.10 {KEY}",
        f'from="10.0.1.20" {KEY} nas',
    ],
)
def test_the_first_line_with_a_public_key_counts(text: str) -> None:
    found = parse_host_key(text)
    assert found is not None
    assert found[0] == "ssh-ed25519"


@pytest.mark.parametrize(
    "text", ["", KEY.split()[1], "SHA256:abc", "ssh-ed25519", "ssh-ed25519 not-base64!"]
)
def test_a_host_key_that_is_none_is_not_found(text: str) -> None:
    assert parse_host_key(text) is None


def test_an_error_quotes_the_script_as_go_does() -> None:
    samples: dict[str, Any] = {
        'echo "a"\n\tb\\': r'"echo \"a\"\n\tb\\"',
        "grün\x00\x7f": r'"grün\x00\x7f"',
        "\u200b": r'"\u200b"',
    }
    for text, quoted in samples.items():
        assert go_quote(text) == quoted
