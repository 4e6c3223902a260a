"""What a resource says: changes, failures, log lines.

Owns the vocabulary between the server and the resource; how it goes over the wire is the server's,
but for the two messages that are built here from what the resource says.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from tests.standins.protocol import engine_pb2, engine_pb2_grpc, provider_pb2


class Change(IntEnum):
    """How a property changes, with the numbers of the wire."""

    ADD = provider_pb2.PropertyDiff.ADD
    ADD_REPLACE = provider_pb2.PropertyDiff.ADD_REPLACE
    DELETE = provider_pb2.PropertyDiff.DELETE
    DELETE_REPLACE = provider_pb2.PropertyDiff.DELETE_REPLACE
    UPDATE = provider_pb2.PropertyDiff.UPDATE
    UPDATE_REPLACE = provider_pb2.PropertyDiff.UPDATE_REPLACE

    @property
    def replaces(self) -> bool:
        """Whether it takes a new resource."""
        return self in (Change.ADD_REPLACE, Change.DELETE_REPLACE, Change.UPDATE_REPLACE)

    def replacing(self) -> "Change":
        """The same change, as one that takes a new resource."""
        return self if self.replaces else Change(self + 1)


class Failure(Exception):
    """An operation failed: the engine shows the message; nothing changes in state."""


@dataclass(frozen=True)
class CheckFailure:
    """An input that is refused before anything is touched."""

    reason: str
    property: str = ""


@dataclass(frozen=True)
class Diff:
    """What an update would do: property paths with their kind of change."""

    detailed: Mapping[str, Change] = field(default_factory=dict)
    changed: bool = False

    def message(self) -> provider_pb2.DiffResponse:
        """The answer on the wire; the top-level lists follow from the detailed paths."""
        tops = {path: path.partition(".")[0].partition("[")[0] for path in self.detailed}
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some if self.changed else none,
            diffs=sorted(set(tops.values())),
            replaces=sorted({tops[path] for path, kind in self.detailed.items() if kind.replaces}),
            hasDetailedDiff=True,
            detailedDiff={
                path: provider_pb2.PropertyDiff(kind=kind.value)
                for path, kind in self.detailed.items()
            },
        )


class Log:
    """The engine's log, as seen by one resource."""

    def __init__(self, engine: engine_pb2_grpc.EngineStub | None, urn: str) -> None:
        self._engine = engine
        self._urn = urn

    def status(self, line: str) -> None:
        """A line shown while the operation runs, and not kept."""
        self._send(line, engine_pb2.INFO, ephemeral=True)

    def warning(self, line: str) -> None:
        """A line shown again at the end."""
        self._send(line, engine_pb2.WARNING, ephemeral=False)

    def error(self, line: str) -> None:
        """A line shown again at the end, as an error."""
        self._send(line, engine_pb2.ERROR, ephemeral=False)

    def _send(
        self, line: str, severity: "engine_pb2.LogSeverity.ValueType", *, ephemeral: bool
    ) -> None:
        if self._engine is not None:
            self._engine.Log(
                engine_pb2.LogRequest(
                    severity=severity, message=line, urn=self._urn, ephemeral=ephemeral
                )
            )


@dataclass(frozen=True)
class Operation:
    """The circumstances of one create, read, update or delete."""

    urn: str
    log: Log
    cancelled: threading.Event
    timeout: float | None = None

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rpartition("::")[2]
