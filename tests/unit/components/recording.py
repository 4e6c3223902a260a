"""A recording stand-in for Pulumi's engine, and queries on what it recorded.

Owns how a program is run to its end under mocks: everything asynchronous is over when ``record``
returns, so a test asserts on plain data and no assertion can be left waiting in an output. Knows
nothing of newt.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.mocks import MockEngine
from pulumi.runtime.proto import provider_pb2, resource_pb2

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: By this key and value Pulumi marks a secret on the wire.
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"

#: In place of a value that a preview does not know.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

STACK = "pulumi:pulumi:Stack"

#: What a provider computes: resource type, name and inputs in, further outputs out.
Provider = Callable[[str, str, Mapping[str, Any]], Mapping[str, Any]]


def nothing(_type: str, _name: str, _inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registration, as the engine receives it. ``inputs`` are camelCase and mark secrets."""

    type: str
    name: str
    urn: str
    parent: str
    inputs: dict[str, Any]
    dependencies: frozenset[str]
    ignore_changes: tuple[str, ...]
    replace_on_changes: tuple[str, ...]
    delete_before_replace: bool
    retain_on_delete: bool
    #: Whether a state that holds it without a parent, as an import does, holds this one.
    adoptable: bool
    provider: str


@dataclass(frozen=True, kw_only=True)
class Log:
    """One message for the user."""

    level: str
    text: str


@dataclass
class Recording:
    """Everything a program asked the engine for, in the order of asking."""

    resources: list[Resource] = field(default_factory=list)
    #: URN to the outputs that a component, or the stack, registered.
    registered_outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: list[Log] = field(default_factory=list)

    def named(self, name: str) -> Resource:
        """The resource of that name; they are unique here."""
        found = [resource for resource in self.resources if resource.name == name]
        assert len(found) == 1, f"{len(found)} resources are called {name}"
        return found[0]

    def of_type(self, token: str) -> Resource:
        """The only resource of that type."""
        found = [resource for resource in self.resources if resource.type == token]
        assert len(found) == 1, f"{len(found)} resources are of type {token}"
        return found[0]

    def by_urn(self, urn: str) -> Resource:
        return next(resource for resource in self.resources if resource.urn == urn)

    def position(self, name: str) -> int:
        """When the resource was registered."""
        return self.resources.index(self.named(name))

    def needs(self, name: str) -> set[str]:
        """Names of all that the state file says must be there before, transitively; destruction
        goes backwards. A parent's dependencies do not count: the engine does not hand them down.
        """
        seen: set[str] = set()
        waiting = [self.named(name)]
        while waiting:
            resource = waiting.pop()
            # A provider is referred to as URN::ID.
            provider, _, _ = resource.provider.rpartition("::")
            for urn in {*resource.dependencies, provider} - seen - {""}:
                seen.add(urn)
                waiting.append(self.by_urn(urn))
        return {self.by_urn(urn).name for urn in seen}

    def messages(self, level: str) -> list[str]:
        return [log.text for log in self.logs if log.level == level]

    @property
    def stack_outputs(self) -> dict[str, Any]:
        return self.registered_outputs[self.of_type(STACK).urn]

    @property
    def public_text(self) -> str:
        """All that is not secret, as one text to search for leaks."""
        inputs = {resource.urn: public(resource.inputs) for resource in self.resources}
        return repr((inputs, public(self.registered_outputs), self.logs))


def is_secret(value: object) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def revealed(value: Any) -> Any:
    """``value`` without the marks of its secrets."""
    return _unmarked(value, lambda secret: revealed(secret["value"]))


def public(value: Any) -> Any:
    """``value`` without the content of its secrets."""
    return _unmarked(value, lambda _: "[secret]")


def _unmarked(value: Any, replace: Callable[[dict[str, Any]], Any]) -> Any:
    if is_secret(value):
        return replace(value)
    if isinstance(value, dict):
        return {key: _unmarked(item, replace) for key, item in value.items()}
    if isinstance(value, list):
        return [_unmarked(item, replace) for item in value]
    return value


class _Monitor:
    """The part of the engine that registers resources, as far as a program of ours asks it."""

    def __init__(
        self,
        recording: Recording,
        provider: Provider,
        checked: Provider,
        outputs: Mapping[str, Any],
        *,
        preview: bool,
    ) -> None:
        self._recording = recording
        self._provider = provider
        self._checked = checked
        self._outputs = outputs
        self._preview = preview

    def SupportsFeature(
        self, request: resource_pb2.SupportsFeatureRequest
    ) -> resource_pb2.SupportsFeatureResponse:
        # Without output values an input arrives as itself.
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id != "outputValues")

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest) -> provider_pb2.InvokeResponse:
        """Only what the engine itself answers: the outputs of the last update of this stack."""
        assert request.tok == "pulumi:pulumi:readStackOutputs"
        stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
        assert json_format.MessageToDict(request.args) == {"name": stack}
        answer = provider_pb2.InvokeResponse()
        getattr(answer, "return").update({"name": stack, "outputs": dict(self._outputs)})
        return answer

    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        urn = _urn(request)
        inputs = json_format.MessageToDict(request.object)
        resource = Resource(
            type=request.type,
            name=request.name,
            urn=urn,
            parent=request.parent,
            inputs=inputs,
            dependencies=frozenset(request.dependencies),
            ignore_changes=tuple(request.ignoreChanges),
            replace_on_changes=tuple(request.replaceOnChanges),
            delete_before_replace=request.deleteBeforeReplace,
            retain_on_delete=request.retainOnDelete,
            adoptable=any(alias.spec.noParent for alias in request.aliases),
            provider=request.provider,
        )
        self._recording.resources.append(resource)
        outputs = struct_pb2.Struct()
        outputs.CopyFrom(request.object)
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn, object=outputs)
        outputs.update(dict(self._checked(request.type, request.name, revealed(inputs))))
        # A preview knows neither ids nor what a provider computes.
        identity = ""
        if not self._preview:
            identity = f"id of {request.name}"
            outputs.update(dict(self._provider(request.type, request.name, revealed(inputs))))
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity, object=outputs)

    def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        outputs = json_format.MessageToDict(request.outputs)
        self._recording.registered_outputs[request.urn] = outputs
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, request: empty_pb2.Empty) -> empty_pb2.Empty:
        return request


def _urn(request: resource_pb2.RegisterResourceRequest) -> str:
    """As the engine makes it: the types of all ancestors, but not the stack's."""
    _, _, ancestors, _ = (request.parent or "::::::").split("::")
    types = request.type if ancestors in ("", STACK) else f"{ancestors}${request.type}"
    place = f"{pulumi.get_stack()}::{pulumi.get_project()}"
    return f"urn:pulumi:{place}::{types}::{request.name}"


class _LogHandler(logging.Handler):
    def __init__(self, recording: Recording) -> None:
        super().__init__(logging.INFO)
        self._recording = recording

    def emit(self, record: logging.LogRecord) -> None:
        message = Log(level=record.levelname.lower(), text=record.getMessage())
        self._recording.logs.append(message)


class _Inline(ThreadPoolExecutor):
    """Pulumi talks to the engine from threads. Without them a recording has one order only."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        done: Future[_T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


def record(
    program: Callable[[], object],
    provider: Provider = nothing,
    *,
    checked: Provider = nothing,
    project: str = "project",
    stack: str = "stack",
    preview: bool = False,
    outputs: Mapping[str, Any] | None = None,
    into: Recording | None = None,
) -> Recording:
    """Run ``program`` as Pulumi's language host does, and wait for all that it started.

    ``checked`` is what a provider adds already when it checks inputs, and so at a preview too;
    ``outputs`` are the stack's own, of the update before.
    What the program raises, an error in an ``apply`` too, is raised here; hand in ``into`` to see
    what was recorded until then.
    """
    recording = Recording() if into is None else into
    # Pulumi keeps settings, configuration and the stack in context variables: an empty context is
    # as good as a new process.
    Context().run(
        _run, program, provider, checked, project, stack, preview, outputs or {}, recording
    )
    return recording


def _run(
    program: Callable[[], object],
    provider: Provider,
    checked: Provider,
    project: str,
    stack: str,
    preview: bool,
    outputs: Mapping[str, Any],
    recording: Recording,
) -> None:
    logger = logging.Logger(__name__)
    logger.addHandler(_LogHandler(recording))
    loop = asyncio.new_event_loop()
    loop.set_default_executor(_Inline())
    asyncio.set_event_loop(loop)
    try:
        pulumi.runtime.configure(
            pulumi.runtime.Settings(
                project=project,
                stack=stack,
                organization="organization",
                monitor=_Monitor(recording, provider, checked, outputs, preview=preview),
                engine=MockEngine(logger),
                dry_run=preview,
            )
        )
        loop.run_until_complete(_to_the_end(program))
    finally:
        loop.close()
        asyncio.set_event_loop(None)


def _called(program: Callable[[], object]) -> None:
    program()


async def _to_the_end(program: Callable[[], object]) -> None:
    try:
        await pulumi.runtime.run_in_stack(lambda: _called(program))
    finally:
        # Messages about a resource are sent by tasks that Pulumi itself does not wait for.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*left, return_exceptions=True)
