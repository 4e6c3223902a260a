"""The Helm command, and the releases that Helm has stored in the cluster.

Helm does all the work; what it stored is read directly from its own Secrets, as the official
plugin's library does. Values go in by standard input: they may be secret.
"""

import base64
import gzip
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.standins.kubernetes import kinds
from tests.standins.kubernetes.api import Api
from tests.standins.kubernetes.cluster import Cluster
from tests.standins.resource import Operation

POLL_SECONDS = 0.2
# What the command puts before an error of the library.
ERROR = re.compile(r"^Error: (?:INSTALLATION FAILED: |UPGRADE FAILED: )?(.*)", re.DOTALL | re.M)
# The caller's own Helm must not decide where a release goes.
CLUSTER_VARIABLES = ("HELM_KUBE", "HELM_NAMESPACE", "HELM_DRIVER", "HELM_MAX_HISTORY", "KUBECONFIG")
DOCUMENTS = re.compile(r"(?:^|\s*\n)---\s*")


class HelmError(Exception):
    """What Helm said."""


@dataclass(frozen=True)
class Stored:
    """One revision of a release."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: dict[str, Any]  # its metadata
    values: dict[str, Any]
    manifest: str


def chart_metadata(chart: str, options: list[str]) -> dict[str, Any]:
    """A chart's `Chart.yaml`."""
    shown = yaml.safe_load(_run(["show", "chart", chart, *options], None, None))
    return dict(shown)


def install(
    cluster: Cluster, operation: Operation, options: list[str], values: dict[str, Any]
) -> None:
    """`helm install`."""
    _on_cluster(cluster, operation, ["install", *options, "--values", "-"], json.dumps(values))


def upgrade(
    cluster: Cluster, operation: Operation, options: list[str], values: dict[str, Any]
) -> None:
    """`helm upgrade`."""
    _on_cluster(cluster, operation, ["upgrade", *options, "--values", "-"], json.dumps(values))


def uninstall(cluster: Cluster, operation: Operation, name: str, options: list[str]) -> str:
    """`helm uninstall`; what Helm has to say of resources that it kept."""
    said = _on_cluster(cluster, operation, ["uninstall", name, *options], None)
    return said.replace(f'release "{name}" uninstalled', "").strip()


def stored(api: Api, namespace: str, name: str) -> Stored | None:
    """The newest revision of a release."""
    listed = api.get(kinds.SECRET.path(namespace), labelSelector=f"owner=helm,name={name}")
    found = [_decoded(item["data"]["release"]) for item in listed.get("items") or []]
    return max(found, key=lambda release: release.revision, default=None)


def resource_names(manifest: str) -> dict[str, list[str]]:
    """What a release consists of: `Kind.group/version` and the names."""
    names: dict[str, set[str]] = {}
    for text in DOCUMENTS.split(manifest):
        document = yaml.safe_load(text)
        if isinstance(document, dict) and document.get("kind"):
            version, metadata = document["apiVersion"], document["metadata"]
            group = version.rpartition("/")[0]
            kind = document["kind"] + (f".{group}" if group else "")
            inside = metadata.get("namespace")
            full = f"{inside}/{metadata['name']}" if inside else metadata["name"]
            names.setdefault(f"{kind}/{version}", set()).add(full)
    return {kind: sorted(found) for kind, found in names.items()}


def _decoded(data: str) -> Stored:
    """Base64 of the API in base64 of Helm, compressed."""
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(data))))
    return Stored(
        name=release["name"],
        namespace=release["namespace"],
        revision=release["version"],
        status=release["info"]["status"],
        chart=release["chart"]["metadata"],
        values=release.get("config") or {},
        manifest=release.get("manifest", ""),
    )


def _on_cluster(
    cluster: Cluster, operation: Operation, arguments: list[str], values: str | None
) -> str:
    with _kubeconfig(cluster) as path:
        return _run([*arguments, "--kubeconfig", str(path)], operation, values)


@contextmanager
def _kubeconfig(cluster: Cluster) -> Iterator[Path]:
    """The cluster's kubeconfig as a file that nobody else can read."""
    configuration = cluster.configuration
    document = dict(configuration.document) if configuration else {}
    document["current-context"] = cluster.context or document.get("current-context")
    with tempfile.TemporaryDirectory(prefix="helm-") as directory:
        path = Path(directory) / "kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(document))
        yield path


def _run(arguments: list[str], operation: Operation | None, values: str | None) -> str:
    # Not at the top: most runs have no release to change, and start faster without it.
    from tests.lab.kubernetes.binaries import helm

    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(CLUSTER_VARIABLES)
    }
    # Helm takes a folder beside it for the chart of that name, even one of a repository.
    with tempfile.TemporaryDirectory(prefix="helm-") as nowhere:
        process = subprocess.Popen(
            [helm(), *arguments],
            cwd=nowhere,
            env={**environment, "HELM_DRIVER": "secret"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said, errors = _communicated(process, operation, values)
    if process.returncode:
        found = ERROR.search(errors)
        raise HelmError((found[1] if found else errors).strip())
    return said


def _communicated(
    process: subprocess.Popen[str], operation: Operation | None, values: str | None
) -> tuple[str, str]:
    given = values
    while True:
        try:
            return process.communicate(given, timeout=POLL_SECONDS)
        except subprocess.TimeoutExpired:
            given = None  # has been taken
            if operation is not None and operation.cancelled.is_set():
                process.terminate()  # Helm then marks the release as failed
