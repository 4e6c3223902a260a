"""Replaces known secrets in a text that is published.

Pulumi's engine shows known secrets as ``[secret]``. This module is for other output: a provider's
error, a traceback, a host that echoes. It searches for the values themselves, and for the values
within them, in every spelling of ``spellings``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

import yaml

from newt_tunnel.tools.forge.spellings import Runs, encodings, patterns

INSTEAD = "[secret]"
#: Shorter values would match everywhere, and are no secrets.
_SHORTEST = 4
#: The least length of an unmarked part of a longer secret, like a token in a kubeconfig.
_SHORTEST_PART = 16
#: Keys whose value is secret however short it is.
_SECRET_KEYS = re.compile(r"token|passw|secret|key|credential|auth", re.IGNORECASE)
#: Where a kubeconfig has them.
_SECRET_SECTION = "user"
#: Values that occur everywhere.
_NO_SECRETS = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:null")
#: Separates the words of text that is no YAML.
_BETWEEN = re.compile(r"[\s\"'{}\[\],:=]+")
#: No secret of a stack has more nodes.
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
        # Before the parts, which the encoded whole contains too.
        text = self._encoded.replaced(text, INSTEAD)
        for one in self._patterns:
            text = one.sub(INSTEAD, text)
        return self._cut.replaced(text, INSTEAD)


def _parts(secret: str) -> Iterator[str]:
    """Return a secret, its lines and words, and the values in it."""
    words = (*secret.splitlines(), *secret.split(), *_BETWEEN.split(secret))
    for part in (secret, secret.strip(), *_long(words), *_values(secret)):
        yield from (one for one in (part, *_decoded(part)) if len(one) >= _SHORTEST)


def _long(words: Iterable[str]) -> Iterator[str]:
    yield from (word.strip() for word in words if len(word.strip()) >= _SHORTEST_PART)


def _values(secret: str) -> Iterator[str]:
    """Yield the values of a YAML or JSON document. It is composed and not built, so an alias costs
    nothing.
    """
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
    """Whether its key marks ``value`` as secret."""
    name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
    is_section = name == _SECRET_SECTION and isinstance(value, yaml.MappingNode)
    return is_section or bool(_SECRET_KEYS.search(name))


def _decoded(part: str) -> Iterator[str]:
    """Decode Base64, like the key in a kubeconfig's client-key-data."""
    if len(part) < _SHORTEST_PART:
        return
    try:
        text = base64.b64decode("".join(part.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return
    yield text
    yield from _long(text.splitlines())
