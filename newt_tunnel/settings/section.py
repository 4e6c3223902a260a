"""What all sections of the stack file have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Section(BaseModel):
    """Immutable, camelCase in the file, and without unknown keys.

    ``secret_keys`` are valid here but no fields; ``misplaced`` explains keys that people look for
    here in vain.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    secret_keys: ClassVar[tuple[str, ...]] = ()
    misplaced: ClassVar[Mapping[str, str]] = {}
