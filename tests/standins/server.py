"""The gRPC server that Pulumi's engine starts as a plugin; both stand-ins are built on it.

Owns the wire protocol: messages in and out, the log, errors, and the refusal of what a stand-in
does not have. What a resource does is in a `Resource`, what the provider's configuration means in
the stand-in's own `Provider`.
"""

import json
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.rpc import status_pb2  # type: ignore[import-untyped]  # ships no stubs
from typing_extensions import override

from tests.standins.protocol import (
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)
from tests.standins.resource import (
    CheckFailure,
    Diff,
    Failure,
    InitFailed,
    Log,
    Operation,
    Resource,
)
from tests.standins.values import Properties, decode, encode

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
        except InitFailed as failed:
            context.set_trailing_metadata((_init_failed_detail(failed),))
            context.abort(grpc.StatusCode.UNKNOWN, str(failed))
        except Failure as failure:
            context.abort(grpc.StatusCode.UNKNOWN, str(failure))
        except Exception as error:
            traceback.print_exc()
            context.abort(
                grpc.StatusCode.INTERNAL, f"defect in the stand-in: {type(error).__name__}: {error}"
            )

    return wrapper


def _init_failed_detail(failed: InitFailed) -> tuple[str, bytes]:
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=failed.identity,
            properties=encode(failed.outputs),
            reasons=failed.reasons,
            inputs=None if failed.inputs is None else encode(failed.inputs),
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

    def schema(self) -> dict[str, Any] | None:
        """What `pulumi import` needs in order to write a program; None where there is none."""
        return None

    def close(self) -> None:
        """Lets go of what is open when the plugin ends."""

    def capabilities(self) -> provider_pb2.ConfigureResponse:
        """What this package's official plugin says of itself."""
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=True
        )

    # The protocol.

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
        return plugin_pb2.PluginInfo(version=self.version)

    @override
    @answered
    def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        found = self.schema()
        if found is None:
            self._refuse("a schema: run `pulumi import` with --generate-code=false")
        return provider_pb2.GetSchemaResponse(schema=json.dumps(found))

    @override
    @answered
    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        return _check_response(*self.check_config(decode(request.news)))

    @override
    @answered
    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        return self.diff_config(decode(request.old_inputs), decode(request.news)).message()

    @override
    @answered
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        self.configure(decode(request.args))
        return self.capabilities()

    @override
    @answered
    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        resource, operation = self._resource(request.urn)
        return _check_response(
            *resource.check(operation, decode(request.olds), decode(request.news))
        )

    @override
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

    @override
    @answered
    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        resource, operation = self._resource(request.urn, request.timeout)
        identity, outputs = resource.create(operation, decode(request.properties), request.preview)
        return provider_pb2.CreateResponse(id=identity, properties=encode(outputs))

    @override
    @answered
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        resource, operation = self._resource(request.urn)
        identity, outputs, inputs = resource.read(
            operation, request.id, decode(request.inputs), decode(request.properties)
        )
        if not identity:  # nothing at all, not even empty properties, means gone
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=identity, properties=encode(outputs), inputs=encode(inputs)
        )

    @override
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

    @override
    @answered
    def Delete(
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        resource, operation = self._resource(request.urn, request.timeout)
        resource.delete(operation, request.id, decode(request.properties))
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
        self._refuse(f"the function {request.tok}")

    @override
    @answered
    def Call(
        self, request: provider_pb2.CallRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CallResponse:
        self._refuse(f"the method {request.tok}")

    @override
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

    def stop(_signal: int, _frame: FrameType | None) -> None:
        provider.cancelled.set()
        server.stop(grace=1)

    # The engine ends its plugins by an interrupt, and waits 5 s for them to go.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    server.start()
    print(port, flush=True)
    server.wait_for_termination()
    provider.close()
    sys.exit(0)
