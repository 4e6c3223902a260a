"""The resource that is one Kubernetes object.

Created by an ordinary POST (a name that is taken is refused), updated by server-side apply under a
field manager of its own; a preview is the same as a dry run. Owns the order of things, what is
tolerated in a preview, and the texts around the API server's errors.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterable

from typing_extensions import override

from tests.standins.kubernetes import awaiting, patching, shape
from tests.standins.kubernetes.api import FIELD_MANAGER, Api, ApiError, Object
from tests.standins.kubernetes.applying import applied, relinquish
from tests.standins.kubernetes.awaiting import Unready
from tests.standins.kubernetes.cluster import DEFAULT_NAMESPACE, Cluster
from tests.standins.kubernetes.kinds import Kind
from tests.standins.kubernetes.patching import PathDiff
from tests.standins.resource import (
    CheckFailure,
    Diff,
    Failure,
    InitFailed,
    Operation,
    Resource,
)
from tests.standins.values import Properties, Value, has_unknown

RETRIES = 5  # of a create whose namespace is missing, after 1, 2, 4, … seconds
# Those that a `pulumi.com/skipAwait` lets go without waiting at a delete, too.
UNAWAITED_DELETES = ("Namespace", "Pod", "Job")
METADATA_REPLACES = (".metadata.name", ".metadata.namespace")
REPLACE_UNREADY_PATH = f'.metadata.annotations["{shape.REPLACE_UNREADY}"]'
EXISTS = """

The resource already exists in the cluster. This can happen when:

  - Renaming a Pulumi resource: use an alias to preserve the identity,
    or use deleteBeforeReplace if the resource needs replacement.
  - Managing an existing resource: use a Patch resource (e.g. NamespacePatch)
    to manage specific fields without owning the resource lifecycle.
  - Adopting a resource into Pulumi: use `pulumi import`. Note that
    protected resources (e.g. kube-system) cannot be deleted on destroy.
  - Intentional upsert: set upsertExistingObjects on the provider to allow
    server-side apply to update existing objects on create."""
FORGET = (
    "remove this resource from Pulumi state by rerunning the operation with the "
    'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)


class ApiObject(Resource):
    """All resources of one kind."""

    def __init__(self, kind: Kind, cluster: Callable[[], Cluster]) -> None:
        self._kind = kind
        self._cluster = cluster

    @override
    def check(
        self, operation: Operation, olds: Properties, news: Properties
    ) -> tuple[Properties, list[CheckFailure]]:
        """The inputs as the API server will write them, with name and namespace."""
        old, new = shape.plain(olds), shape.normalized(shape.plain(news))
        if failures := self._refusals(new):
            return news, failures
        _warn_of_reserved(operation, new)
        if not shape.named(new):
            if old and shape.autonamed(old):
                new = shape.with_name_of(new, old)
            elif not old:
                new = shape.with_made_name(new, operation.name)
        if shape.text(old, "metadata", "labels", shape.MANAGED_BY) == shape.PULUMI:
            labels = {**new["metadata"].get("labels", {}), shape.MANAGED_BY: shape.PULUMI}
            new = shape.with_metadata(new, "labels", labels)
        if self._kind.namespaced and not shape.namespace(new):
            new = shape.with_metadata(new, "namespace", self._cluster().namespace)
        return shape.with_secrets(new, news), []

    def _refusals(self, new: Object) -> list[CheckFailure]:
        if not self._kind.managed:
            what = f"can look up a {self._kind.name} (.get), but not manage one"
            return [CheckFailure(f"the stand-in for pulumi-kubernetes {what}")]
        if shape.text(new, "metadata", "generateName"):
            raise Failure(
                "the `.metadata.generateName` field is not supported in Server-Side Apply mode"
            )
        if shape.annotation(new, shape.WAIT_FOR):
            return [CheckFailure(f"the stand-in has no {shape.WAIT_FOR}", "metadata.annotations")]
        return []

    @override
    def diff(
        self,
        state: Properties,
        old_inputs: Properties,
        news: Properties,
        ignore_changes: list[str],
    ) -> Diff:
        """The live object as last seen, cut to the old inputs, against the new inputs."""
        _refuse_ignored(ignore_changes)
        inputs, live = shape.parts(state)
        new = shape.normalized(shape.plain(news))
        old = shape.pruned(live, shape.normalized(inputs))
        old, new = (self._in_its_namespace(value) for value in (old, new))
        if shape.name(new):
            old = shape.with_metadata(old, "name", shape.name(live))
        detailed = patching.detailed(
            patching.merge_patch(old, patching.encoded(new)),
            old,
            new,
            old,
            (*METADATA_REPLACES, *self._kind.replaced_by),
        )
        replaces = [path for path, change in sorted(detailed.items()) if change.replaces]
        if self._unready(new, live):
            replaces.append(REPLACE_UNREADY_PATH)
        return PathDiff(
            detailed,
            changed=bool(detailed or replaces),
            replaces=tuple(replaces),
            delete_before_replace=bool(replaces)
            and shape.named(new)
            and not shape.autonamed(new)
            and shape.identity(new) == shape.identity(live),
        )

    def _in_its_namespace(self, value: Object) -> Object:
        """With the namespace spelled out, or left out where there is none."""
        own = (shape.namespace(value) or DEFAULT_NAMESPACE) if self._kind.namespaced else None
        return shape.with_metadata(value, "namespace", own)

    def _unready(self, new: Object, live: Object) -> bool:
        """Whether an unfinished Job is to be run anew."""
        if shape.annotation(new, shape.REPLACE_UNREADY) != "true" or self._kind.name != "Job":
            return False
        cluster = self._cluster()
        if cluster.reached is None:
            return False
        try:
            found = cluster.api.get(self._path(live))
        except ApiError:
            return False
        return not awaiting.job_progress(found)[0]

    @override
    def create(
        self, operation: Operation, inputs: Properties, preview: bool
    ) -> tuple[str, Properties]:
        """Creates it and waits until it is ready; in a preview, a dry run where one is possible."""
        new = shape.plain(inputs)
        cluster = self._cluster()
        if preview and (has_unknown(new) or cluster.reached is None):
            return "", inputs
        manager = shape.annotation(new, shape.PATCH_FIELD_MANAGER) or _made_manager()
        try:
            live = self._created(operation, cluster.api, new, preview)
        except ApiError as error:
            if preview and _hides_in_preview(error):
                return "", inputs
            raise Failure(
                f"resource {_quoted(operation.urn)} was not successfully created by the "
                f"Kubernetes API server: {error}{EXISTS if error.already_exists else ''}"
            ) from error
        if preview:
            live.pop("status", None)  # empty, and not what it will be
            return "", shape.state(live, new, inputs, self._kind.api_version, manager)
        try:
            live = awaiting.ready(cluster.api, operation, new, live, update=False)
        except (Unready, ApiError) as error:
            found = error.found if isinstance(error, Unready) else live
            raise InitFailed(
                shape.identity(found),
                shape.state(found, new, inputs, self._kind.api_version, manager),
                _reasons(
                    f"resource {_quoted(operation.urn)} was successfully created, but the "
                    "Kubernetes API server reported that it failed to fully initialize or become "
                    f"live: {error}",
                    error,
                ),
            ) from error
        outputs = shape.state(live, new, inputs, self._kind.api_version, manager)
        return shape.identity(live), outputs

    def _created(self, operation: Operation, api: Api, new: Object, preview: bool) -> Object:
        """Tried again while something that it needs is missing, its namespace above all."""
        query = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if preview else {})}
        path = self._kind.path(shape.namespace(new))
        for attempt in range(RETRIES + 1):
            try:
                live = api.post(path, new, **query)
            except ApiError as error:
                if preview and error.not_found and error.kind == "namespaces":
                    raise
                operation.log.status(f"Retry #{attempt}; creation failed: {error}")
                if not error.not_found or operation.cancelled.wait(2**attempt):
                    raise
                failed = error
                continue
            operation.log.status("")
            return live
        raise failed

    @override
    def read(
        self, operation: Operation, identity: str, inputs: Properties, state: Properties
    ) -> tuple[str, Properties, Properties]:
        """The live object; as inputs, what of it the inputs had before."""
        api = self._readable_api(operation)
        namespace, _, name = identity.rpartition("/")
        old_inputs = shape.normalized(shape.plain(inputs))
        unknown_before = "kind" not in old_inputs and "kind" not in state
        if "kind" not in old_inputs:
            place = {"name": name, **({"namespace": namespace} if namespace else {})}
            identified = {"apiVersion": self._kind.api_version, "kind": self._kind.name}
            old_inputs = {**identified, **old_inputs, "metadata": place}
        try:
            live = api.get(self._kind.path(shape.namespace(old_inputs), name))
        except ApiError as error:
            if error.not_found:
                return "", {}, {}
            raise Failure(str(error)) from error
        live_inputs = self._imported(live) if unknown_before else shape.pruned(live, old_inputs)
        version = state.get(shape.INITIAL_VERSION, self._kind.api_version)
        manager = state.get(shape.FIELD_MANAGER) or _made_manager()
        outputs = shape.state(live, live_inputs, inputs, str(version), str(manager))
        found = shape.with_secrets(dict(live_inputs), inputs)
        if not unknown_before and shape.annotation(old_inputs, shape.SKIP_AWAIT) != "true":
            try:
                awaiting.readable(api, operation, live)
            except Unready as error:
                reasons = _reasons(str(error), error)
                raise InitFailed(identity, outputs, reasons, found) from error
        return identity, outputs, found

    def _readable_api(self, operation: Operation) -> Api:
        cluster = self._cluster()
        if cluster.reached is None:
            operation.log.warning(f"configured Kubernetes cluster is unreachable: {cluster.reason}")
            raise Failure(
                "failed to read resource state due to unreachable cluster. If the cluster was "
                f"deleted, you can {FORGET}"
            )
        return cluster.reached

    def _imported(self, live: Object) -> Object:
        """Everything that a program may say of such an object."""
        keys = ("apiVersion", "kind", "metadata", *self._kind.inputs)
        inputs = {key: live[key] for key in keys if key in live}
        annotations = dict(inputs["metadata"].get("annotations") or {})
        for key in (
            "deployment.kubernetes.io/revision",
            "kubectl.kubernetes.io/last-applied-configuration",
        ):
            annotations.pop(key, None)
        unset = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
        metadata = {key: item for key, item in inputs["metadata"].items() if key not in unset}
        if "annotations" in metadata:
            metadata["annotations"] = annotations
        return {**inputs, "metadata": metadata}

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
        """Applies the new inputs and waits; what another manager owns is a conflict."""
        _refuse_ignored(ignore_changes)
        cluster = self._cluster()
        new = shape.normalized(shape.plain(news))
        if preview and (has_unknown(new) or cluster.reached is None):
            return news
        old_inputs, live = shape.parts(state)
        managers = [
            shape.annotation(inputs, shape.PATCH_FIELD_MANAGER)
            or str(state.get(shape.FIELD_MANAGER) or _made_manager())
            for inputs in (old_inputs, new)
        ]
        version = str(state.get(shape.INITIAL_VERSION, self._kind.api_version))
        try:
            found = applied(cluster.api, self._path(new), new, managers[1], preview=preview)
            if not preview:
                found = awaiting.ready(cluster.api, operation, new, found, update=True)
        except (Unready, ApiError) as error:
            if preview and isinstance(error, ApiError) and error.reason == "Forbidden":
                return news
            found = self._found_after(operation, cluster.api, live, error)
            own = shape.identity(found)
            raise InitFailed(
                own,
                shape.state(found, new, news, version, managers[1]),
                _reasons(
                    f'the Kubernetes API server reported that "{own}" failed to fully '
                    f"initialize or become live: {error}",
                    error,
                ),
            ) from error
        if not preview and managers[0] != managers[1]:
            relinquish(cluster.api, self._path(found), found, managers[0])
        return shape.state(found, new, news, version, managers[1])

    def _found_after(
        self, operation: Operation, api: Api, live: Object, error: Exception
    ) -> Object:
        try:
            return api.get(self._path(live))
        except ApiError as missing:
            raise Failure(
                f"update of resource {_quoted(operation.urn)} failed: {error}\n"
                f"unable to get cluster state: {missing}"
            ) from error

    @override
    def delete(self, operation: Operation, identity: str, state: Properties) -> None:
        """Deletes it with all that belongs to it, and waits until it is gone."""
        cluster = self._cluster()
        if cluster.reached is None:
            operation.log.warning(f"configured Kubernetes cluster is unreachable: {cluster.reason}")
            raise Failure(
                "configured Kubernetes cluster is unreachable. If the cluster was deleted, "
                f"you can {FORGET}"
            )
        inputs, live = shape.parts(state)
        path = self._kind.path(shape.namespace(live), identity.rpartition("/")[2])
        wanted = shape.annotation(inputs, shape.DELETION_PROPAGATION).lower()
        policy = {"orphan": "Orphan", "background": "Background"}.get(wanted, "Foreground")
        try:
            cluster.api.delete(path, {"propagationPolicy": policy})
            unawaited = shape.annotation(inputs, shape.SKIP_AWAIT) == "true"
            if unawaited and self._kind.name in UNAWAITED_DELETES:
                operation.log.status("Skipping await logic")
                return
            patience = awaiting.seconds(operation, inputs)
            awaiting.gone(cluster.api, operation, path, live, patience)
        except ApiError as error:
            if not error.not_found:
                raise Failure(str(error)) from error
        except Unready as error:
            version = str(state.get(shape.INITIAL_VERSION, self._kind.api_version))
            manager = str(state.get(shape.FIELD_MANAGER, ""))
            outputs = shape.state(error.found, live, state, version, manager)
            raise InitFailed(identity, outputs, _reasons(str(error), error)) from error

    def _path(self, value: Object) -> str:
        return self._kind.path(shape.namespace(value), shape.name(value))


def _hides_in_preview(error: ApiError) -> bool:
    """Errors that a preview says nothing of: the update will, or it will be put right by then."""
    missing_namespace = error.not_found and error.kind == "namespaces"
    return error.reason == "Forbidden" or error.already_exists or missing_namespace


def _reasons(message: str, error: Exception) -> list[str]:
    return [message, *(error.details if isinstance(error, Unready) else [])]


def _made_manager() -> str:
    return f"{FIELD_MANAGER}-{secrets.token_hex(shape.NAME_DIGITS // 2)}"


def _warn_of_reserved(operation: Operation, new: Object) -> None:
    annotations = new.get("metadata", {}).get("annotations")
    keys: Iterable[str] = annotations if isinstance(annotations, dict) else ()
    for key in keys:
        if key.startswith(shape.AUTONAMED):
            operation.log.warning(f'ignoring user-specified value for internal annotation "{key}"')


def _refuse_ignored(paths: list[str]) -> None:
    """Names are the engine's work: it has put the old inputs back before it asks for a diff. A name
    may be quoted: `metadata.annotations["a/b"]`.
    """
    if any(re.search(r'\[(?!")|\*', path) for path in paths):
        raise Failure(f"ignore_changes: the stand-in takes names of inputs, not {paths}")


def _quoted(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)
