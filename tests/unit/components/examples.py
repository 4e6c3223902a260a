"""The example stacks of both platforms, for tests of what holds on each."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, Protocol

from tests.unit.components import k3s_home, nas
from tests.unit.components.nas import Given
from tests.unit.components.recording import Recording


class Example(Hashable, Protocol):
    """What the modules ``nas`` and ``k3s_home`` have in common."""

    STACK: str
    PROVIDER: str
    PAIR: Given

    def computed(
        self, type_: str, name: str, inputs: Mapping[str, Any], /
    ) -> Mapping[str, Any]: ...

    def deploy(
        self,
        changes: Mapping[str, Any] | None = None,
        *,
        given: Given = ...,
        preview: bool = False,
        into: Recording | None = None,
    ) -> Recording: ...


EXAMPLES: tuple[Example, ...] = (nas, k3s_home)
#: What a leak would show, on either.
LEAKS = (*nas.LEAKS, *k3s_home.LEAKS)


@cache
def deployed(example: Example, *, preview: bool = False) -> Recording:
    """Many tests read it: it is deployed once."""
    return example.deploy(preview=preview)
