"""From a kubeconfig to one API server and the credentials for it.

Owns which file, context, cluster and user are meant. A kubeconfig's less common ways (proxies,
impersonation, the old auth providers) are refused.
"""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

NO_CONFIGURATION = (
    "invalid configuration: no configuration has been provided, "
    "try setting KUBERNETES_MASTER environment variable"
)
REFUSED = {
    "cluster": ("proxy-url",),
    "user": ("auth-provider", "as", "as-uid", "as-groups", "as-user-extra"),
}


class KubeconfigError(Exception):
    """The kubeconfig leads to no API server."""


@dataclass(frozen=True)
class Access:
    """An API server and how to be let in."""

    server: str
    authority: str | None = None  # PEM
    verify: bool = True
    server_name: str | None = None
    certificate: str | None = None  # PEM
    key: str | None = None  # PEM
    authorization: str | None = None  # the header


@dataclass(frozen=True)
class Kubeconfig:
    """A parsed kubeconfig."""

    document: Mapping[str, Any]
    directory: Path = Path()

    @property
    def current(self) -> str:
        """The name of its current context."""
        return str(self.document.get("current-context") or "")

    def entry(self, section: str, kind: str, name: str) -> dict[str, Any] | None:
        """The cluster, context or user of that name."""
        for entry in self.document.get(section) or []:
            if entry.get("name") == name:
                return dict(entry.get(kind) or {})
        return None

    def context(self, name: str = "") -> dict[str, Any]:
        """That context, or the current one."""
        if name and self.entry("contexts", "context", name) is None:
            raise KubeconfigError(f'context "{name}" does not exist')
        return self.entry("contexts", "context", name or self.current) or {}

    def cluster(self, context: str = "", cluster: str = "") -> dict[str, Any] | None:
        """The cluster that a context leads to; None when it leads to none."""
        found = self.entry("contexts", "context", context or self.current)
        if found is None:
            return None
        return self.entry("clusters", "cluster", cluster or str(found.get("cluster", "")))

    def access(self, context: str = "", cluster: str = "") -> Access:
        """What it takes to connect."""
        chosen = self.context(context)
        name = cluster or chosen.get("cluster", "")
        server = self.entry("clusters", "cluster", name)
        if server is None and cluster:
            raise KubeconfigError(f'cluster "{cluster}" does not exist')
        if server is None or not server.get("server"):
            raise KubeconfigError(NO_CONFIGURATION)
        user = self.entry("users", "user", chosen.get("user", "")) or {}
        for kind, entry in (("cluster", server), ("user", user)):
            for key in REFUSED[kind]:
                if entry.get(key):
                    raise KubeconfigError(f"the stand-in takes no {kind} with {key!r}")
        if "exec" in user:
            user = {**user, **_executed(user["exec"])}
        return Access(
            server=str(server["server"]).rstrip("/"),
            authority=self._data(server, "certificate-authority"),
            verify=not server.get("insecure-skip-tls-verify"),
            server_name=server.get("tls-server-name"),
            certificate=self._data(user, "client-certificate"),
            key=self._data(user, "client-key"),
            authorization=self._authorization(user),
        )

    def _data(self, entry: Mapping[str, Any], key: str) -> str | None:
        """The text of `key`, inline or in the file that it names."""
        if inline := entry.get(f"{key}-data"):
            return base64.b64decode(inline).decode()
        if name := entry.get(key):
            try:
                return (self.directory / str(name)).read_text()
            except OSError as error:
                raise KubeconfigError(f"unable to read {key} {name}: {error.strerror}") from error
        return None

    def _authorization(self, user: Mapping[str, Any]) -> str | None:
        token = user.get("token")
        if not token and (name := user.get("tokenFile")):
            token = (self.directory / name).read_text().strip()
        if token:
            return f"Bearer {token}"
        if user.get("username"):
            pair = f"{user['username']}:{user.get('password', '')}"
            return f"Basic {base64.b64encode(pair.encode()).decode()}"
        return None


def given(path_or_text: str) -> Kubeconfig:
    """The provider's option `kubeconfig`: a path, or the text itself.

    Relative names inside are then relative to the working directory, not to the file.
    """
    path = Path(path_or_text).expanduser() if "\n" not in path_or_text else None
    try:
        if path is not None and path.exists():
            return _parsed(path.read_text(), Path())
    except OSError as error:
        raise KubeconfigError(str(error)) from error
    return _parsed(path_or_text, Path())


def ambient() -> Kubeconfig:
    """What kubectl would use: $KUBECONFIG's files merged, or ~/.kube/config."""
    names = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    merged: dict[str, Any] = {}
    directory = Path()
    for path in (Path(name) for name in names.split(os.pathsep) if name):
        if path.exists():
            found = _parsed(path.read_text(), path.parent)
            directory = found.directory
            for key, value in found.document.items():
                if isinstance(value, list):
                    merged[key] = [*merged.get(key, []), *value]
                else:
                    merged.setdefault(key, value)
    return Kubeconfig(merged, directory)


def _parsed(text: str, directory: Path) -> Kubeconfig:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise KubeconfigError(f"couldn't get version/kind; json parse error: {error}") from error
    if not isinstance(document, dict):
        raise KubeconfigError(
            "couldn't get version/kind; json parse error: json: cannot unmarshal string into Go "
            "value of type struct"
        )
    return Kubeconfig(document, directory)


def _executed(plugin: Mapping[str, Any]) -> dict[str, Any]:
    """The credentials that a kubeconfig's own command prints."""
    request = {
        "kind": "ExecCredential",
        "apiVersion": plugin.get("apiVersion"),
        "spec": {"interactive": False},
    }
    variables = {entry["name"]: entry["value"] for entry in plugin.get("env") or []}
    command = [plugin["command"], *(plugin.get("args") or [])]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **variables, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            capture_output=True,
            check=True,
        )
        status = json.loads(done.stdout)["status"]
    except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as error:
        raise KubeconfigError(
            f"getting credentials: exec: executable {command[0]} failed: {error}"
        ) from error
    encoded = {
        f"{key}-data": base64.b64encode(status[name].encode()).decode()
        for key, name in (
            ("client-certificate", "clientCertificateData"),
            ("client-key", "clientKeyData"),
        )
        if status.get(name)
    }
    return {**encoded, **({"token": status["token"]} if status.get("token") else {})}
