"""Inputs as Kubernetes' own Go types would write them.

The official plugin turns inputs of a built-in kind into the Go type and back, and keeps only what
was there before and after. So a field that the type lacks, a zero value that it omits (`ingress:
[]`, `readOnly: false`, `value: ""`) and a quantity's notation (`1000m`) vanish before anything is
compared or sent. Inputs that do not fit their type are left for the API server to refuse.

`types.json` was recorded from k8s.io/api: for each struct its fields as `[?]type`, where `?` marks
what is omitted at its zero value, `[]x` a list and `{}x` a map.
"""

import base64
import binascii
import functools
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.standins.kubernetes.api import Object

QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d+))?")
DECIMAL = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
KILO, KIBI = 1000, 1024
SMALLEST = Fraction(1, KILO**3)


class _Unfit(Exception):
    """A value that its Go type does not take."""


def written(value: Object) -> Object:
    """The object after a way through its Go type; itself when the type does not take it."""
    types = _types()
    name = types["kinds"].get(f"{value.get('apiVersion')}/{value.get('kind')}")
    if name is None:
        return value
    try:
        result: Object = _struct(name, value)
    except _Unfit:
        return value
    return result


def structs() -> dict[str, dict[str, str]]:
    """Every Go struct with its fields."""
    found: dict[str, dict[str, str]] = _types()["structs"]
    return found


def fields_of(api_version: str, kind: str) -> dict[str, str]:
    """The fields of a kind; none where it was not recorded."""
    return structs().get(_types()["kinds"].get(f"{api_version}/{kind}", ""), {})


@functools.cache
def _types() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((Path(__file__).parent / "types.json").read_text())
    return loaded


def _struct(name: str, value: Any) -> Object:
    if not isinstance(value, dict):
        raise _Unfit
    result = {}
    for key, kind in _types()["structs"][name].items():
        if key in value:
            taken = _value(kind.removeprefix("?"), value[key])
            if taken or not kind.startswith("?"):
                result[key] = taken
    return result


def _value(kind: str, value: Any) -> Any:
    if kind.startswith("[]"):
        if not isinstance(value, list):
            raise _Unfit
        return [_value(kind[2:], item) for item in value]
    if kind.startswith("{}"):
        if not isinstance(value, dict):
            raise _Unfit
        return {key: _value(kind[2:], item) for key, item in value.items()}
    if kind in _types()["structs"]:
        return _struct(kind, value)
    return _scalar(kind, value)


def _scalar(kind: str, value: Any) -> Any:
    match kind, value:
        case "any", _:
            return value
        case "bool", bool():
            return value
        case "string" | "intOrString" | "time", str():
            return value
        case "int" | "intOrString", int() | float() if not isinstance(value, bool):
            if value == int(value):
                return int(value)
        case "bytes", str():
            try:
                base64.b64decode(value, validate=True)
            except binascii.Error as error:
                raise _Unfit from error
            return value
        case "quantity", str() | int() | float() if not isinstance(value, bool):
            return quantity(value)
    raise _Unfit


def quantity(value: str | float) -> str:
    """The canonical notation: no fraction, the largest suffix that allows for that."""
    parts = QUANTITY.fullmatch(value if isinstance(value, str) else json.dumps(value))
    if parts is None:
        raise _Unfit
    digits, suffix, exponent = parts[1], parts[2] or "", parts[3]
    number = Fraction(digits.removeprefix("+"))
    if suffix in BINARY:
        number *= KIBI ** BINARY[suffix]
        if abs(number) >= KIBI:
            return _with_suffix(number, KIBI, {power: name for name, power in BINARY.items()})
    elif exponent is not None:
        number *= Fraction(10) ** int(exponent)
        powers = {power: f"e{3 * power}" for power in DECIMAL.values() if power}
        return _with_suffix(_rounded(number), KILO, powers)
    else:
        number *= Fraction(KILO) ** DECIMAL[suffix]
    powers = {power: name for name, power in DECIMAL.items()}
    return _with_suffix(_rounded(number), KILO, powers)


def _rounded(number: Fraction) -> Fraction:
    """Nothing is smaller than a nano: fractions of it are rounded away from zero."""
    steps = number / SMALLEST
    away = -((-abs(steps)) // 1)
    return Fraction(away if steps >= 0 else -away) * SMALLEST


def _with_suffix(number: Fraction, base: int, suffixes: dict[int, str]) -> str:
    if number == 0:
        return "0"
    for power in sorted(suffixes, reverse=True):
        mantissa = number / Fraction(base) ** power
        if mantissa.denominator == 1:
            return f"{mantissa}{suffixes[power]}"
        if power == 1 and number.denominator == 1:
            return str(number)
    raise _Unfit
