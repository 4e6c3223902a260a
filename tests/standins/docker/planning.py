"""Checks inputs and plans: what the state would be after an update.

A state maps attribute names to values; what is not there is unset. Unset and zero ("", 0, false,
empty) are the same for the official plugin wherever it compares, and here too.
"""

import json
from collections.abc import Iterator

from tests.standins.docker.schema import Attr, Schema
from tests.standins.server import CheckFailure
from tests.standins.values import UNKNOWN, Properties, Value, has_unknown

DEFAULTS = "__defaults"  # names of the inputs that the program did not give; the engine hides it
ZERO: dict[str, Value] = {"string": "", "bool": False, "int": 0}


def check(schema: Schema, news: Properties, resource: str) -> tuple[Properties, list[CheckFailure]]:
    """Inputs with defaults, and every reason to refuse them."""
    failures = [CheckFailure(reason) for reason in _failures(schema, news, resource, "")]
    return _with_defaults(schema, news), failures


def _failures(schema: Schema, news: Properties, resource: str, prefix: str) -> Iterator[str]:
    for name, value in news.items():
        path = f"{prefix}{name}"
        attr = schema.get(name)
        if attr is None or attr.output:
            yield (f"Invalid or unknown key. Examine values at '{resource}.{path}'.")
        elif attr.refused:
            yield f"the stand-in for pulumi-docker has no {path} (in resource '{resource}')"
        else:
            yield from _value_failures(attr, value, resource, path)
    for name, attr in schema.items():
        if attr.required and name not in news:
            yield (
                f"Missing required argument. The argument '{name}' is required, but no definition"
                f" was found.. Examine values at '{resource}.{prefix}{name}'."
            )


def _value_failures(attr: Attr, value: Value, resource: str, path: str) -> Iterator[str]:
    if value is UNKNOWN:
        return
    wanted: tuple[type, ...] = {
        "string": (str,),
        "bool": (bool,),
        "int": (int, float),
        "list": (list,),
        "set": (list,),
        "map": (dict,),
        "object": (dict,),
    }[attr.kind]
    if not isinstance(value, wanted) or (attr.kind == "int" and isinstance(value, bool)):
        yield (
            f"{path}: a {attr.kind} is wanted, not {value!r}. Examine values at"
            f" '{resource}.{path}'."
        )
        return
    if attr.validate and (reason := attr.validate(value)):
        yield f"{reason}. Examine values at '{resource}.{path}'."
    if isinstance(value, list):
        for index, item in enumerate(value):
            if attr.fields is not None and isinstance(item, dict):
                yield from _failures(attr.fields, item, resource, f"{path}[{index}].")
            elif attr.fields is None and not (isinstance(item, str) or item is UNKNOWN):
                yield (
                    f"{path}[{index}]: a string is wanted, not {item!r}. Examine values at"
                    f" '{resource}.{path}[{index}]'."
                )
    elif isinstance(value, dict) and attr.fields is not None:
        yield from _failures(attr.fields, value, resource, f"{path}.")


def _with_defaults(schema: Schema, news: Properties) -> Properties:
    """Inputs as the state keeps them: a default that is false, 0 or "" is not written down."""
    inputs = {name: _input(schema.get(name), value) for name, value in news.items()}
    defaults = {
        name: attr.default for name, attr in schema.items() if attr.default and name not in news
    }
    names: list[Value] = list(sorted(defaults))
    return {**inputs, **defaults, DEFAULTS: names}


def _input(attr: Attr | None, value: Value) -> Value:
    if attr is None or attr.fields is None:
        return value
    if isinstance(value, list):
        return [
            _with_defaults(attr.fields, item) if isinstance(item, dict) else item for item in value
        ]
    return _with_defaults(attr.fields, value) if isinstance(value, dict) else value


def plan(schema: Schema, prior: Properties | None, inputs: Properties) -> Properties:
    """The state that `inputs` would lead to; `prior` itself when nothing differs."""
    planned: Properties = {}
    for name, attr in schema.items():
        have = prior.get(name) if prior is not None else None
        value = _planned(attr, have, inputs.get(name), new=prior is None)
        if value is not None:
            planned[name] = value
    if prior is not None and all(
        same(attr, prior.get(name), planned.get(name)) for name, attr in schema.items()
    ):
        return prior
    return planned


def _planned(attr: Attr, have: Value, want: Value, *, new: bool) -> Value:
    if attr.output or (attr.computed and _unset(attr, want)):
        # A list that should have been filled in and was not is expected from the next update.
        unfilled = attr.output and attr.kind == "list" and have is None
        return UNKNOWN if new or unfilled else have
    if want is None or _unset(attr, want):
        want = attr.default if attr.default is not None else want
    if want is UNKNOWN:
        return UNKNOWN
    if want is None or (attr.empty_keeps and want == "") or _unset(attr, want):
        keeps = attr.empty_keeps or same(attr, have, None)
        return have if keeps else None
    return have if not new and same(attr, have, want) else filled(attr, want)


def _unset(attr: Attr, want: Value) -> bool:
    """Objects cannot be given empty: that is the same as leaving them out."""
    blocks = attr.fields is not None and attr.kind in ("list", "set")
    empty_text = attr.computed and attr.kind == "string" and want == ""
    return want is None or (blocks and want == []) or empty_text


def same(attr: Attr, one: Value, other: Value) -> bool:
    """Whether the official plugin sees no difference."""
    if has_unknown(one) or has_unknown(other):
        return False
    return _canonical(attr, one) == _canonical(attr, other)


def _canonical(attr: Attr, value: Value) -> str:
    return json.dumps(_sorted(attr, filled(attr, value)), sort_keys=True)


def _sorted(attr: Attr, value: Value) -> Value:
    if isinstance(value, dict) and attr.fields is not None:
        return {name: _sorted(attr.fields[name], item) for name, item in value.items()}
    if isinstance(value, list) and attr.fields is not None:
        element = Attr("object", fields=attr.fields)
        items = [_sorted(element, item) for item in value]
    elif isinstance(value, list):
        items = list(value)
    else:
        return value
    if attr.kind == "set":
        unique = {json.dumps(item, sort_keys=True): item for item in items}
        return [unique[key] for key in sorted(unique)]
    return items


def filled(attr: Attr, value: Value) -> Value:
    """The value with zeros for what is unset inside it, numbers as integers."""
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return int(value)
    if value is None:
        if attr.kind == "object":
            return None
        return ZERO[attr.kind] if attr.kind in ZERO else ({} if attr.kind == "map" else [])
    if attr.kind == "map" and isinstance(value, dict):
        return {name: _text(item) for name, item in value.items() if name != DEFAULTS}
    if attr.fields is not None and isinstance(value, dict):
        return _filled_object(attr.fields, value)
    if attr.fields is not None and isinstance(value, list):
        return [
            _filled_object(attr.fields, item) if isinstance(item, dict) else item for item in value
        ]
    return value


def _filled_object(fields: Schema, value: Properties) -> Value:
    result: Properties = {}
    for name, attr in fields.items():
        if attr.refused:
            continue
        given = value.get(name)
        item = filled(attr, attr.default if given is None else given)
        if item is not None:
            result[name] = item
    return result


def _text(value: Value) -> Value:
    """Maps hold strings only."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:g}"
    return value
