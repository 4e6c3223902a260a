"""The gRPC server that Pulumi's engine starts as the plugin for commands.

Owns the wire protocol: messages in and out, the log, errors, and the refusal of what the stand-in
does not have. What a resource does is in `Command`; the package has no configuration.
"""

import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import NoReturn, TypeVar

import grpc
from google.protobuf import empty_pb2
from typing_extensions import override

from tests.standins.command.remote import Command
from tests.standins.protocol import (
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)
from tests.standins.resource import CheckFailure, Diff, Failure, Log, Operation
from tests.standins.values import Properties, decode, encode

VERSION = "1.2.1"
TOKEN = "command:remote:Command"
# More operations than any engine runs at once: a waiting one may hold its thread for minutes.
THREADS = 64
# gRPC's own limit of 4 MB is too small for a Command with a big script; the engine uses 400 MB.
MESSAGE_BYTES = 400 << 20

Request = TypeVar("Request")
Response = TypeVar("Response")
Handler = Callable[["Provider", Request, grpc.ServicerContext], Response]


def answered(handler: Handler[Request, Response]) -> Handler[Request, Response]:
    """Turns exceptions into the errors that the engine understands."""

    def wrapper(self: "Provider", request: Request, context: grpc.ServicerContext) -> Response:
        try:
            return handler(self, request, context)
        except Failure as failure:
            context.abort(grpc.StatusCode.UNKNOWN, str(failure))
        except Exception as error:
            traceback.print_exc()
            context.abort(
                grpc.StatusCode.INTERNAL, f"defect in the stand-in: {type(error).__name__}: {error}"
            )

    return wrapper


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """The package `command`, with one resource type."""

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self._command = Command()
        self._engine: engine_pb2_grpc.EngineStub | None = None

    def attach(self, address: str) -> None:
        """Where the engine takes log lines."""
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    @override
    @answered
    def Attach(
        self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        self.attach(request.address)
        return empty_pb2.Empty()

    @override
    @answered
    def GetPluginInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    @override
    @answered
    def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        _refuse("a schema: run `pulumi import` with --generate-code=false")

    @override
    @answered
    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        return _check_response(decode(request.news), [])

    @override
    @answered
    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        return Diff(changed=decode(request.old_inputs) != decode(request.news)).message()

    @override
    @answered
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=True
        )

    @override
    @answered
    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        self._operation(request.urn)
        return _check_response(*self._command.check(decode(request.news)))

    @override
    @answered
    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        self._operation(request.urn)
        return self._command.diff(
            decode(request.olds),
            decode(request.old_inputs),
            decode(request.news),
            list(request.ignoreChanges),
        ).message()

    @override
    @answered
    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        operation = self._operation(request.urn, request.timeout)
        identity, outputs = self._command.create(
            operation, decode(request.properties), request.preview
        )
        return provider_pb2.CreateResponse(id=identity, properties=encode(outputs))

    @override
    @answered
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """Returns what is known: the official plugin reads nothing either."""
        self._operation(request.urn)
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=encode(decode(request.properties)),
            inputs=encode(decode(request.inputs)),
        )

    @override
    @answered
    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        operation = self._operation(request.urn, request.timeout)
        outputs = self._command.update(
            operation,
            decode(request.olds),
            decode(request.news),
            list(request.ignoreChanges),
            request.preview,
        )
        return provider_pb2.UpdateResponse(properties=encode(outputs))

    @override
    @answered
    def Delete(
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        operation = self._operation(request.urn, request.timeout)
        self._command.delete(operation, decode(request.properties))
        return empty_pb2.Empty()

    @override
    @answered
    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self.cancelled.set()
        return empty_pb2.Empty()

    @override
    @answered
    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        _refuse(f"the function {request.tok}")

    @override
    @answered
    def Call(
        self, request: provider_pb2.CallRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CallResponse:
        _refuse(f"the method {request.tok}")

    @override
    @answered
    def Construct(
        self, request: provider_pb2.ConstructRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConstructResponse:
        _refuse(f"the component {request.type}")

    def _operation(self, urn: str, timeout: float = 0) -> Operation:
        token = urn.split("::")[2].rpartition("$")[2]
        if token != TOKEN:
            _refuse(f"the resource type {token}")
        return Operation(urn, Log(self._engine, urn), self.cancelled, timeout or None)


def _refuse(what: str) -> NoReturn:
    raise Failure(f"the stand-in for pulumi-command {VERSION} lacks {what}; it has {TOKEN}")


def _check_response(inputs: Properties, failures: list[CheckFailure]) -> provider_pb2.CheckResponse:
    return provider_pb2.CheckResponse(
        inputs=encode(inputs),
        failures=[
            provider_pb2.CheckFailure(property=failure.property, reason=failure.reason)
            for failure in failures
        ],
    )


def serve(arguments: list[str]) -> None:
    """Runs the plugin as the engine expects it: port on stdout, engine's address as argument."""
    provider = Provider()
    limits = [
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.max_send_message_length", MESSAGE_BYTES),
    ]
    server = grpc.server(ThreadPoolExecutor(THREADS), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    if addresses := [argument for argument in arguments if not argument.startswith("-")]:
        provider.attach(addresses[0])

    def stop(_signal: int, _frame: FrameType | None) -> None:
        provider.cancelled.set()
        server.stop(grace=1)

    # The engine ends its plugins by an interrupt, and waits 5 s for them to go.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    server.start()
    print(port, flush=True)
    server.wait_for_termination()
    sys.exit(0)
