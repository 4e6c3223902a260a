"""The gRPC server that Pulumi's engine starts as a plugin; both stand-ins are built on it.

Owns the wire protocol: messages in and out, the log, errors, and the refusal of what a stand-in does
not have. What a resource does is in a `Resource`, what the provider's configuration means in the
stand-in's own `Provider`.
"""

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import IntEnum
from types import FrameType
from typing import NoReturn, Protocol, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.rpc import status_pb2  # type: ignore[import-untyped]  # ships no stubs
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)

from tests.standins.values import Properties, decode, encode

# More operations than any engine runs at once: a waiting one may hold its thread for minutes.
THREADS = 64
# gRPC's own limit of 4 MB is too small for a Command with a big script; the engine uses 400 MB.
MESSAGE_BYTES = 400 << 20


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


class InitFailed(Exception):
    """The resource exists, but not as asked for: the engine keeps it in state with the reasons."""

    def __init__(self, identity: str, outputs: Properties, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.identity = identity
        self.outputs = outputs
        self.reasons = reasons


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
    delete_before_replace: bool = False
    stables: tuple[str, ...] = ()
    of_inputs: bool = False  # old values are then shown from the inputs, not from the state

    def message(self) -> provider_pb2.DiffResponse:
        """The answer on the wire; the top-level lists follow from the detailed paths."""
        tops = {path: path.partition(".")[0].partition("[")[0] for path in self.detailed}
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some if self.changed else none,
            diffs=sorted(set(tops.values())),
            replaces=sorted({tops[path] for path, kind in self.detailed.items() if kind.replaces}),
            stables=sorted(self.stables),
            deleteBeforeReplace=self.delete_before_replace,
            hasDetailedDiff=True,
            detailedDiff={
                path: provider_pb2.PropertyDiff(kind=kind.value, inputDiff=self.of_inputs)
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


class Resource(Protocol):
    """One resource type. `preview` means: say what is known, touch nothing, connect nowhere."""

    def check(
        self, operation: Operation, olds: Properties, news: Properties
    ) -> tuple[Properties, list[CheckFailure]]:
        """The inputs with defaults filled in, and what is wrong with them."""

    def diff(
        self,
        state: Properties,
        old_inputs: Properties,
        news: Properties,
        ignore_changes: list[str],
    ) -> Diff:
        """What changes between the state and the new inputs."""

    def create(
        self, operation: Operation, inputs: Properties, preview: bool
    ) -> tuple[str, Properties]:
        """Id and outputs of a new resource."""

    def read(
        self, operation: Operation, identity: str, inputs: Properties, state: Properties
    ) -> tuple[str, Properties, Properties]:
        """Id, outputs and inputs as found on the host; an empty id when it is gone."""

    def update(
        self,
        operation: Operation,
        identity: str,
        state: Properties,
        news: Properties,
        ignore_changes: list[str],
        preview: bool,
    ) -> Properties:
        """The outputs after the update."""

    def delete(self, operation: Operation, identity: str, state: Properties) -> None:
        """Removes it."""


Request = TypeVar("Request")
Response = TypeVar("Response")
Handler = Callable[["Provider", Request, grpc.ServicerContext], Response]


def answered(handler: Handler[Request, Response]) -> Handler[Request, Response]:
    """Turns exceptions into the errors that the engine understands."""

    def wrapper(self: "Provider", request: Request, context: grpc.ServicerContext) -> Response:
        try:
            return handler(self, request, context)
        except InitFailed as failed:
            context.set_trailing_metadata((_init_failed_detail(failed),))
            context.abort(grpc.StatusCode.UNKNOWN, str(failed))
        except Failure as failure:
            context.abort(grpc.StatusCode.UNKNOWN, str(failure))
        except Exception as error:  # noqa: BLE001  # the last resort must name any defect
            traceback.print_exc()
            context.abort(
                grpc.StatusCode.INTERNAL, f"defect in the stand-in: {type(error).__name__}: {error}"
            )

    return wrapper


def _init_failed_detail(failed: InitFailed) -> tuple[str, bytes]:
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=failed.identity, properties=encode(failed.outputs), reasons=failed.reasons
        )
    )
    status = status_pb2.Status(
        code=grpc.StatusCode.UNKNOWN.value[0], message=str(failed), details=[detail]
    )
    return "grpc-status-details-bin", status.SerializeToString()


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """A package: its configuration and its resource types."""

    def __init__(self, package: str, version: str, resources: Mapping[str, Resource]) -> None:
        self.package = package
        self.version = version
        self.resources = resources
        self.cancelled = threading.Event()
        self.engine: engine_pb2_grpc.EngineStub | None = None

    def attach(self, address: str) -> None:
        """Where the engine takes log lines."""
        self.engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    # What a package overrides.

    def check_config(self, news: Properties) -> tuple[Properties, list[CheckFailure]]:
        """The provider's own inputs, with defaults."""
        return news, []

    def diff_config(self, old_inputs: Properties, news: Properties) -> Diff:
        """What a changed configuration means for the provider resource."""
        return Diff(changed=old_inputs != news)

    def configure(self, arguments: Properties) -> None:
        """Takes the configuration; opens no connection."""

    def capabilities(self) -> provider_pb2.ConfigureResponse:
        """What this package's official plugin says of itself."""
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=True
        )

    # The protocol.

    @answered
    def Attach(
        self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        self.attach(request.address)
        return empty_pb2.Empty()

    @answered
    def GetPluginInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self.version)

    @answered
    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        return _check_response(*self.check_config(decode(request.news)))

    @answered
    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        return self.diff_config(decode(request.old_inputs), decode(request.news)).message()

    @answered
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        self.configure(decode(request.args))
        return self.capabilities()

    @answered
    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        resource, operation = self._resource(request.urn)
        return _check_response(
            *resource.check(operation, decode(request.olds), decode(request.news))
        )

    @answered
    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        resource, _ = self._resource(request.urn)
        return resource.diff(
            decode(request.olds),
            decode(request.old_inputs),
            decode(request.news),
            list(request.ignoreChanges),
        ).message()

    @answered
    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        resource, operation = self._resource(request.urn, request.timeout)
        identity, outputs = resource.create(operation, decode(request.properties), request.preview)
        return provider_pb2.CreateResponse(id=identity, properties=encode(outputs))

    @answered
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        resource, operation = self._resource(request.urn)
        identity, outputs, inputs = resource.read(
            operation, request.id, decode(request.inputs), decode(request.properties)
        )
        return provider_pb2.ReadResponse(
            id=identity, properties=encode(outputs), inputs=encode(inputs)
        )

    @answered
    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        resource, operation = self._resource(request.urn, request.timeout)
        outputs = resource.update(
            operation,
            request.id,
            decode(request.olds),
            decode(request.news),
            list(request.ignoreChanges),
            request.preview,
        )
        return provider_pb2.UpdateResponse(properties=encode(outputs))

    @answered
    def Delete(
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        resource, operation = self._resource(request.urn, request.timeout)
        resource.delete(operation, request.id, decode(request.properties))
        return empty_pb2.Empty()

    @answered
    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self.cancelled.set()
        return empty_pb2.Empty()

    @answered
    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        self._refuse(f"the function {request.tok}")

    @answered
    def Call(
        self, request: provider_pb2.CallRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CallResponse:
        self._refuse(f"the method {request.tok}")

    @answered
    def Construct(
        self, request: provider_pb2.ConstructRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConstructResponse:
        self._refuse(f"the component {request.type}")

    def _resource(self, urn: str, timeout: float = 0) -> tuple[Resource, Operation]:
        token = urn.split("::")[2].rpartition("$")[2]
        if token not in self.resources:
            self._refuse(f"the resource type {token}")
        log = Log(self.engine, urn)
        return self.resources[token], Operation(urn, log, self.cancelled, timeout or None)

    def _refuse(self, what: str) -> NoReturn:
        have = ", ".join(sorted(self.resources))
        raise Failure(
            f"the stand-in for pulumi-{self.package} {self.version} lacks {what}; it has {have}"
        )


def _check_response(inputs: Properties, failures: list[CheckFailure]) -> provider_pb2.CheckResponse:
    return provider_pb2.CheckResponse(
        inputs=encode(inputs),
        failures=[
            provider_pb2.CheckFailure(property=failure.property, reason=failure.reason)
            for failure in failures
        ],
    )


def serve(provider: Provider, arguments: list[str]) -> None:
    """Runs the plugin as the engine expects it: port on stdout, engine's address as argument."""
    limits = [
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.max_send_message_length", MESSAGE_BYTES),
    ]
    server = grpc.server(ThreadPoolExecutor(THREADS), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    if addresses := [argument for argument in arguments if not argument.startswith("-")]:
        provider.attach(addresses[0])

    def stop(signal_number: int, frame: FrameType | None) -> None:
        provider.cancelled.set()
        server.stop(grace=1)

    # The engine ends its plugins by an interrupt, and waits 5 s for them to go.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    server.start()
    print(port, flush=True)
    server.wait_for_termination()
    sys.exit(0)
