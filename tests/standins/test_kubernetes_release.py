"""helm.v3.Release through Pulumi's real engine, with the real Helm on a real API server."""

import json
import secrets
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.standins.controlplane import ControlPlane
from tests.standins.stack import Stack

pytestmark = pytest.mark.lab
PROGRAM = """
import json
import pulumi
import pulumi_kubernetes as kubernetes

spec = json.load(open("spec.json"))
provider = kubernetes.Provider("cluster", kubeconfig=spec["kubeconfig"])
args = spec["release"]
for key in spec["secret"]:
    args["values"][key] = pulumi.Output.secret(args["values"][key])
options = pulumi.ResourceOptions(provider=provider, **spec["options"])
release = kubernetes.helm.v3.Release("tunnel", opts=options, **args)
pulumi.export("revision", release.status.revision)
"""
CHART = """\
apiVersion: v2
name: tunnel
version: {version}
appVersion: "7"
"""
TEMPLATES = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-config
data:
  text: {{ .Values.text | quote }}
{{- if .Values.deployed }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {matchLabels: {app: tunnel}}
  template:
    metadata: {labels: {app: tunnel}}
    spec: {containers: [{name: tunnel, image: lab/tunnel:1}]}
{{- end }}
"""
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"text": {"type": "string"}, "deployed": {"type": "boolean"}},
}
PORT = 8879
SECONDS = 10


def make_chart(directory: Path, version: str) -> Path:
    chart = directory / "tunnel"
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text(CHART.format(version=version))
    (chart / "values.yaml").write_text("text: plain\ndeployed: false\n")
    (chart / "values.schema.json").write_text(json.dumps(SCHEMA))
    (chart / "templates" / "all.yaml").write_text(TEMPLATES)
    return chart


class Project:
    """A stack with one release, in a namespace of its own."""

    def __init__(self, stack: Stack, cluster: ControlPlane, chart: Path) -> None:
        self.stack = stack
        self.cluster = cluster
        self.namespace = f"test-{secrets.token_hex(4)}"
        cluster.kubectl("create", "namespace", self.namespace)
        own = {"name": "tunnel", "namespace": self.namespace, "chart": str(chart), "timeout": 2}
        self.release: dict[str, Any] = own
        self.secret: list[str] = []
        self.options: dict[str, Any] = {}
        self.set()

    def set(self, **changes: Any) -> None:
        """Changes the release; null takes an argument away."""
        changed = {**self.release, **changes}
        self.release = {key: value for key, value in changed.items() if value is not None}
        self.stack.spec(
            kubeconfig=self.cluster.kubeconfig.read_text(),
            release=self.release,
            secret=self.secret,
            options=self.options,
        )

    def get(self, *arguments: str) -> dict[str, Any]:
        """What is in the namespace."""
        return self.cluster.get("-n", self.namespace, *arguments)

    def revisions(self) -> dict[str, str]:
        """The stored revisions, each with its status."""
        stored = self.get("secrets", "-l", "owner=helm,name=tunnel")["items"]
        labels = [item["metadata"]["labels"] for item in stored]
        return {label["version"]: label["status"] for label in labels}

    def outputs(self) -> dict[str, Any]:
        """The release in Pulumi's state."""
        found: dict[str, Any] = self.stack.resources()["tunnel"]["outputs"]
        return found


@pytest.fixture
def project(tmp_path: Path, plane: ControlPlane) -> Iterator[Project]:
    """A release of a chart without pods."""
    made = Project(
        Stack(tmp_path, PROGRAM, inside=plane.inside), plane, make_chart(tmp_path, "1.0.0")
    )
    yield made
    plane.kubectl("delete", "namespace", made.namespace, "--wait=false")


@pytest.fixture
def repository(tmp_path: Path, plane: ControlPlane) -> Iterator[str]:
    """A chart repository with two versions of the chart."""
    folder = tmp_path / "charts"
    folder.mkdir()
    entries = []
    for version in ("1.0.0", "1.1.0"):
        archive = folder / f"tunnel-{version}.tgz"
        with tarfile.open(archive, "w:gz") as file:
            file.add(make_chart(tmp_path / version, version), "tunnel")
        entries.append({"name": "tunnel", "version": version, "urls": [archive.name]})
    index = {"apiVersion": "v1", "entries": {"tunnel": entries}}
    (folder / "index.yaml").write_text(json.dumps(index))
    command = [
        *plane.inside,
        "python3",
        "-m",
        "http.server",
        str(PORT),
        "--directory",
        str(folder),
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    probe = [*plane.inside, "bash", "-c", f"echo > /dev/tcp/127.0.0.1/{PORT}"]
    deadline = time.monotonic() + SECONDS
    while subprocess.run(probe, capture_output=True, check=False).returncode:
        assert time.monotonic() < deadline, "the chart repository does not start"
        time.sleep(0.1)
    yield f"http://127.0.0.1:{PORT}"
    process.terminate()
    process.wait()


def test_a_release_comes_up_stays_as_it_is_changes_and_goes_away(project: Project) -> None:
    project.set(values={"text": "one"})
    planned = project.stack.preview()
    assert "ConfigMap" not in planned, "a preview renders nothing"
    for line in ("atomic                  : false", 'version                 : "1.0.0"'):
        assert line in planned, "every input is shown, with its default"
    project.stack.up()
    outputs = project.outputs()
    assert outputs["status"] == {
        **{"appVersion": "7", "chart": "tunnel", "name": "tunnel", "revision": 1},
        **{"namespace": project.namespace, "status": "deployed", "version": "1.0.0"},
    }
    assert outputs["resourceNames"] == {"ConfigMap/v1": ["tunnel-config"]}
    assert project.stack.resources()["tunnel"]["id"] == f"{project.namespace}/tunnel"
    project.stack.preview("--expect-no-changes")
    project.stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    project.stack.preview("--expect-no-changes")
    project.set(values={"text": "two"})
    changes = project.stack.preview()
    assert '~ text: "one" => "two"' in changes
    project.stack.up()
    assert project.get("configmap", "tunnel-config")["data"]["text"] == "two"
    assert project.revisions() == {"1": "superseded", "2": "deployed"}
    project.stack.pulumi("destroy", "--yes", "--skip-preview")
    assert project.revisions() == {}


def test_values_that_the_chart_refuses_pass_a_preview_and_fail_the_update(project: Project) -> None:
    project.set(values={"txet": "one"})
    project.stack.preview()
    said = project.stack.up(status=1)
    assert "values don't meet the specifications of the schema(s)" in said
    assert "INSTALLATION FAILED" not in said, "that is the command's, not the library's"
    assert "tunnel" not in project.stack.resources()
    project.set(values={"text": "one"})
    project.stack.up()
    project.set(values={"txet": "one"})
    assert "values don't meet the specifications" in project.stack.up(status=1)
    assert project.revisions() == {"1": "deployed"}


def test_a_release_that_gets_not_ready_stays_and_is_repaired(project: Project) -> None:
    project.set(values={"deployed": True})
    said = project.stack.up(status=1)
    identity = f"{project.namespace}/tunnel"
    assert (
        f'Helm release "{identity}" was created, but failed to initialize completely. Use Helm CLI '
        "to investigate: failed to become available within allocated timeout. Error: Helm Release "
        f"{identity}: "
    ) in said
    assert "context deadline exceeded" in said
    assert "was created but has a failed status" in said
    assert project.outputs()["status"]["status"] == "failed"
    project.set(values={"deployed": False})
    project.stack.up()
    assert project.outputs()["status"]["status"] == "deployed"
    project.set(values={"deployed": True})
    assert f'Helm release "{identity}" failed to initialize completely' in project.stack.up(
        status=1
    )


def test_an_atomic_release_leaves_nothing_of_a_failure(project: Project) -> None:
    project.set(values={"deployed": True}, atomic=True)
    said = project.stack.up(status=1)
    assert "has been uninstalled due to atomic being set" in said
    assert project.revisions() == {}
    assert "tunnel" not in project.stack.resources()


def test_skipped_waiting_is_done_at_once(project: Project) -> None:
    project.set(values={"deployed": True}, skip_await=True, timeout=None)
    project.stack.up()
    assert project.outputs()["timeout"] == 0, "the default is for those who wait"


def test_what_helm_took_away_is_noticed_and_what_it_made_is_not(project: Project) -> None:
    project.stack.up()
    delete = ("-n", project.namespace, "delete")
    project.cluster.kubectl(*delete, "configmap", "tunnel-config")
    project.stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    project.cluster.kubectl(*delete, "secrets", "-l", "owner=helm")
    changes = project.stack.pulumi("preview", "--refresh", "--diff")
    assert "+ kubernetes:helm.sh/v3:Release: (create)" in changes


def test_a_secret_value_is_secret_in_state_and_blanks_the_values(project: Project) -> None:
    project.secret = ["text"]
    project.set(values={"text": "hidden-1"})
    said = project.stack.up()
    project.set(values={"text": "hidden-2"})
    said += project.stack.preview() + project.stack.pulumi("stack", "export")
    assert "hidden" not in said
    project.stack.up()
    assert project.get("configmap", "tunnel-config")["data"]["text"] == "hidden-2"


def test_a_repository_gives_the_newest_version_or_the_one_asked_for(
    project: Project, repository: str
) -> None:
    project.set(chart="tunnel", repository_opts={"repo": repository})
    assert 'version                 : "1.1.0"' in project.stack.preview()
    project.set(version="1.0.0")
    project.stack.up()
    assert project.outputs()["status"]["version"] == "1.0.0"
    project.set(version="9.9.9")
    said = project.stack.preview(status=1)
    assert 'chart "tunnel" version "9.9.9" not found' in said
    assert "; check the chart name and repository configuration." in said


def test_a_repository_that_is_away_fails_every_preview(project: Project) -> None:
    project.set(chart="tunnel", repository_opts={"repo": "http://127.0.0.1:9"})
    said = project.stack.preview(status=1)
    assert (
        'looks like "http://127.0.0.1:9" is not a valid chart repository or cannot be reached'
    ) in said
    assert "connection refused" in said


def test_a_release_of_somebody_else_is_refused_and_importable(project: Project) -> None:
    project.stack.up()
    project.stack.pulumi("state", "delete", "--yes", urn(project))
    assert "cannot re-use a name that is still in use" in project.stack.up(status=1)
    project.options = {"import_": f"{project.namespace}/tunnel"}
    project.set()
    project.stack.up()
    assert project.outputs()["status"]["status"] == "deployed"


def urn(project: Project) -> str:
    found: str = project.stack.resources()["tunnel"]["urn"]
    return found
