"""YAML as Compose reads it: 1.2, in which ``2222:22`` and ``yes`` are text."""

from __future__ import annotations

import re
from typing import Any

import yaml

_TAGS = {
    "tag:yaml.org,2002:null": re.compile(r"~|null|Null|NULL|"),
    "tag:yaml.org,2002:bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "tag:yaml.org,2002:int": re.compile(r"[-+]?(?:0|[1-9][0-9]*)"),
    "tag:yaml.org,2002:float": re.compile(
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?|[-+]?[0-9]+e[-+]?[0-9]+", re.I
    ),
    "tag:yaml.org,2002:merge": re.compile(r"<<"),
}


class _ComposeLoader(yaml.SafeLoader):
    """The safe loader without YAML 1.1's interpretation of plain text."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {  # noqa: RUF012 # yaml's own form
        None: [
            (tag, re.compile(f"(?:{form.pattern})\\Z", form.flags)) for tag, form in _TAGS.items()
        ]
    }


def load(text: str) -> Any:
    """The document. Raises ``yaml.YAMLError``."""
    return yaml.load(text, Loader=_ComposeLoader)
