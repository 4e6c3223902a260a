"""The JSON schema of a whole stack file, with which an editor completes, explains and checks it.

Made from the models; `python -m newt_tunnel.settings.schema` writes it to stacks/schema.json, which
the first line of each stack file names. Adds the rest of Pulumi's file: the keys' prefix, secrets,
the keys of others. Checks that need two keys, or the host, are the validators'.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from newt_tunnel.settings import secrets
from newt_tunnel.settings.entries import NamedEntry
from newt_tunnel.settings.section import Section
from newt_tunnel.settings.shapes import SHORT_ANY_ENTRY, SHORT_ENTRY, Shape
from newt_tunnel.settings.stack import MODELS, AnySettings, KubernetesSettings, Platform, Settings
from newt_tunnel.settings.validation_errors import section_in

PROJECT = "newt-tunnel"
FILE = Path(__file__).parents[2] / "stacks" / "schema.json"
#: How a stack file names its schema to an editor; Pulumi keeps the line when it writes the file.
MODELINE = f"# yaml-language-server: $schema=./{FILE.name}"

_PLATFORM = f"{PROJECT}:platform"
#: Set by a command, after the file has been written.
_SET_LATER = frozenset({"hostKey"})
_LISTS = ("egress", "mustNotReach")
_SHORT = {Settings: SHORT_ENTRY, KubernetesSettings: SHORT_ANY_ENTRY}
#: Keys that Pulumi itself writes next to `config`.
_PULUMIS: Mapping[str, str] = {
    "encryptionsalt": "Written by Pulumi: the salt that, with your passphrase, encrypts secrets.",
    "encryptedkey": "Written by Pulumi: the key of the secrets, encrypted by secretsprovider.",
    "secretsprovider": "Written by Pulumi: the provider that encrypts the secrets.",
    "environment": "Environments of Pulumi ESC.",
}


def schema() -> Shape:
    """Return the schema in draft-07, the version that editors support best."""
    definitions: dict[str, Shape] = {}
    for platform, model in MODELS.items():
        definitions[f"{platform}-stack"] = _keys(model, definitions)
    is_in_cluster = {
        "properties": {_PLATFORM: {"const": Platform.KUBERNETES.value}},
        "required": [_PLATFORM],
    }
    config: Shape = {
        "type": "object",
        "required": [_PLATFORM],
        "if": is_in_cluster,
        "then": _reference(f"{Platform.KUBERNETES.value}-stack"),
        "else": _reference(f"{Platform.DOCKER.value}-stack"),
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"A stack of {PROJECT}",
        "description": "One newt, and what it may reach.",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": config,
            **{key: {"description": sentence} for key, sentence in _PULUMIS.items()},
        },
        "definitions": definitions,
    }


def _keys(model: type[AnySettings], definitions: dict[str, Shape]) -> Shape:
    """Return the keys below ``config`` on one platform; add its sections to ``definitions``."""
    whole = model.model_json_schema(ref_template="#/definitions/{model}")
    sections = {section.__name__: section for section in _sections(model)}
    for name, shape in whole.pop("$defs").items():
        definitions[name] = _tidied(shape, sections[name])
    own = _tidied(whole, model)
    for key in _LISTS:
        entry = own["properties"][key]["items"]
        own["properties"][key]["items"] = {"anyOf": [entry, _SHORT[model]]}
    properties = own["properties"] | {key: _secret(key) for key in model.secret_keys}
    return {
        "type": "object",
        "properties": {f"{PROJECT}:{key}": shape for key, shape in properties.items()},
        "required": [f"{PROJECT}:{key}" for key in own["required"]],
        # Configuration of providers, and of Pulumi itself.
        "patternProperties": {f"^(?!{PROJECT}:)[^:]+:.+$": {}},
        "additionalProperties": False,
    }


def _secret(key: str) -> Shape:
    return {
        "type": "object",
        "description": f"{secrets.KEYS[key].description} Stored by: pulumi config set --secret "
        f"{key}",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
    }


def _tidied(shape: Shape, section: type[Section]) -> Shape:
    """Return pydantic's schema of a section without its titles, and with what its fields lack."""
    shape = _without_titles(shape)
    shape["description"] = (section.__doc__ or "").partition("\n")[0].replace("``", "`")
    for field in section.model_fields.values():
        written = shape["properties"][field.alias]
        written.pop("default", None)
        if field.is_required() or field.default_factory is not None:
            continue
        default = TypeAdapter(field.rebuild_annotation()).dump_python(field.default, mode="json")
        if isinstance(default, str | int | float):
            written["default"] = default
    shape["required"] = [key for key in shape.get("required", []) if key not in _SET_LATER]
    if issubclass(section, NamedEntry):
        shape["oneOf"] = [{"required": [key]} for key in section.means]
        shape["properties"]["name"]["not"] = {"enum": sorted(section.reserved)}
    return shape


def _without_titles(shape: Any) -> Any:
    if isinstance(shape, list):
        return [_without_titles(item) for item in shape]
    if not isinstance(shape, dict):
        return shape
    return {
        key: _without_titles(value)
        for key, value in shape.items()
        # A property may have this name too.
        if not (key == "title" and isinstance(value, str))
    }


def _sections(model: type[Section]) -> Iterator[type[Section]]:
    for field in model.model_fields.values():
        for section in section_in(field.annotation):
            yield section
            yield from _sections(section)


def _reference(name: str) -> Shape:
    return {"$ref": f"#/definitions/{name}"}


def rendered() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(rendered())
