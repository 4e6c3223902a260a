"""The difference of two states, path by path, as Pulumi's bridge reports it.

Owns which path is named, and whether it replaces. In a set an element has no place: what is new is
named by its place in the program's inputs, what is gone by its place in the old state.
"""

import re
from collections.abc import Iterator

from tests.standins.docker.planning import DEFAULTS, element_of, filled, identity
from tests.standins.docker.schema import Attr, Schema
from tests.standins.resource import Change, Diff
from tests.standins.values import UNKNOWN, Properties, Value

PLAIN_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
DEMOTED = {
    Change.ADD_REPLACE: Change.ADD,
    Change.DELETE_REPLACE: Change.DELETE,
    Change.UPDATE_REPLACE: Change.UPDATE,
}
Changes = Iterator[tuple[str, Change]]


def diff(
    schema: Schema,
    prior: Properties,
    planned: Properties,
    inputs: Properties,
    *,
    delete_before_replace: bool,
) -> Diff:
    """What changes from `prior` to `planned`; nothing when they are one."""
    stables = {name for name, attr in schema.items() if attr.replaces}
    if planned is prior:
        return Diff(stables=tuple(stables))
    replacing = any(
        _takes_new(attr, prior.get(name), planned.get(name)) for name, attr in schema.items()
    )
    detailed: dict[str, Change] = {}
    for name, attr in schema.items():
        changes = _value(name, attr, prior.get(name), planned.get(name), inputs.get(name))
        detailed.update(changes)
    if not replacing:
        detailed = {path: DEMOTED.get(change, change) for path, change in detailed.items()}
    replaced = {
        path.partition(".")[0].partition("[")[0] for path in detailed if detailed[path].replaces
    }
    return Diff(
        detailed,
        changed=True,
        delete_before_replace=delete_before_replace and bool(replaced),
        stables=tuple(stables - replaced),
    )


def _takes_new(attr: Attr, old: Value, new: Value) -> bool:
    """Whether the Terraform side asks for a new resource.

    For a list or set of objects it looks at their number and at the fields, each by its own mark: a
    mark on the set alone does not see a change inside an element.
    """
    if new is UNKNOWN:
        return attr.replaces and not attr.output
    if identity(attr, old) == identity(attr, new):
        return False
    if attr.fields is None:
        return attr.replaces
    olds, news = _elements(old), _elements(new)
    if attr.replaces and len(olds) != len(news):
        return True
    fields = attr.fields
    if attr.kind in ("set", "object"):
        keys = {identity(Attr("object", fields=fields), item) for item in olds} ^ {
            identity(Attr("object", fields=fields), item) for item in news
        }
        changed = [i for i in [*olds, *news] if identity(Attr("object", fields=fields), i) in keys]
        if attr.kind == "object" and len(olds) == len(news) == 1 and not attr.replaces:
            return any(_takes_new(f, olds[0].get(n), news[0].get(n)) for n, f in fields.items())
        return any(_takes_new(f, None, item.get(n)) for item in changed for n, f in fields.items())
    return any(
        _takes_new(f, one.get(n), other.get(n))
        for one, other in zip(olds, news, strict=False)
        for n, f in fields.items()
    )


def _elements(value: Value) -> list[Properties]:
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]
    return [value] if isinstance(value, dict) else []


def _value(
    path: str, attr: Attr, old: Value, new: Value, given: Value, *, parent_replaces: bool = False
) -> Changes:
    """The changes at and below a path; `given` is what the program's inputs have there."""
    replaces = attr.replaces or parent_replaces
    old, new = (None if value == [] else value for value in (old, new))
    if old is None or new is None or new is UNKNOWN:
        if old is None and new is None:
            return
        change = Change.ADD if old is None else Change.DELETE if new is None else Change.UPDATE
        shown = old if new is None else new
        if replaces or (shown is not UNKNOWN and _replaces_within(attr, shown)):
            change = change.replacing()
        yield path, change
    elif isinstance(old, dict) and isinstance(new, dict):
        yield from _entries(path, attr, old, new, given if isinstance(given, dict) else {})
    elif isinstance(old, list) and isinstance(new, list):
        known = given if isinstance(given, list) else []
        elements = _set if attr.kind == "set" else _list
        yield from elements(path, attr, old, new, known)
    elif old != new:
        yield path, Change.UPDATE.replacing() if replaces else Change.UPDATE


def _replaces_within(attr: Attr, value: Value) -> bool:
    if attr.fields is None:
        return False
    elements = _elements(value)
    if attr.kind in ("list", "set") and attr.replaces and elements:
        return True
    return any(
        attr.fields[name].replaces or _replaces_within(attr.fields[name], item)
        for element in elements
        for name, item in element.items()
        if name in attr.fields
    )


def _entries(path: str, attr: Attr, old: Properties, new: Properties, given: Properties) -> Changes:
    """Fields of an object, or keys of a map."""
    for name in sorted((old.keys() | new.keys()) - {DEFAULTS}):
        field = attr.fields[name] if attr.fields is not None else Attr("string")
        below = f"{path}.{name}" if PLAIN_NAME.fullmatch(name) else f'{path}["{name}"]'
        yield from _value(
            below,
            field,
            old.get(name),
            new.get(name),
            given.get(name),
            parent_replaces=attr.replaces,
        )


def _list(path: str, attr: Attr, old: list[Value], new: list[Value], given: list[Value]) -> Changes:
    if attr.fields is not None:
        element = element_of(attr)
        for index in range(max(len(old), len(new))):
            before, after, known = (_at(items, index) for items in (old, new, given))
            below = f"{path}[{index}]"
            yield from _value(below, element, before, after, known, parent_replaces=attr.replaces)
        return
    changes: dict[int, Change] = {}
    for index, change in _edits(old, new):
        changes[index] = Change.UPDATE if index in changes else change
    for index, change in changes.items():
        yield f"{path}[{index}]", change.replacing() if attr.replaces else change


def _edits(old: list[Value], new: list[Value]) -> Iterator[tuple[int, Change]]:
    """The fewest removals and insertions, by the places of old and new; removals come first."""
    longest = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            longest[i][j] = (
                longest[i + 1][j + 1] + 1
                if old[i] == new[j]
                else max(longest[i + 1][j], longest[i][j + 1])
            )
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and old[i] == new[j]:
            i, j = i + 1, j + 1
        elif j == len(new) or (i < len(old) and longest[i + 1][j] >= longest[i][j + 1]):
            yield i, Change.DELETE
            i += 1
        else:
            yield j, Change.ADD
            j += 1


def _set(path: str, attr: Attr, old: list[Value], new: list[Value], given: list[Value]) -> Changes:
    element = element_of(attr)
    old_keys = {identity(element, item): index for index, item in enumerate(old)}
    new_keys = {identity(element, item): index for index, item in enumerate(new)}
    gone = {index: old[index] for key, index in old_keys.items() if key not in new_keys}
    added = [index for key, index in new_keys.items() if key not in old_keys]
    if not gone and not added:
        return
    places = _places_in_inputs(element, [new[index] for index in sorted(added)], new, given)
    if places is None:
        yield path, Change.UPDATE_REPLACE if attr.replaces else Change.UPDATE
        return
    for index in sorted(gone.keys() | places.keys()):
        below = f"{path}[{index}]"
        before, after, known = gone.get(index), places.get(index), _at(given, index)
        yield from _value(below, element, before, after, known, parent_replaces=attr.replaces)


def _places_in_inputs(
    element: Attr, added: list[Value], new: list[Value], given: list[Value]
) -> dict[int, Value] | None:
    """Where the program wrote each new element; None unless every one of them is found."""
    if len(given) < len(new):
        return None
    places: dict[int, Value] = {}
    for item in added:
        for index, candidate in enumerate(given):
            if index not in places and _could_come_from(element, candidate, item):
                places[index] = item
                break
    return places if len(places) == len(added) else None


def _could_come_from(attr: Attr, given: Value, planned: Value) -> bool:
    """Whether the program's text, defaults included, is the planned value.

    Strictly: a field that the program leaves out and the plan fills with "" or false is a mismatch,
    and so is any object inside it.
    """
    if isinstance(planned, dict) and attr.fields is not None:
        if not isinstance(given, dict):
            return False
        return all(
            field.kind != "object" and _could_come_from(field, given.get(name), planned[name])
            for name, field in attr.fields.items()
            if name in planned
        )
    if given is None:
        return planned in ([], {}, None)
    return filled(attr, given) == planned


def _at(items: list[Value], index: int) -> Value:
    return items[index] if index < len(items) else None
