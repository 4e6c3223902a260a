"""A stack of ours without our program: the same resources in a program that only lists them.

What `pulumi preview` costs beside an empty program is of two parts: what the engine and the plugins
do with resources of that size, whoever declares them, and what our program adds. This tells the two
apart. Nothing is deployed for it: the resources are taken from the state of ours, with `pulumi
stack export` and `import`, so that they are there already and unchanged.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

from tests.bench.engine import Beside
from tests.deployment import Checkout

_STACK, _PROVIDER = "pulumi:pulumi:Stack", "pulumi:providers:kubernetes"
#: Where the program finds what to list.
_INPUTS = "resources.json"
#: By this annotation the plugin knows the names that it made up.
_AUTONAMED = "pulumi.com/autonamed"
#: By this key and value Pulumi marks a secret.
_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
PROGRAM = f"""\
import json
import re

import pulumi
import pulumi_kubernetes as kubernetes

CLASSES = {{
    "kubernetes:batch/v1:Job": lambda: kubernetes.batch.v1.Job,
    "kubernetes:core/v1:Namespace": lambda: kubernetes.core.v1.Namespace,
    "kubernetes:core/v1:PersistentVolumeClaim": lambda: kubernetes.core.v1.PersistentVolumeClaim,
    "kubernetes:core/v1:Secret": lambda: kubernetes.core.v1.Secret,
    "kubernetes:helm.sh/v3:Release": lambda: kubernetes.helm.v3.Release,
    "kubernetes:networking.k8s.io/v1:NetworkPolicy": lambda: kubernetes.networking.v1.NetworkPolicy,
    "{_PROVIDER}": lambda: kubernetes.Provider,
}}


def decoded(value):
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("{_SIGNATURE}") == "{_SECRET}":
        return pulumi.Output.secret(json.loads(value["plaintext"]))
    return {{key: decoded(item) for key, item in value.items()}}


cluster = None
for each in json.load(open("{_INPUTS}")):
    given = {{
        re.sub("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", key).lower(): decoded(value)
        for key, value in each["inputs"].items()
    }}
    options = pulumi.ResourceOptions(provider=cluster)
    made = CLASSES[each["type"]]()(each["name"], opts=options, **given)
    if each["type"] == "{_PROVIDER}":
        cluster = made
"""


def list_resources(ours: Checkout, bare: Beside) -> None:
    """Make ``bare`` a program that lists the resources of ``ours`` as they are now."""
    exported = _exported(ours)["deployment"]["resources"]
    resources = [resource for resource in exported if resource.get("custom")]
    stack = {"urn": _urn(bare, _STACK, f"{bare.stack}-{bare.stack}"), "type": _STACK}
    state = _exported(bare)
    state["deployment"]["resources"] = [
        {**stack, "custom": False},
        *(_moved(resource, bare, stack["urn"]) for resource in resources),
    ]
    bare.pulumi("stack", "import", stdin=json.dumps(state))
    listed = [_declared(resource) for resource in resources]
    (bare.folder / _INPUTS).write_text(json.dumps(listed))


def forget(bare: Beside) -> None:
    """Nothing of it was made by it."""
    bare.pulumi("stack", "rm", "--yes", "--force")
    shutil.rmtree(bare.folder)


def _exported(checkout: Checkout) -> dict[str, Any]:
    exported: dict[str, Any] = json.loads(
        checkout.pulumi("stack", "export", "--show-secrets").stdout
    )
    return exported


def _moved(resource: dict[str, Any], bare: Beside, parent: str) -> dict[str, Any]:
    """The resource as one of ``bare``, without the components that it belonged to."""
    dropped = ("dependencies", "propertyDependencies", "aliases", "retainOnDelete")
    moved = {key: value for key, value in resource.items() if key not in dropped}
    moved |= {"parent": parent, "urn": _urn(bare, resource["type"], _name(resource))}
    if provider := resource.get("provider"):
        urn, _, identity = provider.rpartition("::")
        moved["provider"] = f"{_urn(bare, _PROVIDER, urn.rpartition('::')[2])}::{identity}"
    return moved


def _urn(bare: Beside, kind: str, name: str) -> str:
    return f"urn:pulumi:{bare.stack}::{bare.stack}::{kind}::{name}"


def _declared(resource: dict[str, Any]) -> dict[str, Any]:
    kind = resource["type"]
    # What the SDK adds by itself; a provider's version is one of that, a chart's is not.
    implied = {"apiVersion", "kind", *(["version"] if kind == _PROVIDER else [])}
    inputs = {
        key: value
        for key, value in resource["inputs"].items()
        if key not in implied and not key.startswith("__")
    }
    metadata = inputs.get("metadata", {})
    if metadata.get("annotations", {}).pop(_AUTONAMED, None):
        del metadata["name"]
    return {"type": kind, "name": _name(resource), "inputs": inputs}


def _name(resource: dict[str, Any]) -> str:
    return str(resource["urn"]).rpartition("::")[2]
