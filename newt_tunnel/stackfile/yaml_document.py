"""The text of a stack file or of Pulumi.yaml as plain values, read as Pulumi's libraries do.

Its YAML library interprets fewer words than Python's: `off` and `22:22` are text, and a repeated
key is an error, where Python's would take the second. Its JSON library takes the second key, and
`CONFIG` for `config`; both are refused here. Leaves out what the keys mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NoReturn

import yaml

from newt_tunnel.stackfile.revisions import State

#: Aliases can make a small file huge.
_MAX_VALUES = 100_000


class Unreadable(Exception):
    """No usable document. The text never repeats a value, which may be a secret."""


class _StackFileLoader(yaml.SafeLoader):
    """Builds lists, maps with text as keys, and plain values; refuses what is not clear."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        found: dict[Hashable, Any] = {}
        for key, value in node.value:
            line = f"line {key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise Unreadable(f"{line}: a key that is no text")
            if key.value == "<<":
                # A few nested ones make a huge map.
                raise Unreadable(f"{line}: <<: write the keys themselves")
            if key.value in found:
                raise Unreadable(f"{line}: a key that is there twice")
            found[key.value] = self.construct_object(value, deep=deep)
        return found


def _number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    digits = text.lstrip("+-")
    is_old_octal = len(digits) > 1 and digits.startswith("0") and digits.isdigit()
    return int(text, 8) if is_old_octal else int(text, 0)


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)).lstrip("+"))


_TAG = "tag:yaml.org,2002:"
_KNOWN: tuple[tuple[str, str, str], ...] = (
    ("null", r"(~|null|Null|NULL)\Z", "~nN"),
    ("bool", r"(true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
    ("int", r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|[1-9][0-9_]*|0)\Z", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z", "-+0123456789."),
)
# None of Python's further interpretations.
_StackFileLoader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in _KNOWN:
    _StackFileLoader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), list(_first))
_StackFileLoader.add_implicit_resolver(f"{_TAG}null", re.compile(r"\Z"), [""])
_StackFileLoader.yaml_constructors = {
    tag: yaml.SafeLoader.yaml_constructors[tag]
    for tag in (None, *(_TAG + name for name in ("null", "bool", "str", "seq", "map")))
}
_StackFileLoader.add_constructor(f"{_TAG}int", _number)
_StackFileLoader.add_constructor(f"{_TAG}float", _decimal)


def read(state: State, path: str) -> Mapping[str, object]:
    """Read ``path``. Raises ``Unreadable``, ``OSError`` or ``UnicodeDecodeError``."""
    # The engine strips it, too.
    text = state.read(path).removeprefix("\ufeff")
    return json_mapping(text) if path.endswith(".json") else mapping(text)


def why_unread(error: OSError | UnicodeDecodeError) -> str:
    """Return the reason for people."""
    if isinstance(error, UnicodeDecodeError):
        return "is not text in UTF-8"
    return error.strerror or type(error).__name__


def mapping(text: str) -> Mapping[str, object]:
    """Parse the YAML document, which must be a map. Raises ``Unreadable``."""
    try:
        found = yaml.load(text, Loader=_StackFileLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise Unreadable(f"{where}is not YAML: {error.problem or 'not understood'}") from None
    except (yaml.YAMLError, ValueError, KeyError, RecursionError) as error:
        raise Unreadable(f"is not YAML that can be read ({type(error).__name__})") from None
    return _a_map(found)


def json_mapping(text: str) -> Mapping[str, object]:
    """Parse the JSON document, which must be a map. Raises ``Unreadable``."""
    try:
        found = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise Unreadable(f"line {error.lineno}: is not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"is not JSON that can be read ({type(error).__name__})") from None
    tree = _a_map(found)
    for key in tree:
        if key not in _TOP_KEYS and key.casefold() in _FOLDED_TOP_KEYS:
            raise Unreadable(f"{_FOLDED_TOP_KEYS[key.casefold()]}: write it in this spelling")
    return tree


#: Top-level keys that Pulumi reads in the two kinds of file.
_TOP_KEYS = (
    *("name", "runtime", "main", "backend", "options", "plugins", "config", "stackConfigDir"),
    *("environment", "secretsprovider", "encryptedkey", "encryptionsalt"),
)
_FOLDED_TOP_KEYS = {key.casefold(): key for key in _TOP_KEYS}


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Unreadable("a key that is there twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise Unreadable(f"{text} is no number in JSON")


def _a_map(found: object) -> Mapping[str, object]:
    if not isinstance(found, dict):
        raise Unreadable("is not a map of keys")
    for number, _ in enumerate(_values(found)):
        if number > _MAX_VALUES:
            raise Unreadable(f"has more than {_MAX_VALUES} values")
    return found


def _values(found: object) -> Iterator[object]:
    """Yield every value, an alias as often as it is used. A map that contains itself never ends."""
    waiting = [found]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
