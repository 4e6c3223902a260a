"""The base of all sections of the stack file, and the valid parts that one validation finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from newt_tunnel.settings.shapes import Shape


@dataclass(frozen=True)
class ShortForm:
    """Annotates a section that may be written as one value, for editors."""

    shape: Shape

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [self.shape, handler(core_schema)]}


class ValidParts:
    """The parts of a file that are valid by themselves, also where the file as a whole is not.

    Given to a validation as its context, which fills it.
    """

    def __init__(self) -> None:
        #: By section and name, before the field is compared with others.
        self.fields: dict[tuple[type[Section], str], Any] = {}
        #: Entries of lists, by the identity of the written value.
        self.entries: dict[int, Section] = {}


class Section(BaseModel):
    """Immutable, camelCase in the file, and without unknown keys.

    ``secret_keys`` are valid here but are no fields; ``misplaced`` explains keys that belong
    elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    secret_keys: ClassVar[tuple[str, ...]] = ()
    misplaced: ClassVar[Mapping[str, str]] = {}

    # Defined before any validator of a subclass, so it runs before them: a field that does not fit
    # another one is still known to the checks between sections.
    @field_validator("*")
    @classmethod
    def _remember(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(info.context, ValidParts) and info.field_name is not None:
            info.context.fields[cls, info.field_name] = value
        return value
