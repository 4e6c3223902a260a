"""When a created or updated object counts as ready, and a deleted one as gone.

Owns what is waited for, for how long, what is said meanwhile and what a failure says. Kinds that
are not mentioned here are ready as soon as the API server has them.
"""

import contextlib
import math
import queue
import time
from collections.abc import Callable, Iterator
from functools import partial

from tests.standins.kubernetes import kinds, pods, shape
from tests.standins.kubernetes.api import Api, ApiError, Event, Object
from tests.standins.resource import Operation

DEFAULT_SECONDS = 600
CLAIM_SECONDS = 300  # whatever the resource's own time-out
TOKEN = "kubernetes.io/service-account-token"
TOKEN_SECONDS = 5
POLL_SECONDS = 0.5
GONE_POLL_SECONDS = 0.25
# Every minute the plugin sees all objects again, which restarts the clock of a Job or Pod: longer
# time-outs than this are never reached.
RESYNC_SECONDS = 60
FATAL_REASONS = ("BackoffLimitExceeded", "DeadlineExceeded")
# Part of any running Job: kept for the errors, but not shown while it runs.
UNREADY = "containers with unready status"


class Unready(Exception):
    """The object is there, but did not get ready, or does not go away."""

    def __init__(self, message: str, found: Object, details: list[str] | None = None) -> None:
        super().__init__(message)
        self.found = found
        self.details = details or []


class Said:
    """Status lines, each shown once."""

    def __init__(self, operation: Operation) -> None:
        self._log = operation.log
        self._lines: set[str] = set()

    def line(self, text: str) -> None:
        """What is waited for."""
        if text not in self._lines:
            self._lines.add(text)
            self._log.status(text)

    def warning(self, text: str) -> None:
        """What might be wrong."""
        if text not in self._lines:
            self._lines.add(text)
            self._log.passing_warning(text)


def seconds(operation: Operation, inputs: Object) -> float:
    """The resource's time-out: the option, else the annotation, else ten minutes."""
    if operation.timeout:
        return operation.timeout
    try:
        return int(shape.annotation(inputs, shape.TIMEOUT_SECONDS))
    except ValueError:
        return DEFAULT_SECONDS


def ready(api: Api, operation: Operation, inputs: Object, live: Object, *, update: bool) -> Object:
    """The object once it is ready."""
    said = Said(operation)
    if shape.annotation(inputs, shape.SKIP_AWAIT) == "true":
        said.line("Skipping await logic")
        return live
    patience = seconds(operation, inputs)
    match live["kind"]:
        case "Job":
            wait = partial(_job, api, operation, said, live, patience)
        case "Pod":
            wait = partial(_pod, api, operation, said, live, patience)
        case "PersistentVolumeClaim":
            wait = partial(_claim, api, operation, said, live, update)
        case "Secret" if live.get("type") == TOKEN:
            wait = partial(_token, api, operation, live)
        case _:
            return live
    with _reported_events(api, said, live):
        live = wait()
    operation.log.status("")
    return live


def readable(api: Api, operation: Operation, live: Object) -> None:
    """What a refresh finds wrong with an object."""
    said = Said(operation)
    match live["kind"]:
        case "Job":
            done, described, error = job_progress(live)
            for line in described:
                said.line(line)
            if not done:
                listed = api.get(kinds.POD.path(shape.namespace(live))).get("items") or []
                # The official plugin keeps the last pod's alone.
                warned = [pods.warnings(pod) for pod in listed if _owned(pod, live)][-1:]
                details = [*([error] if error else []), *(line for one in warned for line in one)]
                raise _uninitialized(live, details)
        case "Pod":
            if not _pod_progress(said, live):
                raise _uninitialized(live, pods.warnings(live))


def gone(api: Api, operation: Operation, path: str, live: Object, patience: float) -> None:
    """Waits until the API server has the object no more."""
    said = Said(operation)
    deadline = time.monotonic() + patience
    with _reported_events(api, said, live):
        while (found := _found(api, path, live)) is not None:
            if found["metadata"].get("deletionTimestamp"):
                said.line("Resource scheduled for deletion")
            cancelled = operation.cancelled.wait(GONE_POLL_SECONDS)
            if cancelled or time.monotonic() > deadline:
                finalizers = ", ".join(found["metadata"].get("finalizers") or [])
                operation.log.warning(f"finalizers might be preventing deletion ({finalizers})")
                why = "context canceled" if cancelled else "timed out waiting for the condition"
                raise Unready(why, found)
    operation.log.status("")


def job_progress(job: Object) -> tuple[bool, list[str], str]:
    """Whether a Job is complete, what it is waited for, and why it failed."""
    status, name = job.get("status", {}), pods.full_name(job)
    described = [f'Waiting for Job "{name}" to start']
    if not status.get("startTime"):
        return False, described, ""
    counts = " | ".join(
        f"{key.capitalize()}: {status.get(key, 0)}" for key in ("active", "succeeded", "failed")
    )
    described.append(f'Waiting for Job "{name}" to succeed ({counts})')
    conditions = {condition["type"]: condition for condition in status.get("conditions") or []}
    failed = conditions.get("Failed", {})
    if failed.get("status") == "True" and failed.get("reason") in FATAL_REASONS:
        return False, described, f"[{failed['reason']}] {failed.get('message', '')}"
    return conditions.get("Complete", {}).get("status") == "True", described, ""


def _job(api: Api, operation: Operation, said: Said, live: Object, patience: float) -> Object:
    found: dict[str, None] = {}  # an ordered set: what its pods and itself said
    events: queue.Queue[Event] = queue.Queue()
    inside = shape.namespace(live)
    with (
        api.watch(kinds.JOB.path(inside), events.put),
        api.watch(kinds.POD.path(inside), events.put),
    ):
        for event in _until(operation, events, patience, live, found):
            if event.object["kind"] == "Pod":
                for warning in pods.warnings(event.object) if _owned(event.object, live) else []:
                    found[warning] = None
                    if UNREADY not in warning:
                        said.warning(warning)
            elif shape.name(event.object) == shape.name(live):
                done, described, error = job_progress(event.object)
                for line in described:
                    said.line(line)
                if error:
                    found[error] = None
                    raise _uninitialized(live, list(found))
                live = event.object
                if done:
                    break
    return live


def _pod(api: Api, operation: Operation, said: Said, live: Object, patience: float) -> Object:
    found: dict[str, None] = {}
    events: queue.Queue[Event] = queue.Queue()
    with api.watch(kinds.POD.path(shape.namespace(live)), events.put):
        for event in _until(operation, events, patience, live, found):
            if shape.name(event.object) == shape.name(live):
                live = event.object
                found.clear()
                found.update(dict.fromkeys(pods.warnings(live)))
                if _pod_progress(said, live):
                    break
    return live


def _pod_progress(said: Said, pod: Object) -> bool:
    taken = pods.steps(pod)
    for step in taken:
        said.line(step.description)
    return all(step.done for step in taken)


def _claim(api: Api, operation: Operation, said: Said, live: Object, update: bool) -> Object:
    """A claim is ready when bound, or pending where the first pod is waited for."""
    mode = ""

    def bound(claim: Object) -> bool:
        nonlocal mode
        if not mode:
            try:
                mode = _binding_mode(api, claim)
            except ApiError as error:
                said.warning(str(error))
        phase = shape.text(claim, "status", "phase")
        if update and phase == "Bound":
            return True
        return phase == ("Pending" if mode == "WaitForFirstConsumer" else "Bound")

    path = kinds.PERSISTENT_VOLUME_CLAIM.path(shape.namespace(live), shape.name(live))
    return _polled(api, operation, path, bound, CLAIM_SECONDS)


def _token(api: Api, operation: Operation, live: Object) -> Object:
    """A service account's token is ready when it is there."""
    path = kinds.SECRET.path(shape.namespace(live), shape.name(live))
    return _polled(api, operation, path, lambda secret: bool(secret.get("data")), TOKEN_SECONDS)


def _binding_mode(api: Api, claim: Object) -> str:
    name = shape.text(claim, "spec", "storageClassName")
    if not name:
        raise ApiError(f'no storage class found for "{shape.name(claim)}"')
    try:
        storage_class = api.get(kinds.STORAGE_CLASS.path("", name))
    except ApiError as error:
        raise ApiError(f'getting storagclass "{name}": {error}') from error
    return shape.text(storage_class, "volumeBindingMode")


def _polled(
    api: Api,
    operation: Operation,
    path: str,
    done: Callable[[Object], bool],
    patience: float,
) -> Object:
    deadline = time.monotonic() + patience
    while True:
        live = api.get(path)
        if done(live):
            return live
        if operation.cancelled.wait(POLL_SECONDS):
            raise Unready(f"Resource operation was cancelled for '{shape.name(live)}'", live)
        if time.monotonic() > deadline:
            raise Unready(f"Timeout occurred polling for '{shape.name(live)}'", live)


def _until(
    operation: Operation,
    events: "queue.Queue[Event]",
    patience: float,
    live: Object,
    found: dict[str, None],
) -> Iterator[Event]:
    """Events; an error when none has come for as long as `patience`."""
    patience = patience if patience < RESYNC_SECONDS else math.inf
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(queue.Empty):
            yield events.get(timeout=POLL_SECONDS)
            deadline = time.monotonic() + patience
        if operation.cancelled.is_set():
            message = f'Resource operation was cancelled for "{shape.name(live)}"'
            raise Unready(message, live, list(found))
        if time.monotonic() > deadline:
            message = f"'{shape.name(live)}' timed out waiting to be Ready"
            raise Unready(message, live, list(found))


def _uninitialized(live: Object, details: list[str]) -> Unready:
    message = f"Resource '{shape.name(live)}' was created but failed to initialize"
    return Unready(message, live, details)


def _reported_events(
    api: Api, said: Said, live: Object
) -> contextlib.AbstractContextManager[object]:
    """Shows the API's warnings about the object while it is waited for."""

    def show(event: Event) -> None:
        if event.object.get("type") == "Warning":
            said.warning(f"{event.object.get('reason', '')}: {event.object.get('message', '')}")

    uid = live["metadata"]["uid"]
    path = kinds.EVENT.path(shape.namespace(live))
    return api.watch(path, show, fieldSelector=f"involvedObject.uid={uid}")


def _owned(value: Object, owner: Object) -> bool:
    owners = value["metadata"].get("ownerReferences") or []
    return any(reference["uid"] == owner["metadata"]["uid"] for reference in owners)


def _found(api: Api, path: str, live: Object) -> Object | None:
    """The same object, if it is still there; another one of its name is not it."""
    try:
        found = api.get(path)
    except ApiError as error:
        if error.not_found:
            return None
        raise
    return found if found["metadata"]["uid"] == live["metadata"].get("uid") else None
