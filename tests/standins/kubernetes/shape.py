"""Kubernetes objects in and out of Pulumi's property bags.

Owns what of a live object is compared (`pruned`), which outputs are secret, how names are made and
kept, and the state's own keys. An unknown value stays in an object as `UNKNOWN`.
"""

import base64
import binascii
import copy
import secrets
from typing import Any

from tests.standins.kubernetes import typed
from tests.standins.kubernetes.api import Object
from tests.standins.values import UNKNOWN, Properties, Secret, Value, has_unknown

INPUTS, INITIAL_VERSION, FIELD_MANAGER = "__inputs", "__initialApiVersion", "__fieldManager"

ANNOTATION = "pulumi.com/"
AUTONAMED = f"{ANNOTATION}autonamed"
SKIP_AWAIT = f"{ANNOTATION}skipAwait"
WAIT_FOR = f"{ANNOTATION}waitFor"
TIMEOUT_SECONDS = f"{ANNOTATION}timeoutSeconds"
REPLACE_UNREADY = f"{ANNOTATION}replaceUnready"
PATCH_FORCE = f"{ANNOTATION}patchForce"
PATCH_FIELD_MANAGER = f"{ANNOTATION}patchFieldManager"
DELETION_PROPAGATION = f"{ANNOTATION}deletionPropagationPolicy"

MANAGED_BY, PULUMI = "app.kubernetes.io/managed-by", "pulumi"
NAME_DIGITS = 8
READ_ONLY_METADATA = (
    *("creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation"),
    *("managedFields", "resourceVersion", "uid"),
)


def plain(properties: Properties) -> Object:
    """Without secret marks, whole numbers as integers."""
    return {key: _plain(value) for key, value in properties.items()}


def _plain(value: Value) -> Any:
    match value:
        case Secret(inner):
            return _plain(inner)
        case dict():
            return plain(value)
        case list():
            return [_plain(item) for item in value]
        case float() if value.is_integer():
            return int(value)
    return value


def text(value: Object, *path: str) -> str:
    """The string at that path, or none."""
    for key in path:
        found = value.get(key) if isinstance(value, dict) else None
        value = found if found is not None else {}
    return value if isinstance(value, str) else ""


def name(value: Object) -> str:
    """`metadata.name`."""
    return text(value, "metadata", "name")


def namespace(value: Object) -> str:
    """`metadata.namespace`."""
    return text(value, "metadata", "namespace")


def identity(value: Object) -> str:
    """Pulumi's id: `namespace/name`, or the name alone."""
    inside = namespace(value)
    return f"{inside}/{name(value)}" if inside else name(value)


def annotation(value: Object, key: str) -> str:
    """An annotation's value, or none."""
    return text(value, "metadata", "annotations", key)


def normalized(value: Object) -> Object:
    """Inputs in the form in which they are compared and sent."""
    if not has_unknown(value):
        if value.get("kind") == "Secret" and value.get("apiVersion") == "v1":
            value = _normalized_secret(value)
        else:
            value = pruned(typed.written(value), value)
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        kept = {key: item for key, item in metadata.items() if key not in READ_ONLY_METADATA}
        value = {**value, "metadata": kept}
    return value


def _normalized_secret(value: Object) -> Object:
    """`stringData` goes into `data`, as the API server does it."""
    own, given = value.get("data"), value.get("stringData")
    data = own if isinstance(own, dict) else {}
    if isinstance(given, dict) and given and all(isinstance(v, str) for v in given.values()):
        encoded = {k: base64.b64encode(v.encode()).decode() for k, v in given.items()}
        rest = {key: item for key, item in value.items() if key != "stringData"}
        return {**rest, "data": {**data, **encoded}}
    if not data:
        return value
    return {**value, "data": {key: _reencoded(item) for key, item in data.items()}}


def _reencoded(item: Any) -> Any:
    """Base64 without the white space that a file's line ends leave in it."""
    if not isinstance(item, str):
        return item
    try:
        bare = item.replace("\r", "").replace("\n", "")
        return base64.b64encode(base64.b64decode(bare, validate=True)).decode()
    except binascii.Error:
        return item


def pruned(live: Object, inputs: Object) -> Object:
    """Of a live object what the inputs have too, list items by their index.

    Hence what somebody added, a rule as well as a label, is never seen.
    """
    result = {}
    for key, value in live.items():
        if key in inputs:
            result[key] = _pruned(value, inputs[key])
    return result


def _pruned(live: Any, wanted: Any) -> Any:
    if isinstance(live, dict) and isinstance(wanted, dict):
        return pruned(live, wanted)
    if isinstance(live, list) and isinstance(wanted, list):
        if not live or not wanted:
            return []
        if _kind(live[0]) is not _kind(wanted[0]):
            return copy.deepcopy(live)
        return [_pruned(ours, theirs) for ours, theirs in zip(live, wanted, strict=False)]
    return live


def _kind(value: Any) -> type:
    return float if type(value) is int else type(value)


def with_secrets(outputs: Properties, inputs: Properties) -> Properties:
    """`outputs`, secret wherever `inputs` are; in a Secret, all its data.

    A list is secret as a whole: its order may have changed.
    """
    if outputs.get("kind") == "Secret":
        marked = {
            key: value if isinstance(value, Secret) else Secret(value)
            for key, value in outputs.items()
            if key in ("data", "stringData")
        }
        return {**outputs, **marked}
    result = dict(outputs)
    for key, given in inputs.items():
        if key not in result:
            continue
        value = result[key]
        if isinstance(value, dict) and isinstance(given, dict):
            result[key] = with_secrets(value, given)
        elif not isinstance(value, Secret) and has_secret(given):
            result[key] = Secret(value)
    return result


def has_secret(value: Value) -> bool:
    """Whether anything inside is secret."""
    match value:
        case Secret():
            return True
        case list():
            return any(has_secret(item) for item in value)
        case dict():
            return any(has_secret(item) for item in value.values())
    return False


def state(
    live: Object, inputs: Object, given: Properties, version: str, manager: str
) -> Properties:
    """What Pulumi keeps: the live object, and what it came from."""
    return {
        **with_secrets(_without_nulls(live), given),
        INPUTS: with_secrets(dict(inputs), given),
        INITIAL_VERSION: version,
        FIELD_MANAGER: manager,
    }


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def parts(properties: Properties) -> tuple[Object, Object]:
    """A state's inputs and its live object."""
    live = plain(properties)
    inputs = live.pop(INPUTS, {})
    return inputs, {k: v for k, v in live.items() if k not in (INITIAL_VERSION, FIELD_MANAGER)}


def named(value: Object) -> bool:
    """Whether it has a name, if only an unknown one."""
    metadata = value.get("metadata")
    own = metadata.get("name") if isinstance(metadata, dict) else None
    return own is UNKNOWN or (isinstance(own, str) and own != "")


def autonamed(value: Object) -> bool:
    """Whether the name was made here."""
    return annotation(value, AUTONAMED) == "true"


def with_made_name(value: Object, resource: str) -> Object:
    """Under a name of our own: the resource's, and something random."""
    return _with_name(value, f"{resource}-{secrets.token_hex(NAME_DIGITS // 2)}")


def with_name_of(value: Object, old: Object) -> Object:
    """Under the name that was made for it before."""
    return _with_name(value, name(old))


def _with_name(value: Object, own: str) -> Object:
    metadata = value.get("metadata", {})
    annotations = metadata.get("annotations", {})
    if annotations is not UNKNOWN:
        metadata = {**metadata, "annotations": {**annotations, AUTONAMED: "true"}}
    return {**value, "metadata": {**metadata, "name": own}}


def with_metadata(value: Object, key: str, item: Any) -> Object:
    """With one entry of the metadata set, or removed for None."""
    metadata = {**value.get("metadata", {}), key: item}
    if item is None:
        del metadata[key]
    return {**value, "metadata": metadata}
