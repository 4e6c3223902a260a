"""The plain difference of two property bags, path by path.

What pulumi-command does with a resource's inputs. A secret is compared as a whole, so a changed
secret object is one change.
"""

import re
from collections.abc import Iterator

from tests.standins.resource import Change, Diff
from tests.standins.values import Properties, Value

PLAIN_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def diff(old: Properties, new: Properties, *, replace_on: frozenset[str] = frozenset()) -> Diff:
    """Every path that differs; those in `replace_on` replace the resource."""
    detailed = {
        path: kind.replacing() if path in replace_on else kind
        for path, kind in _object("", old, new)
    }
    return Diff(detailed, changed=bool(detailed))


def _object(prefix: str, old: Properties, new: Properties) -> Iterator[tuple[str, Change]]:
    for key in sorted(old.keys() | new.keys()):
        path = _join(prefix, key)
        if key not in new:
            yield path, Change.DELETE
        elif key not in old:
            yield path, Change.ADD
        else:
            yield from _value(path, old[key], new[key])


def _value(path: str, old: Value, new: Value) -> Iterator[tuple[str, Change]]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _object(path, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        for index, (before, after) in enumerate(zip(old, new, strict=False)):
            yield from _value(f"{path}[{index}]", before, after)
        for index in range(len(old), len(new)):
            yield f"{path}[{index}]", Change.ADD
        for index in range(len(new), len(old)):
            yield f"{path}[{index}]", Change.DELETE
    elif old != new:
        yield path, Change.UPDATE


def _join(prefix: str, key: str) -> str:
    if not PLAIN_NAME.fullmatch(key):
        return f'{prefix}["{key}"]'
    return f"{prefix}.{key}" if prefix else key
