"""Building blocks of the stack file's JSON schema: what an editor accepts as the value of a key.

Accepts everything that the validators accept, which includes quoted values as `pulumi config set`
writes them; words are case-insensitive. Otherwise as narrow as a pattern can be. Only the
validators check what is reserved, overlaps or does not fit another key.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Shape = dict[str, Any]

_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LENGTH = "(3[0-2]|[12][0-9]|[1-9])"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#: The last part of a name must not be a number to the C library.
_LAST_LABEL = rf"(?!([0-9]+|0[xX][0-9A-Fa-f]*)([:/]|$)){_LABEL}"
_IPV6 = r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
#: In full, so with at least one dot.
NAME = rf"({_LABEL}\.)+{_LAST_LABEL}"
NUMBER = "[0-9]{1,9}"
_PORT_NUMBER = (
    "0{0,4}([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
_RANGE = f"{_PORT_NUMBER}(-{_PORT_NUMBER})?"
PORT_SUFFIX = f":{_PORT_NUMBER}"


def in_any_case(words: Iterable[str]) -> str:
    """Return a case-insensitive pattern; JSON schema has no flag for it."""
    return "|".join(
        "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else c for c in word) for word in words
    )


def text(pattern: str) -> Shape:
    return {"type": "string", "pattern": f"^({pattern})$"}


def words(choices: Iterable[str], *, any_case: bool = False) -> Shape:
    """Return a choice of words. They come first, because an editor offers them."""
    offered: Shape = {"type": "string", "enum": [*choices]}
    return {"anyOf": [offered, text(in_any_case(choices))]} if any_case else offered


def or_quoted(number: Shape, pattern: str = NUMBER) -> Shape:
    return {"anyOf": [number, text(pattern)]}


def items(item: Shape) -> Shape:
    """Return a list without duplicates."""
    return {"type": "array", "items": item, "minItems": 1, "uniqueItems": True}


def one_or_more(item: Shape) -> Shape:
    return {"anyOf": [item, items(item)]}


_TRANSPORT = f"({in_any_case(['tcp', 'udp'])})"
_PROTOCOL_PORTS = f"{_RANGE}/{_TRANSPORT}"
_ALL = in_any_case(["all"])

SWITCH: Shape = {
    "anyOf": [
        {"type": "boolean"},
        text(in_any_case(["true", "false", "yes", "no", "on", "off"])),
    ]
}
ADDRESS = text(IPV4)
BLOCK = text(rf"{IPV4}/{_LENGTH}")
HOST = text(rf"{IPV4}|{NAME}")
ANY_ADDRESS = text(rf"{IPV4}|{_IPV6}|\[{_IPV6}\]")
ANY_BLOCK = text(rf"{IPV4}/({_LENGTH}|0)|{_IPV6}/[0-9]{{1,3}}")
ANY_HOST = text(rf"{IPV4}|{_IPV6}|\[{_IPV6}\]|{NAME}")
_PORT: Shape = {"type": "integer", "minimum": 1, "maximum": 65535}
PORT = or_quoted(_PORT, _PORT_NUMBER)
PORTS = one_or_more(or_quoted(_PORT, _RANGE))
PORT_NAME = "(?=.*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?"
NAMED_PORTS = one_or_more(or_quoted(_PORT, f"{_RANGE}|{PORT_NAME}"))
#: An entry of a list in its short form, on a Docker host and in a cluster.
SHORT_ENTRY = text(rf"({IPV4}|{NAME}):{_RANGE}:{_TRANSPORT}")
SHORT_ANY_ENTRY = text(rf"({IPV4}|\[{_IPV6}\]|{NAME}):{_RANGE}:{_TRANSPORT}")
PROTOCOL = words(["TCP", "UDP"], any_case=True)
SERVER_PORTS: Shape = {
    "anyOf": [
        {"type": "string", "enum": ["all"]},
        text(_ALL),
        items(text(_PROTOCOL_PORTS)),
        {**items(text(_ALL)), "maxItems": 1},
    ]
}
