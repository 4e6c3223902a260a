"""The difference of two objects, path by path, as the official plugin computes it.

It makes a JSON merge patch (for a Release a three-way one) and walks it beside the old and new
values. Lists are compared by index, so a rule put first shows as a change of every rule.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from tests.standins.kubernetes.api import Object
from tests.standins.protocol import provider_pb2
from tests.standins.resource import Change, Diff
from tests.standins.values import UNKNOWN

STEP = re.compile(r"\.([A-Za-z0-9]+)|(\[\*\])")
QUOTED = re.compile(r'[."\[\]]')
# How Go's JSON encoder writes an unknown value.
UNKNOWN_JSON = {"Element": {"V": ""}}

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class PathDiff(Diff):
    """A diff whose replacing paths are told in full, with removed values shown from the inputs."""

    replaces: tuple[str, ...] = ()
    diffs: tuple[str, ...] = ()

    @override
    def message(self) -> provider_pb2.DiffResponse:
        """The answer on the wire."""
        removed = (Change.DELETE, Change.DELETE_REPLACE)
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some if self.changed else none,
            diffs=self.diffs,
            replaces=self.replaces,
            deleteBeforeReplace=self.delete_before_replace,
            hasDetailedDiff=bool(self.detailed) or not self.diffs,
            detailedDiff={
                path: provider_pb2.PropertyDiff(kind=kind.value, inputDiff=kind in removed)
                for path, kind in self.detailed.items()
            },
        )


class _Missing:
    """Where a map has no such key."""


MISSING = _Missing()


def merge_patch(old: Object, new: Object) -> Object:
    """What turns `old` into `new`: null removes, lists are replaced as a whole."""
    patch: Object = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif isinstance(value, dict) and isinstance(old[key], dict):
            if inner := merge_patch(old[key], value):
                patch[key] = inner
        elif not same(old[key], value):
            patch[key] = value
    return patch


def three_way_patch(original: Object, modified: Object, current: Object) -> Object:
    """Additions and changes against `current`, removals against `original`."""
    patch: Object = {key: None for key in original if key not in modified}
    for key, value in modified.items():
        before, now = original.get(key, MISSING), current.get(key, MISSING)
        if isinstance(value, dict):
            inner = three_way_patch(
                before if isinstance(before, dict) else {},
                value,
                now if isinstance(now, dict) else {},
            )
            if inner or not isinstance(now, dict):
                patch[key] = inner if isinstance(now, dict) else value
        elif not same(now, value):
            patch[key] = value
    return patch


def same(one: Any, other: Any) -> bool:
    """Equality in which true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def encoded(value: Any) -> Any:
    """With unknown values as Go's encoder writes them."""
    if value is UNKNOWN:
        return UNKNOWN_JSON
    if isinstance(value, dict):
        return {key: encoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [encoded(item) for item in value]
    return value


def detailed(
    patch: Object,
    old_state: Object,
    new_inputs: Object,
    old_inputs: Object,
    replaced_by: Iterable[str],
) -> dict[str, Change]:
    """Property paths and how they change; what `replaced_by` matches replaces the resource."""
    patterns = tuple(replaced_by)
    found = {}
    for path, change, value in _object((), patch, old_state, new_inputs, old_inputs, False):
        replaces = any(matches(pattern, nested(path, value)) for pattern in patterns)
        found[written_path(path)] = change.replacing() if replaces else change
    return found


def _object(
    path: Path, patch: Object, old: Any, new_inputs: Any, old_inputs: Any, in_list: bool
) -> Iterator[tuple[Path, Change, Any]]:
    for key in sorted(patch):
        before, new_input, old_input = (
            _entry(source, key) for source in (old, new_inputs, old_inputs)
        )
        yield from _value((*path, key), patch[key], before, new_input, old_input, in_list)
    if in_list:  # inside a list a merge patch has whole values: it does not name what is gone
        for key in sorted(old.keys() - patch.keys()):
            new_input, old_input = _entry(new_inputs, key), _entry(old_inputs, key)
            yield from _value((*path, key), None, old[key], new_input, old_input, in_list)


def _value(
    path: Path, value: Any, old: Any, new_input: Any, old_input: Any, in_list: bool
) -> Iterator[tuple[Path, Change, Any]]:
    if new_input is MISSING and (value is not None or old_input is MISSING):
        return  # the server's own
    if value is None and new_input is UNKNOWN:
        yield path, Change.ADD if old is MISSING else Change.UPDATE, value
    elif value is None:
        yield path, Change.DELETE, value
    elif old is MISSING:
        yield path, Change.ADD, value
    elif isinstance(value, dict) and isinstance(old, dict):
        yield from _object(path, value, old, new_input, old_input, in_list)
    elif isinstance(value, list) and isinstance(old, list):
        for index in range(max(len(value), len(old))):
            yield from _value(
                (*path, index),
                value[index] if index < len(value) else None,
                old[index] if index < len(old) else MISSING,
                _item(new_input, index),
                _item(old_input, index),
                True,
            )
    elif not same(value, old):
        yield path, Change.UPDATE, value


def _entry(source: Any, key: str) -> Any:
    return source.get(key, MISSING) if isinstance(source, dict) else MISSING


def _item(source: Any, index: int) -> Any:
    """Past a list's end there is null, which is not `MISSING`."""
    return source[index] if isinstance(source, list) and index < len(source) else None


def nested(path: Path, value: Any) -> Any:
    """An object that holds nothing but `value` at `path`."""
    for step in reversed(path):
        value = {step: value} if isinstance(step, str) else [value]
    return value


def matches(pattern: str, value: Any) -> bool:
    """Whether a JSONPath such as `.spec.containers[*].image` leads anywhere.

    A wildcard on what is no list counts as a match: the official plugin takes every error but "not
    found" for one.
    """
    values = [value]
    for field, _ in STEP.findall(pattern):
        if field:
            inner = [item[field] for item in values if isinstance(item, dict) and field in item]
            if values and not inner:
                return False
            values = inner
        elif not all(isinstance(item, list) for item in values):
            return True
        else:
            values = [element for item in values for element in item]
    return True


def written_path(path: Path) -> str:
    """As Pulumi writes property paths."""
    result = ""
    for step in path:
        if isinstance(step, int):
            result += f"[{step}]"
        elif QUOTED.search(step):
            escaped = step.replace('"', '\\"')
            result += f'["{escaped}"]'
        else:
            result += f".{step}" if result else step
    return result
