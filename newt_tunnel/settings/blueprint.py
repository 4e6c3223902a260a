"""``blueprint``: the file that is applied to Pangolin, and how far the allow-list follows it.

Owns the keys only. ``derived`` makes entries from the file, the package ``blueprint`` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from newt_tunnel.blueprint.fields import RESOURCE_KEY
from newt_tunnel.blueprint.sites import SITE_IDENTIFIER
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.section import Section, ShortForm
from newt_tunnel.settings.types import Kind, text_matching

_PATH = r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*"
# No part starts with a dot, so a path neither leaves the folder nor names a hidden file.
_path_text = text_matching(
    _PATH,
    "is not a path below the folder of Pulumi.yaml, where a review sees the file; write it like "
    "stacks/blueprint.nas.yaml",
)
_LONGEST_PATH = 200


def _path(value: object) -> str:
    path = _path_text(value)
    if len(path) > _LONGEST_PATH:
        raise refuse(f"is longer than {_LONGEST_PATH} characters; move the file")
    return path


class Blueprint(Section):
    """Pangolin's blueprint for this site. The short form is the path alone."""

    file: (
        Annotated[
            str,
            PlainValidator(_path),
            WithJsonSchema({"type": "string", "pattern": f"^{_PATH}$"}),
            Kind("path"),
        ]
        | None
    ) = Field(
        default=None,
        description="Path of Pangolin's blueprint, relative to the folder of Pulumi.yaml and "
        "inside it. Its targets are added to `egress`. `blueprint: PATH` is the short form.",
    )
    site: (
        Annotated[
            str,
            PlainValidator(
                text_matching(
                    SITE_IDENTIFIER, "is not a site; write its identifier from Pangolin, like nas"
                )
            ),
            WithJsonSchema({"type": "string", "pattern": f"^{SITE_IDENTIFIER}$"}),
            Kind("identifier of a site"),
        ]
        | None
    ) = Field(
        default=None,
        description="Identifier of this site in Pangolin. Required if the blueprint names sites; "
        "targets of other sites are skipped.",
    )
    all_ports: Annotated[
        tuple[
            Annotated[
                str,
                PlainValidator(
                    text_matching(
                        RESOURCE_KEY, "is not the key of a private resource; write it here"
                    )
                ),
                WithJsonSchema({"type": "string", "pattern": f"^{RESOURCE_KEY}$"}),
            ],
            ...,
        ],
        Kind("list of private resources"),
    ] = Field(
        default=(),
        description='Private resources for which the ports `"*"`, Pangolin\'s default, are '
        'intended. For any other resource `"*"` is an error.',
    )

    @model_validator(mode="before")
    @classmethod
    def _names_a_file(cls, raw: object) -> object:
        if isinstance(raw, str):
            return {"file": raw}
        if isinstance(raw, Mapping) and raw.get("file") is None and any(raw.values()):
            raise refuse("has no file; write `file: PATH` below it")
        return raw


#: The type of the key ``blueprint``.
BlueprintOrPath = Annotated[Blueprint, ShortForm({"type": "string", "pattern": f"^{_PATH}$"})]
