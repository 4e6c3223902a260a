"""The resource `helm.v3.Release`: one installed chart.

Owns inputs, defaults, diffs and state; `helm` does the rest. A diff shows inputs and never what a
chart renders. A release that fails to get ready stays in state, to be repaired by the next update.
"""

import copy
import re
import secrets
from collections.abc import Callable
from typing import Any

from typing_extensions import override

from tests.standins.kubernetes import helm, patching, shape
from tests.standins.kubernetes.api import Object
from tests.standins.kubernetes.cluster import Cluster
from tests.standins.kubernetes.helm import HelmError, Stored
from tests.standins.kubernetes.patching import PathDiff
from tests.standins.kubernetes.release_inputs import (
    COMPUTED,
    DEFAULT_SECONDS,
    REFUSED,
    arguments,
    chart_version,
    decoded,
    timeout,
    without_nulls,
)
from tests.standins.resource import CheckFailure, Diff, Failure, InitFailed, Operation, Resource
from tests.standins.values import UNKNOWN, Properties, Secret, Value, has_unknown

REPLACED_BY = (".name", ".namespace")
NAME_TAKEN = "cannot re-use a name that is still in use"
# An upgrade that gets this far counts as begun, though Helm has stored nothing of it.
BEGUN = re.compile(r"unable to build kubernetes objects from (new|current) release manifest")


class Release(Resource):
    """All releases."""

    def __init__(self, cluster: Callable[[], Cluster]) -> None:
        self._cluster = cluster

    @override
    def check(
        self, operation: Operation, olds: Properties, news: Properties
    ) -> tuple[Properties, list[CheckFailure]]:
        """Every input with its default; the chart is looked up, and its version filled in."""
        given = dict(news)
        if refused := [key for key in REFUSED if shape.plain({key: given.get(key)})[key]]:
            return news, [
                CheckFailure(f"the stand-in's helm.v3.Release has no {key}", key) for key in refused
            ]
        if "name" not in given and olds:
            given["name"] = olds["name"]
        if given.get("name", "") == "":
            made = secrets.token_hex(shape.NAME_DIGITS // 2)
            given["name"] = f"{operation.name}-{made}"
        if given.get("namespace", "") == "":
            given["namespace"] = self._cluster().namespace
        if given.get("skipAwait") in (None, False):
            given.setdefault("timeout", DEFAULT_SECONDS)
        inputs = decoded(given)
        failures = []
        if not has_unknown(given):
            try:
                inputs["version"] = chart_version(inputs)
            except HelmError as error:
                reason = f"{error}; check the chart name and repository configuration."
                failures = [CheckFailure(reason, "chart")]
        return shape.with_secrets(_with_unknowns(inputs, news), news), failures

    @override
    def diff(
        self,
        state: Properties,
        old_inputs: Properties,
        news: Properties,
        ignore_changes: list[str],
    ) -> Diff:
        """New inputs against the old ones, and against the release as last seen."""
        # The engine has put the old inputs back before it asks for a diff.
        del ignore_changes
        old, new = shape.plain(_checkpointed(state)), shape.plain(news)
        old.pop("resourceNames", None)
        live = shape.plain({key: value for key, value in state.items() if key != shape.INPUTS})
        patch = patching.three_way_patch(*(_unknowns_as_null(value) for value in (old, new, live)))
        detailed = patching.detailed(patch, live, new, old, REPLACED_BY)
        return PathDiff(
            detailed,
            changed=bool(patch),
            diffs=tuple(sorted(patch)),
            replaces=tuple(path for path, change in sorted(detailed.items()) if change.replaces),
        )

    @override
    def create(
        self, operation: Operation, inputs: Properties, preview: bool
    ) -> tuple[str, Properties]:
        """Installs the chart; a preview renders nothing and asks nobody."""
        release = decoded(inputs)
        if preview:
            return "", _state(inputs, release, preview=True)
        cluster = self._reached("create")
        namespace, name = release["namespace"], release["name"]
        identity = _identity(namespace, name)
        options = arguments(release, 0)
        try:
            helm.install(cluster, operation, options, release["values"])
        except HelmError as error:
            found = helm.stored(cluster.api, namespace, name)
            if found is None or NAME_TAKEN in str(error):
                raise Failure(str(error)) from error
            operation.log.warning(
                f'Helm release "{name}" was created but has a failed status. Use the `helm` '
                f"command to investigate the error, correct it, then retry. Reason: {error}"
            )
            raise InitFailed(
                identity,
                _state(inputs, _seen(release, found)),
                [
                    f'Helm release "{identity}" was created, but failed to initialize completely. '
                    f"Use Helm CLI to investigate: {_unavailable(release, error)}"
                ],
            ) from error
        return identity, _state(inputs, self._seen(cluster, release))

    @override
    def read(
        self, operation: Operation, identity: str, inputs: Properties, state: Properties
    ) -> tuple[str, Properties, Properties]:
        """The newest revision, with the inputs that were; nothing of what the chart rendered."""
        cluster = self._cluster()
        if cluster.reached is None:
            operation.log.warning(f"configured Kubernetes cluster is unreachable: {cluster.reason}")
            raise Failure(
                "failed to read resource state due to unreachable cluster. If the cluster was "
                "deleted, you can remove this resource from Pulumi state by rerunning the "
                "operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "
                '"true"'
            )
        if state:
            release = decoded(state)
            namespace, name = release["namespace"], release["name"]
        else:
            release = decoded({})
            namespace, _, name = identity.rpartition("/")
        found = helm.stored(cluster.api, namespace, name)
        if found is None:
            return "", {}, {}
        release = _seen(release, found)
        old_inputs = _checkpointed(state)
        if not old_inputs:
            old_inputs = {k: v for k, v in release.items() if k not in COMPUTED}
        return identity, _state(old_inputs, release), old_inputs

    @override
    def update(
        self,
        operation: Operation,
        identity: str,
        state: Properties,
        news: Properties,
        ignore_changes: list[str],
        preview: bool,
    ) -> Properties:
        """Upgrades the release."""
        release = decoded(news)
        if preview:
            return _state(news, release, preview=True)
        cluster = self._reached("update")
        namespace, name = release["namespace"], release["name"]
        before = helm.stored(cluster.api, namespace, name)
        history = ["--history-max", str(int(release.get("maxHistory", 0)))]
        options = [*arguments(release, 1), *history]
        try:
            helm.upgrade(cluster, operation, options, release["values"])
        except HelmError as error:
            found = helm.stored(cluster.api, namespace, name)
            begun = found is not None and (before is None or found.revision > before.revision)
            if found is None or not (begun or BEGUN.search(str(error))):
                raise Failure(str(error)) from error
            raise InitFailed(
                _identity(namespace, name),
                _state(news, _seen(release, found)),
                [
                    f'Helm release "{_identity(namespace, name)}" failed to initialize completely. '
                    f"Use Helm CLI to investigate: {_unavailable(release, error)}"
                ],
            ) from error
        return _state(news, self._seen(cluster, release))

    @override
    def delete(self, operation: Operation, identity: str, state: Properties) -> None:
        """Uninstalls it. Its pods may outlive that: Helm waits for what it made itself."""
        cluster = self._cluster()
        if cluster.reached is None:
            raise Failure(
                f'can\'t delete Helm Release with unreachable cluster. Reason: "{cluster.reason}"'
            )
        release = decoded(state)
        options = ["--namespace", release["namespace"]]
        if release["atomic"] or not release["skipAwait"]:
            options += ["--wait", "--timeout", timeout(release)]
        try:
            said = helm.uninstall(cluster, operation, release["name"], options)
        except HelmError as error:
            raise Failure(str(error)) from error
        if said:
            operation.log.warning(f'Helm uninstall returned information: "{said}"')

    def _reached(self, verb: str) -> Cluster:
        cluster = self._cluster()
        if cluster.reached is None:
            raise Failure(f"can't {verb} Helm Release with unreachable cluster: {cluster.reason}")
        return cluster

    def _seen(self, cluster: Cluster, release: Object) -> Object:
        found = helm.stored(cluster.api, release["namespace"], release["name"])
        if found is None:
            raise Failure(f"Helm has not stored the release {release['name']}")
        return _seen(release, found)


def _unknowns_as_null(value: Any) -> Any:
    if value is UNKNOWN:
        return None
    if isinstance(value, dict):
        return {key: _unknowns_as_null(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unknowns_as_null(item) for item in value]
    return value


def _with_unknowns(values: Properties, given: Properties) -> Properties:
    """`values`, unknown wherever `given` is and there is something."""
    return {
        key: _unknown_as(value, given[key]) if key in given else value
        for key, value in values.items()
    }


def _unknown_as(value: Value, given: Value) -> Value:
    if isinstance(given, Secret):
        return _unknown_as(value, given.value)
    if given is UNKNOWN:
        return UNKNOWN
    if isinstance(value, dict) and isinstance(given, dict):
        return _with_unknowns(value, given)
    if isinstance(value, list) and isinstance(given, list):
        known = [_unknown_as(one, other) for one, other in zip(value, given, strict=False)]
        return [*known, *value[len(known) :]]
    return value


def _identity(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def _seen(release: Object, found: Stored) -> Object:
    """The release with what Helm has stored of it."""
    return {
        **release,
        "name": release["name"] or found.name,
        "namespace": release["namespace"] or found.namespace,
        "chart": release["chart"] or found.chart["name"],
        "values": _merged(release["values"], without_nulls(found.values)),
        "version": found.chart["version"],
        "resourceNames": helm.resource_names(found.manifest),
        "status": {
            "appVersion": found.chart.get("appVersion", ""),
            "chart": found.chart["name"],
            "name": found.name,
            "namespace": found.namespace,
            "revision": found.revision,
            "status": found.status,
            "version": found.chart["version"],
        },
    }


def _merged(ours: Object, theirs: Object) -> Object:
    """`ours` with `theirs` put over it, but for what is empty."""
    result = copy.copy(ours)
    for key, value in theirs.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _merged(result[key], value)
        elif value or key not in result:
            result[key] = value
    return result


def _checkpointed(state: Properties) -> Properties:
    """The inputs that a state was made from."""
    inputs = state.get(shape.INPUTS)
    if isinstance(inputs, Secret):
        inputs = inputs.value
    return inputs if isinstance(inputs, dict) else {}


def _state(inputs: Properties, release: Object, *, preview: bool = False) -> Properties:
    """What Pulumi keeps; the inputs in it are secret as a whole."""
    outputs = shape.with_secrets(_with_unknowns(dict(release), inputs), inputs)
    if preview:
        outputs.update(dict.fromkeys(COMPUTED, UNKNOWN))
    return {**outputs, shape.INPUTS: Secret(inputs)}


def _unavailable(release: Object, error: HelmError) -> str:
    return (
        "failed to become available within allocated timeout. Error: Helm Release "
        f"{release['namespace']}/{release['name']}: {error}"
    )
