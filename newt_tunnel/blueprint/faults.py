"""What is wrong with a blueprint: where, which value, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass

#: In place of a value that is not there.
MISSING = object()


@dataclass(frozen=True)
class Fault:
    """One problem. ``where`` is a path in the file, ``public-resources.gitea.targets[0].port``.

    ``value`` is what stands there, as it was read; ``MISSING`` where nothing does, None where the
    path says it all.
    """

    where: str
    value: object
    remedy: str


class Unusable(Exception):
    """A document, or a part of it, that nothing can be derived from."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.remedy)
        self.fault = fault
