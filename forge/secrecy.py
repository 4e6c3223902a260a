"""Takes secrets out of text that somebody will read.

Pulumi's engine shows what it knows to be secret as ``[secret]``. This is for what it does not know:
a provider's error, a traceback, a host that echoes. So the values themselves are looked for.
"""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterable, Iterator

INSTEAD = "[secret]"
#: Shorter values would be found everywhere, and are none.
_SHORTEST = 4
#: A part of a longer secret, like a token within a kubeconfig.
_SHORTEST_PART = 16


class Redactor:
    """Knows secrets, and forgets them in no text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        # The longest first: one may be a part of another.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, INSTEAD)
        return text


def _forms(secret: str) -> Iterator[str]:
    """A secret as it may be written: whole, in parts, and encoded."""
    words = [*secret.splitlines(), *secret.split()]
    for part in [secret, secret.strip(), *(word for word in words if len(word) >= _SHORTEST_PART)]:
        if len(part) < _SHORTEST:
            continue
        yield part
        yield json.dumps(part)[1:-1]
        yield urllib.parse.quote(part, safe="")
        yield base64.b64encode(part.encode()).decode()
