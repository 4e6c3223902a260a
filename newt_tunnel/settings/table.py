"""Every option as a row of the table in docs/configuration.md, which a test holds complete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from newt_tunnel.settings import secrets
from newt_tunnel.settings.section import Section
from newt_tunnel.settings.stack import AnySettings, KubernetesSettings, Platform, Settings
from newt_tunnel.settings.types import Kind
from newt_tunnel.settings.validation_errors import section_in

REQUIRED = "required"
NO_DEFAULT = "-"


class Row(NamedTuple):
    """One option, as docs/configuration.md shows it."""

    key: str
    type: str
    default: str
    description: str


#: The platform of a key that means the same on both.
BOTH = "both"


def rows(model: type[AnySettings] = Settings) -> Iterator[Row]:
    """Yield the options of a platform in the order of the models; a section appears through its
    keys only.
    """
    yield from _rows(model, "")
    for key in model.secret_keys:
        yield Row(key, "secret", NO_DEFAULT, secrets.KEYS[key].description)


def rows_by_platform() -> Iterator[tuple[str, Row]]:
    """Yield the options of all platforms, each with its platform; a key that differs appears once
    for each.
    """
    docker, kubernetes = list(rows(Settings)), list(rows(KubernetesSettings))
    yield from ((BOTH, row) for row in docker if row in kubernetes)
    yield from ((Platform.DOCKER.value, row) for row in docker if row not in kubernetes)
    yield from ((Platform.KUBERNETES.value, row) for row in kubernetes if row not in docker)


def _rows(section: type[Section], prefix: str) -> Iterator[Row]:
    for field in section.model_fields.values():
        key = f"{prefix}{field.alias}"
        nested = next(section_in(field.annotation), None)
        if nested is None:
            yield Row(key, _kind(field), _default(field), field.description or "")
        elif get_origin(field.annotation) is None:
            yield from _rows(nested, f"{key}.")
        else:
            yield Row(key, "list of entries", _default(field), field.description or "")
            # Both lists hold the same kind of entry: its keys are shown once.
            if key == "egress":
                yield from _rows(nested, f"{key}[].")


def _kind(field: FieldInfo) -> str:
    notes = [*field.metadata, *_metadata(field.annotation)]
    return next(note.text for note in notes if isinstance(note, Kind))


def _metadata(annotation: object) -> Iterator[object]:
    """Yield the annotations of a type at any depth, like ``note`` in ``Annotated[str, note] |
    None``.
    """
    yield from getattr(annotation, "__metadata__", ())
    for argument in get_args(annotation):
        yield from _metadata(argument)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return REQUIRED
    if field.default is None or field.default_factory is not None:
        return NO_DEFAULT
    # Written as in a stack file.
    value = TypeAdapter(field.rebuild_annotation()).dump_python(field.default, mode="json")
    return value if isinstance(value, str) else json.dumps(value)
