"""Checks inputs and plans: what the state would be after an update.

A state maps attribute names to values; what is not there is unset. Unset and zero ("", 0, false,
empty) are the same for the official plugin wherever it compares, and here too.
"""

import json
from collections.abc import Iterator

from tests.standins.docker.schema import Attr, Schema
from tests.standins.resource import CheckFailure
from tests.standins.values import UNKNOWN, Properties, Value, has_unknown

DEFAULTS = "__defaults"  # names of the inputs that the program did not give; the engine hides it
ZERO: dict[str, Value] = {"string": "", "bool": False, "int": 0}
UNSET_IN_OBJECTS: dict[str, Value] = {"string": "", "set": [], "list": []}


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
    names: list[Value] = [*sorted(defaults)]
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
        # What should have been filled in and was not is expected from the next update.
        unfilled = attr.kind in ("list", "map") and have is None
        return UNKNOWN if new or unfilled else have
    if want is None or _unset(attr, want):
        want = attr.default if attr.default is not None else want
    if want is UNKNOWN:
        # Terraform's SDK loses sight of computed objects that are unknown as a whole.
        lost = attr.computed and _is_block_list(attr) and have is not None
        return settled(attr, have) if lost else UNKNOWN
    if new and want == "":
        return want
    if want is None or (attr.empty_keeps and want == "") or _unset(attr, want):
        keeps = attr.empty_keeps or same(attr, have, None)
        removed = have is not None
        return settled(attr, have) if keeps and removed else unset(attr, removed=removed)
    return settled(attr, have) if not new and same(attr, have, want) else filled(attr, want)


def unset(attr: Attr, *, removed: bool = False) -> Value:
    """What the state has where nothing is given: an empty list where objects would be."""
    if attr.kind == "map" and removed:
        return {}
    return [] if _is_block_list(attr) else None


def _is_block_list(attr: Attr) -> bool:
    return attr.fields is not None and attr.kind in ("list", "set") and not attr.output


def _unset(attr: Attr, want: Value) -> bool:
    """Given empty is, but for lists of plain values, the same as left out."""
    empty_text = attr.computed and attr.kind == "string" and want == ""
    empty_list = want == [] and (_is_block_list(attr) or attr.kind == "set")
    return want is None or want == {} or empty_list or empty_text


def same(attr: Attr, one: Value, other: Value) -> bool:
    """Whether the official plugin sees no difference."""
    if has_unknown(one) or has_unknown(other):
        return False
    return identity(attr, one) == identity(attr, other)


def identity(attr: Attr, value: Value) -> str:
    """The same text for what is the same: zero and unset are, and sets have no order."""
    return json.dumps(_comparable(attr, value), sort_keys=True)


def _comparable(attr: Attr, value: Value) -> object:
    if value is UNKNOWN:
        return "(unknown)"
    if value is None:
        return ZERO.get(attr.kind, [])
    if attr.fields is not None and isinstance(value, dict):
        return {
            name: _comparable(field, _or_default(field, value.get(name)))
            for name, field in attr.fields.items()
            if not field.refused
        }
    if attr.kind == "map" and isinstance(value, dict):
        return filled(attr, value) or []
    if not isinstance(value, list):
        return filled(attr, value)
    items = [_comparable(element_of(attr), item) for item in value]
    if attr.kind != "set":
        return items
    unique = {json.dumps(item, sort_keys=True): item for item in items}
    return [unique[key] for key in sorted(unique)]


def settled(attr: Attr, value: Value) -> Value:
    """A value that was in state before: what was unset inside a set is zero from then on."""
    return filled(attr, value, zeros=attr.kind == "set")


def filled(attr: Attr, value: Value, *, zeros: bool = False) -> Value:
    """The value as the state has it: integers, sets in order, in objects no unset text or list.

    A list or map of plain values in which one is unknown is unknown as a whole.
    """
    if isinstance(value, float):
        return int(value)
    if attr.fields is None and UNKNOWN in _items(value):
        return UNKNOWN
    if attr.kind == "map" and isinstance(value, dict):
        return {name: _text(item) for name, item in value.items() if name != DEFAULTS}
    if attr.fields is not None and isinstance(value, dict):
        return _filled_object(attr.fields, value, zeros=zeros)
    if isinstance(value, list):
        element = element_of(attr)
        items = [filled(element, item, zeros=zeros) for item in value]
        if attr.kind != "set":
            return items
        return sorted(items, key=lambda item: _set_order(element, item))
    return value


def _items(value: Value) -> list[Value]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def element_of(attr: Attr) -> Attr:
    """What one element of a list or set is."""
    return Attr("object" if attr.fields is not None else "string", fields=attr.fields)


def _filled_object(fields: Schema, value: Properties, *, zeros: bool) -> Value:
    result: Properties = {}
    for name, attr in fields.items():
        item = filled(attr, _or_default(attr, value.get(name)), zeros=zeros)
        if item is None and not attr.refused:
            item = (ZERO | UNSET_IN_OBJECTS if zeros else UNSET_IN_OBJECTS).get(attr.kind)
        if item is not None:
            result[name] = item
    return result


def _set_order(attr: Attr, value: Value) -> str:
    """The order of a set's elements: by the text that the Terraform side makes of each."""
    match value:
        case None:
            return "~" if attr.kind != "object" else "[]"
        case bool():
            return "T" if value else "F"
        case int() | float():
            return f"{value:g}"
        case str():
            return json.dumps(value)
        case list():
            return f"[{''.join(f'{_set_order(element_of(attr), item)};' for item in value)}]"
        case dict():
            fields = attr.fields or {name: Attr("string") for name in value}
            texts = (_set_order(fields[name], value.get(name)) for name in sorted(fields))
            return f"<{''.join(f'{text};' for text in texts)}>"
    return "?"


def _or_default(attr: Attr, value: Value) -> Value:
    return attr.default if value is None else value


def _text(value: Value) -> Value:
    """Maps hold strings only."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:g}"
    return value
