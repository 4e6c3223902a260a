"""Replaces known secrets in a text that is published.

Pulumi's engine shows what it knows to be secret as ``[secret]``. This is for what it does not know:
a provider's error, a traceback, a host that echoes. So the values themselves are looked for, and
the values within them, in every spelling that ``spelling`` knows.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

import yaml

from newt_tunnel.tools.forge.spellings import Runs, encodings, patterns

INSTEAD = "[secret]"
#: Shorter values would be found everywhere, and are none.
_SHORTEST = 4
#: A part of a longer secret that nothing else marks as one, like a token within a kubeconfig.
_SHORTEST_PART = 16
#: Keys whose value is secret however short it is.
_SECRET_KEYS = re.compile(r"token|passw|secret|key|credential|auth", re.IGNORECASE)
#: Where a kubeconfig has them.
_SECRET_SECTION = "user"
#: Values that are everywhere.
_NO_SECRETS = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:null")
#: Between the words of text that no YAML reader takes.
_BETWEEN = re.compile(r"[\s\"'{}\[\],:=]+")
#: More nodes has no secret that a stack holds.
_MOST_NODES = 10_000


class Redactor:
    """Replaces known secrets in a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        parts = {part for secret in secrets for part in _parts(secret)}
        # The longest first: one may be a part of another.
        ordered = sorted(parts, key=lambda part: (-len(part), part))
        self._patterns = [one for part in ordered for one in patterns(part)]
        self._encoded = Runs(one for part in ordered for one in encodings(part))
        self._cut = Runs(ordered)

    def __call__(self, text: str) -> str:
        # Before the parts, of which the encoding of the whole is made, too.
        text = self._encoded.replaced(text, INSTEAD)
        for one in self._patterns:
            text = one.sub(INSTEAD, text)
        return self._cut.replaced(text, INSTEAD)


def _parts(secret: str) -> Iterator[str]:
    """A secret, its lines and words, and the values that it is made of."""
    words = (*secret.splitlines(), *secret.split(), *_BETWEEN.split(secret))
    for part in (secret, secret.strip(), *_long(words), *_values(secret)):
        yield from (one for one in (part, *_decoded(part)) if len(one) >= _SHORTEST)


def _long(words: Iterable[str]) -> Iterator[str]:
    yield from (word.strip() for word in words if len(word.strip()) >= _SHORTEST_PART)


def _values(secret: str) -> Iterator[str]:
    """Of a document in YAML or JSON. Composed and not built: an alias costs nothing."""
    try:
        documents = list(yaml.compose_all(secret, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return
    waiting: list[tuple[yaml.Node, bool]] = [(one, False) for one in documents if one]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_NODES:
        node, is_secret = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += ((one, is_secret) for one in node.value)
        elif isinstance(node, yaml.MappingNode):
            waiting += ((value, is_secret or _marks(key, value)) for key, value in node.value)
        elif len(node.value) >= _SHORTEST_PART or (is_secret and node.tag not in _NO_SECRETS):
            yield node.value
            yield from _long(node.value.splitlines())


def _marks(key: yaml.Node, value: yaml.Node) -> bool:
    """Whether ``value`` is secret, by its key."""
    name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
    is_section = name == _SECRET_SECTION and isinstance(value, yaml.MappingNode)
    return is_section or bool(_SECRET_KEYS.search(name))


def _decoded(part: str) -> Iterator[str]:
    """What Base64 has hidden, like the key in a kubeconfig's client-key-data."""
    if len(part) < _SHORTEST_PART:
        return
    try:
        text = base64.b64decode("".join(part.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return
    yield text
    yield from _long(text.splitlines())
