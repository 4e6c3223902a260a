"""How a wrong stack file is refused: the error of one validator, and all problems together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pulumi import RunError
from pydantic_core import PydanticCustomError

from newt_tunnel.findings import Finding


class SettingsError(RunError):
    """Everything that is wrong with a stack file, together.

    Pulumi prints the text alone, without a traceback.
    """

    def __init__(self, problems: Iterable[Finding]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(dict.fromkeys(str(problem) for problem in self.problems)))


@dataclass(frozen=True)
class WhenMissing:
    """Annotates a required field with what to write when it is not there."""

    remedy: str


def refuse(remedy: str, *, value: str | None = None) -> PydanticCustomError:
    """Return the error that a validator raises.

    ``value`` replaces an input that must not be shown.
    """
    context = {"remedy": remedy} if value is None else {"remedy": remedy, "value": value}
    return PydanticCustomError("refused", "{remedy}", context)
