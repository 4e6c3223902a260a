"""The inputs of `remote.Command`: their types, defaults and secrecy.

Owns what is refused before anything runs. `proxy` is the one input of the official plugin that the
stand-in lacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.standins.resource import CheckFailure
from tests.standins.values import UNKNOWN, Properties, Secret, Value

Kind = Literal["string", "bool", "int", "number", "list", "strings", "connection"]

GO_TYPES: dict[Kind, str] = {
    "string": "string",
    "bool": "bool",
    "int": "int",
    "number": "float64",
    "list": "[]interface {}",
    "strings": "map[string]string",
    "connection": "remote.Connection",
}


@dataclass(frozen=True)
class Field:
    """One input."""

    kind: Kind
    required: bool = False
    secret: bool = False
    default: Value = None


COMMAND = {
    "triggers": Field("list"),
    "create": Field("string"),
    "update": Field("string"),
    "delete": Field("string"),
    "stdin": Field("string"),
    "logging": Field("string"),
    "connection": Field("connection", required=True, secret=True),
    "environment": Field("strings"),
    "addPreviousOutputInEnv": Field("bool"),
}
CONNECTION = {
    "user": Field("string", default="root"),
    "password": Field("string", secret=True),
    "host": Field("string", required=True),
    "port": Field("number", default=22),
    "privateKey": Field("string", secret=True),
    "privateKeyPassword": Field("string", secret=True),
    "agentSocketPath": Field("string"),
    "dialErrorLimit": Field("int", default=10),
    "perDialTimeout": Field("int", default=15),
    "hostKey": Field("string"),
}
# Only a replacement carries a changed trigger; a change *inside* the list is made a replacement by
# the SDK's `replace_on_changes`, not by the plugin.
REPLACE_ON = frozenset({"triggers"})


def check(news: Properties) -> tuple[Properties, list[CheckFailure]]:
    """Inputs with defaults and secret marks, and every reason to refuse them."""
    failures = list(_failures("remote.CommandInputs", COMMAND, news))
    if failures:
        return _mark(COMMAND, news), failures
    return _mark(COMMAND, _with_defaults(COMMAND, news)), []


def _failures(owner: str, fields: Mapping[str, Field], given: Properties) -> list[CheckFailure]:
    failures = []
    for name, field in fields.items():
        if name in given:
            failures += _type_failures(owner, name, field.kind, given[name])
        elif field.required:
            reason = f"Missing required field '{name}' on '{owner}'"
            failures.append(CheckFailure(reason, name))
    for name in given.keys() - fields.keys():
        if owner == "remote.Connection" and name == "proxy":
            reason = (
                "the stand-in for pulumi-command has no connection.proxy: reach the host directly"
            )
        else:
            reason = f"Unrecognized field '{name}' on '{owner}'"
        failures.append(CheckFailure(reason, name))
    return failures


def _type_failures(owner: str, name: str, kind: Kind, value: Value) -> list[CheckFailure]:
    if isinstance(value, Secret):
        value = value.value
    if value is UNKNOWN:
        return []
    if kind == "connection" and isinstance(value, dict):
        inner = _failures("remote.Connection", CONNECTION, value)
        if not inner:
            return []
        short = owner.rpartition(".")[2]
        listed = "".join(f"\n\t{failure.property}: {failure.reason}" for failure in inner)
        text = f"{len(inner)} failures decoding:{listed}"
        reason = f"An error occurred decoding '{short}.{name}': {text}"
        return [CheckFailure(reason, name)]
    if kind == "strings" and isinstance(value, dict):
        return [
            failure
            for key, item in value.items()
            for failure in _type_failures(owner, f"{name}[{key}] value", "string", item)
        ]
    if _fits(kind, value):
        return []
    got = {bool: "bool", float: "float64", str: "string", list: "[]interface {}"}.get(
        type(value), "map[string]interface {}"
    )
    wanted = GO_TYPES[kind]
    reason = f"Field '{name}' on '{owner}' must be a '{wanted}'; got '{got}' instead"
    return [CheckFailure(reason, name)]


def _fits(kind: Kind, value: Value) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "int" | "number":
            return isinstance(value, float)
        case "list":
            return isinstance(value, list)
    return False


def _with_defaults(fields: Mapping[str, Field], given: Properties) -> Properties:
    filled: Properties = dict(given)
    for name, field in fields.items():
        if field.default is not None and name not in filled:
            filled[name] = field.default
        if field.kind == "int" and isinstance(number := filled.get(name), float):
            filled[name] = int(number)
        if field.kind == "connection":
            filled[name] = _connection_with_defaults(filled[name])
    return filled


def _connection_with_defaults(value: Value) -> Value:
    if isinstance(value, Secret):
        return Secret(_connection_with_defaults(value.value))
    return _with_defaults(CONNECTION, value) if isinstance(value, dict) else value


def _mark(fields: Mapping[str, Field], given: Properties) -> Properties:
    """Secret marks by type, inside `connection` too; a mark that is there already stays."""
    marked: Properties = {}
    for name, value in given.items():
        field = fields.get(name)
        inner = value.value if isinstance(value, Secret) else value
        if field and field.kind == "connection" and isinstance(inner, dict):
            inner = _mark(CONNECTION, inner)
        is_secret = isinstance(value, Secret) or (field is not None and field.secret)
        marked[name] = Secret(inner) if is_secret else inner
    return marked
