"""Property values on the wire."""

import pytest
from google.protobuf import json_format, struct_pb2

from tests.standins.values import (
    OUTPUT,
    SIGNATURE,
    UNKNOWN,
    UNKNOWN_STRING,
    Properties,
    Refused,
    Secret,
    Value,
    decode,
    encode,
    has_unknown,
    reveal,
)


def wire(value: object) -> struct_pb2.Struct:
    return json_format.ParseDict({"it": value}, struct_pb2.Struct())


def test_values_survive_the_way_out_and_back() -> None:
    properties: Properties = {
        "text": "a",
        "number": 1.5,
        "flag": False,
        "list": ["a", UNKNOWN, Secret("b")],
        "object": {"inner": Secret({"deep": [True]})},
        "unknown": UNKNOWN,
    }
    assert decode(encode(properties)) == properties


def test_nulls_are_dropped_as_the_official_plugin_drops_them() -> None:
    assert decode(wire({"gone": None, "kept": ""})) == {"it": {"kept": ""}}


@pytest.mark.parametrize(
    ("output", "meant"),
    [
        ({"value": "a"}, "a"),
        ({"value": "a", "secret": True}, Secret("a")),
        ({}, UNKNOWN),
        ({"secret": True}, Secret(UNKNOWN)),
    ],
)
def test_an_output_value_is_its_value_secret_or_unknown(
    output: dict[str, object], meant: object
) -> None:
    assert decode(wire({SIGNATURE: OUTPUT, **output})) == {"it": meant}


def test_every_sentinel_for_unknown_is_understood() -> None:
    assert decode(wire("dd056dcd-154b-4c76-9bd3-c8f88648b5ff")) == {"it": UNKNOWN}
    assert encode({"it": UNKNOWN}).fields["it"].string_value == UNKNOWN_STRING


def test_assets_are_refused_by_name() -> None:
    with pytest.raises(Refused, match="asset"):
        decode(wire({SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "text": "a"}))


def test_secrets_and_unknowns_are_found_at_any_depth() -> None:
    value: Value = [{"a": Secret(["b", UNKNOWN])}]
    assert has_unknown(value)
    assert reveal(value) == [{"a": ["b", UNKNOWN]}]
