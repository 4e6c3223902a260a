"""Stack files with secrets, as Pulumi hands them over, and what is said about them.

No secret here is real, and each holds the word that no error may show.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from newt_tunnel.settings.errors import SettingsError
from newt_tunnel.settings.secrets import Secrets
from newt_tunnel.settings.stack import AnySettings
from tests.unit.settings.example import PREFIX

NEEDLE = "needle"
SECRET = f"xk22hunter2{NEEDLE}"
KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----"
KUBECONFIG = f"apiVersion: v1\nclusters: []\ncontexts: []\nusers: [{{token: {SECRET}}}]\n"
#: The one secret that every stack has.
WITH_SECRET: Mapping[str, Any] = {"newtSecret": SECRET}

#: Plain keys and encrypted ones in, what ``load()`` makes of them out.
Load = Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[AnySettings, Secrets]]
#: An example with changes: what is loaded, and the lines of the error.
Loaded = Callable[..., tuple[Any, Secrets]]
Refused = Callable[..., list[str]]


def as_pulumi_hands_over(tree: Mapping[str, Any]) -> dict[str, str]:
    """Text as it is; everything else as JSON."""
    return {
        f"{PREFIX}{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in tree.items()
    }


def refused(load: Load, plain: Mapping[str, Any], encrypted: Mapping[str, Any]) -> list[str]:
    """The lines of the error, after making sure that no secret is in it or behind it."""
    with pytest.raises(SettingsError) as caught:
        load(plain, encrypted)
    error = caught.value
    for text in (str(error), repr(error), repr(error.problems), repr(error.__dict__)):
        assert NEEDLE not in text, "a secret reached the error"
    assert error.__cause__ is None
    assert error.__context__ is None, "pydantic's own error, with its input, must not hang on"
    return str(error).splitlines()
