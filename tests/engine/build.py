"""Builds the Pulumi CLI, its language host and two provider plugins from Go modules, once.

Owns the `go build` commands, and how what they make lies side by side. The modules beside this
file pin every dependency by hash; this needs the `go` command and a Go module proxy, and nothing of
Pulumi's own download service.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.cache import cached
from tests.engine.versions import KUBERNETES_PROVIDER, LANGUAGE_HOST, PULUMI

HERE = Path(__file__).parent
CLI_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
HOST_PACKAGE = "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
#: Stands before that host, which cannot start a policy pack. See packhost/main.go.
PACK_HOST_PACKAGE = "."
DOCKER_PLUGIN = "pulumi-resource-docker"
KUBERNETES_PLUGIN = "pulumi-resource-kubernetes"
KUBERNETES_MODULE = "github.com/pulumi/pulumi-kubernetes/provider/v4"
# Without it the CLI calls itself version "", which the Automation API refuses.
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


class BuildError(Exception):
    """The toolchain could not be built; the message says what to do."""


def toolchain() -> Path:
    """The directory with `pulumi`, `pulumi-language-python` and its executor."""
    go = _go("the Pulumi CLI")
    sources = [HERE / module for module in ("cli", "languagehost", "packhost")]
    inputs: list[Path | str] = [*sources, PULUMI, LANGUAGE_HOST]
    return cached("pulumi", [*inputs, _run([go, "version"], HERE)], _builder(go))


def docker_plugin() -> Path:
    """The Docker provider plugin: a program."""
    go, module = _go("the Docker plugin"), HERE / "dockerplugin"

    def build(into: Path) -> None:
        """the Docker plugin from Go modules: 4 to 7 minutes on two cores, once"""
        # No docker_compose: Pulumi's plugin has none either.
        options = ["-tags", "no_compose", "-ldflags", "-s -w"]
        _run([go, "build", *options, "-o", str(into / DOCKER_PLUGIN), "."], module)

    inputs: list[Path | str] = [module, _run([go, "version"], HERE)]
    return cached("docker-plugin", inputs, build) / DOCKER_PLUGIN


def kubernetes_plugin() -> Path:
    """The Kubernetes provider plugin: a program, with the schema that it reads beside it."""
    go, module = _go("the Kubernetes plugin"), HERE / "kubernetesplugin"
    # The plugin names itself to the API server by the version whose code it is.
    flags = f"-s -w -X {KUBERNETES_MODULE}/pkg/version.Version={KUBERNETES_PROVIDER}"

    def build(into: Path) -> None:
        """the Kubernetes plugin from Go modules: 8 to 16 minutes on two cores, once"""
        locate = [go, "list", "-m", "-f", "{{.Dir}}", KUBERNETES_MODULE]
        options = ["-trimpath", "-ldflags", flags]
        _run([go, "build", *options, "-o", str(into / KUBERNETES_PLUGIN), "."], module, cgo=False)
        source = Path(_run(locate, module).strip()) / "cmd" / KUBERNETES_PLUGIN / "schema.json"
        shutil.copyfile(source, into / source.name)  # the module's own is read-only

    inputs: list[Path | str] = [module, flags, _run([go, "version"], HERE)]
    return cached("kubernetes-plugin", inputs, build) / KUBERNETES_PLUGIN


def _go(for_what: str) -> str:
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not Path(go).exists():
        raise BuildError(
            f"go: not found, and it is needed to build {for_what}."
            f" Install Go 1.25 or newer, or Pulumi {PULUMI} itself (https://www.pulumi.com/docs/install/)."
        )
    return go


def _builder(go: str) -> Callable[[Path], None]:
    def build(into: Path) -> None:
        """the Pulumi CLI and language host from Go modules: 2 to 4 minutes on two cores, once"""
        _build(go, HERE / "cli", CLI_PACKAGE, into / "pulumi", PULUMI)
        pack_host = into / "pulumi-language-python"
        _build(go, HERE / "packhost", PACK_HOST_PACKAGE, pack_host, PULUMI)
        host = into / "host" / pack_host.name
        host.parent.mkdir()
        _build(go, HERE / "languagehost", HOST_PACKAGE, host, LANGUAGE_HOST)
        # The executor must match the Python SDK, not the old host: it comes with the CLI's sdk.
        locate = [go, "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"]
        sdk = Path(_run(locate, HERE / "cli").strip())
        executor = host.with_name("pulumi-language-python-exec")
        shutil.copyfile(sdk / "python" / "cmd" / executor.name, executor)
        executor.chmod(0o755)

    return build


def _build(go: str, module: Path, package: str, output: Path, version: str) -> None:
    flags = f"-s -w -X {VERSION_VARIABLE}=v{version}"
    _run([go, "build", "-ldflags", flags, "-o", str(output), package], module)


def _run(command: list[str], directory: Path, *, cgo: bool = True) -> str:
    # GOFLAGS and GOWORK of the caller's own projects must not reach into this build.
    environment = {**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    if not cgo:
        environment["CGO_ENABLED"] = "0"
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(
            f"`{' '.join(command)}` in {directory} failed:\n{done.stderr.strip()}\n"
            "It needs the Go module proxy (`go env GOPROXY`); a second try resumes."
        )
    return done.stdout
