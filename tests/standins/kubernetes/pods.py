"""What is wrong with a pod, in the official plugin's words.

Its `[Pod namespace/name]: …` is the one way in which a container's own text (its termination
message) reaches the user of a failed Job.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.standins.kubernetes import shape
from tests.standins.kubernetes.api import Object


@dataclass(frozen=True)
class Step:
    """One of the steps to readiness that a pod takes."""

    done: bool
    description: str
    warning: str = ""


def steps(pod: Object) -> list[Step]:
    """The steps up to the first that is not done."""
    result: list[Step] = []
    for step in (_scheduled(pod), _initialized(pod), _ready(pod)):
        result.append(step)
        if not step.done:
            break
    return result


def warnings(pod: Object) -> list[str]:
    """What went wrong so far."""
    return [step.warning for step in steps(pod) if step.warning]


def full_name(value: Object) -> str:
    """`namespace/name`, without the default namespace."""
    inside = shape.namespace(value)
    return f"{inside}/{shape.name(value)}" if inside not in ("", "default") else shape.name(value)


def _scheduled(pod: Object) -> Step:
    condition = _condition(pod, "PodScheduled")
    description = f'Waiting for Pod "{full_name(pod)}" to be scheduled'
    return Step(condition.get("status") == "True", description)


def _initialized(pod: Object) -> Step:
    condition = _condition(pod, "Initialized")
    done = condition.get("status") == "True"
    description = f'Waiting for Pod "{full_name(pod)}" to be initialized'
    return Step(done, description, "" if done else _warning(pod, condition))


def _ready(pod: Object) -> Step:
    condition = _condition(pod, "Ready")
    succeeded = bool(condition) and pod["status"].get("phase") == "Succeeded"
    done = condition.get("status") == "True" or succeeded
    description = f'Waiting for Pod "{full_name(pod)}" to be ready'
    return Step(done, description, "" if done else _warning(pod, condition))


def _condition(pod: Object, kind: str) -> Object:
    for condition in pod.get("status", {}).get("conditions") or []:
        if condition["type"] == kind:
            return dict(condition)
    return {}


def _warning(pod: Object, condition: Object) -> str:
    if not condition:
        return ""
    said = condition.get("message", "")
    errors = "\n".join(
        error
        for status in pod["status"].get("containerStatuses") or []
        if not status.get("ready")
        for error in _container_errors(status)
    )
    if not errors and not said:
        return ""
    return f"[Pod {full_name(pod)}]: {said if condition.get('reason') else ''}{errors}"


def _container_errors(status: dict[str, Any]) -> Iterator[str]:
    state = status.get("state") or {}
    waiting, terminated = state.get("waiting"), state.get("terminated")
    if waiting is not None and waiting.get("reason") != "ContainerCreating":
        yield f"[{waiting.get('reason', '')}] {_trimmed(waiting.get('message', ''))}"
    if terminated is not None and terminated.get("reason"):
        if message := terminated.get("message"):
            yield f"[{terminated['reason']}] {_trimmed(message)}"
        else:
            yield f'container "{status["name"]}" completed with exit code {terminated["exitCode"]}'
    last = (status.get("lastState") or {}).get("terminated")
    if last is not None:
        yield (
            f'container "{status["name"]}" terminated at {last.get("finishedAt", "")}'
            f" ({last.get('reason', '')}: exit code {last['exitCode']})"
        )
        if message := last.get("message"):
            yield message


def _trimmed(message: str) -> str:
    """Without what the pulling of images adds."""
    prefix = "rpc error: code = Unknown desc = Error response from daemon: "
    return message.removeprefix(prefix).removesuffix(": manifest unknown")
