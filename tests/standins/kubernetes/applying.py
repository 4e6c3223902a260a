"""Server-side apply under a field manager of the resource's own.

Owns which other managers' fields are taken over first, when conflicts are overruled, and what a
conflict says. Everything else about applying is the API server's.
"""

import json

from tests.standins.kubernetes import shape
from tests.standins.kubernetes.api import APPLY, FIELD_MANAGER, JSON_PATCH, Api, ApiError, Object

# Whose fields an update takes over, by the beginnings of their names: those of our own creates, and
# of every kubectl (`kubectl-edit`, `kubectl-patch`, …).
TAKEN_OVER = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    (FIELD_MANAGER, "Update"),
)
CONFLICT = (
    "server-side apply field conflict detected, see https://www.pulumi.com/registry/packages/"
    "kubernetes/how-to-guides/managing-resources-with-server-side-apply/"
    "#handle-field-conflicts-on-existing-resources for troubleshooting help"
)


def applied(api: Api, path: str, new: Object, manager: str, *, preview: bool) -> Object:
    """The object after `new` has been applied to it, in a preview as a dry run."""
    before = api.get(path)
    if not preview:
        before = _taken_over(api, path, before, manager)
    query = {
        "fieldManager": manager,
        "force": json.dumps(_forced(new, before, preview)),
        **({"dryRun": "All"} if preview else {}),
    }
    try:
        return api.patch(path, new, APPLY, **query)
    except ApiError as error:
        if not error.conflict:
            raise
        message = (
            f'{CONFLICT}\nThe resource managed by field manager "{manager}" had an apply '
            f"conflict: {error}"
        )
        raise ApiError(message, error.code, error.reason) from error


def relinquish(api: Api, path: str, live: Object, manager: str) -> None:
    """Gives up what a manager of another name owned."""
    nothing = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": _place(live)}
    api.patch(path, nothing, APPLY, fieldManager=manager)


def _place(value: Object) -> dict[str, str]:
    place = {"name": shape.name(value), "namespace": shape.namespace(value)}
    return {key: item for key, item in place.items() if item}


def _taken_over(api: Api, path: str, live: Object, manager: str) -> Object:
    """Makes the fields of our own create, and of kubectl, those of `manager`."""
    entries = live["metadata"].get("managedFields") or []
    ours = [e for e in entries if e["manager"] == manager and e["operation"] == "Apply"]
    rest = [e for e in entries if e not in ours]
    adopted = [e for e in rest if _is_taken_over(e)]
    if not adopted:
        return live
    first, *others = [*ours, *adopted]
    merged = {**first, "manager": manager, "operation": "Apply"}
    for entry in others:
        merged["fieldsV1"] = _union(merged["fieldsV1"], entry["fieldsV1"])
    kept = [e for e in rest if e not in adopted]
    operation = {"op": "replace", "path": "/metadata/managedFields", "value": [*kept, merged]}
    return api.patch(path, [operation], JSON_PATCH)


def _is_taken_over(entry: Object) -> bool:
    return not entry.get("subresource") and any(
        entry["manager"].startswith(manager) and entry["operation"] == operation
        for manager, operation in TAKEN_OVER
    )


def _union(one: Object, other: Object) -> Object:
    """Two sets of fields, as trees, in one."""
    result = dict(one)
    for key, value in other.items():
        result[key] = _union(result[key], value) if key in result else value
    return result


def _forced(new: Object, live: Object, preview: bool) -> bool:
    """Whether conflicts are overruled."""
    if shape.annotation(new, shape.PATCH_FORCE) == "true":
        return True
    entries = live["metadata"].get("managedFields") or []
    # Before the first update, a dry run meets the fields of our own create.
    created = [e["operation"] == "Update" and e["manager"] == FIELD_MANAGER for e in entries]
    return not entries or (preview and any(created))
