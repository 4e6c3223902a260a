"""The package's schema, as far as `pulumi import` asks for it: it writes the program's new lines.

Made from what the stand-in knows anyway: the kinds, their inputs, and the Go types in `types.json`.
The official schema has the same names and shapes, and everything that is left out here:
descriptions, outputs, functions, and which module a nested type is in.
"""

from typing import Any

from tests.standins.kubernetes import typed
from tests.standins.kubernetes.kinds import KINDS, Kind
from tests.standins.kubernetes.release_inputs import SWITCHES, TEXTS

RELEASE = "kubernetes:helm.sh/v3:Release"
NESTED = "kubernetes:nested/v1:"
ANY: dict[str, Any] = {"$ref": "pulumi.json#/Any"}
STRING = {"type": "string"}
# What a Go type is in the schema; `any` and `intOrString` are whatever comes.
SCALARS: dict[str, dict[str, Any]] = {
    "bool": {"type": "boolean"},
    "bytes": STRING,
    "int": {"type": "integer"},
    "quantity": STRING,
    "string": STRING,
    "time": STRING,
}


def schema(version: str) -> dict[str, Any]:
    """In Pulumi's own format."""
    tokens = [*(kind.token for kind in KINDS), RELEASE]
    modules = {token.split(":")[1] for token in tokens}
    return {
        "name": "kubernetes",
        "version": version,
        "meta": {"moduleFormat": "(.*)"},
        "language": {
            "python": {
                # networking.k8s.io/v1 is pulumi_kubernetes.networking.v1
                "moduleNameOverrides": {module: _python(module) for module in sorted(modules)},
                "inputTypes": "classes-and-dicts",
            }
        },
        "types": {
            NESTED + name: {"type": "object", "properties": _properties(fields)}
            for name, fields in typed.structs().items()
        },
        "resources": {
            **{kind.token: {"inputProperties": _inputs(kind)} for kind in KINDS},
            RELEASE: {"inputProperties": _release()},
        },
    }


def _python(module: str) -> str:
    group, _, version = module.rpartition("/")
    return f"{group.removesuffix('.sh').removesuffix('.k8s.io')}/{version}"


def _inputs(kind: Kind) -> dict[str, Any]:
    fields = typed.fields_of(kind.api_version, kind.name)
    named = _properties({key: fields.get(key, "any") for key in ("metadata", *kind.inputs)})
    return {
        "apiVersion": {**STRING, "const": kind.api_version},
        "kind": {**STRING, "const": kind.name},
        **named,
        "metadata": _type("ObjectMeta"),
    }


def _release() -> dict[str, Any]:
    repository = {"type": "object", "additionalProperties": STRING}
    return {
        **dict.fromkeys(TEXTS, STRING),
        **dict.fromkeys(SWITCHES, SCALARS["bool"]),
        **dict.fromkeys(("maxHistory", "timeout"), SCALARS["int"]),
        "repositoryOpts": repository,
        "values": {"type": "object", "additionalProperties": ANY},
    }


def _properties(fields: dict[str, str]) -> dict[str, Any]:
    return {name: _type(kind.removeprefix("?")) for name, kind in fields.items()}


def _type(kind: str) -> dict[str, Any]:
    if kind.startswith("[]"):
        return {"type": "array", "items": _type(kind[2:])}
    if kind.startswith("{}"):
        return {"type": "object", "additionalProperties": _type(kind[2:])}
    if kind in typed.structs():
        return {"$ref": f"#/types/{NESTED}{kind}"}
    return SCALARS.get(kind, ANY)
