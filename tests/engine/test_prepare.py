"""Which engine is chosen, and what is said when it cannot be had."""

import importlib.metadata
import os
import re
from pathlib import Path

import pytest

from tests.engine import build, prepare
from tests.engine.prepare import EngineError, runs
from tests.engine.versions import (
    DOCKER_PROVIDER,
    KUBERNETES_PROVIDER,
    LANGUAGE_HOST,
    PLUGINS,
    PLUGINS_OF,
    PULUMI,
)

HERE = Path(__file__).parent


class Machine:
    """A home without anything of Pulumi's, to which parts are added."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.built = directory / "cache" / "pulumi-built"
        self.built.mkdir(parents=True)
        self._tools(self.built, PULUMI)

    def install_cli(self, version: str = PULUMI, *, host: bool = True) -> None:
        """The official CLI, as its installer puts it."""
        self._tools(self.home / ".pulumi" / "bin", version, host=host)

    def install_plugin(self, name: str) -> None:
        """An official plugin, as `pulumi plugin install` puts it."""
        plugins = self.home / ".pulumi" / "plugins"
        self._script(plugins / f"resource-{name}-v{PLUGINS[name]}" / f"pulumi-resource-{name}", "")

    def _tools(self, directory: Path, version: str, *, host: bool = True) -> None:
        self._script(directory / "pulumi", f"echo v{version}")
        if host:
            self._script(directory / "pulumi-language-python", "")

    def _script(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine of our own; building is a matter of another test."""
    made = Machine(tmp_path)
    monkeypatch.setenv("HOME", str(made.home))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("NEWT_TUNNEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PULUMI_HOME", raising=False)
    monkeypatch.setattr(build, "toolchain", lambda: made.built)
    monkeypatch.setattr(build, "docker_plugin", lambda: made.built / build.DOCKER_PLUGIN)
    monkeypatch.setattr(build, "kubernetes_plugin", lambda: made.built / build.KUBERNETES_PLUGIN)
    return made


def test_without_anything_official_all_is_built_but_the_plugin_for_commands(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = prepare("auto")
    assert environment["PATH"].split(os.pathsep)[0] == str(machine.built)
    assert environment["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    plugins = Path(environment["PULUMI_HOME"]) / "plugins"
    assert sorted(plugin.name for plugin in plugins.iterdir()) == sorted(
        f"resource-{name}-v{version}" for name, version in PLUGINS.items()
    )
    for plugin in plugins.glob("*/pulumi-resource-*"):
        assert os.access(plugin, os.X_OK)
        name = plugin.name.removeprefix("pulumi-resource-")
        program = "tests.standins.command" if name == "command" else machine.built / plugin.name
        assert str(program) in plugin.read_text()
    assert capsys.readouterr().err.endswith(
        f"engine: pulumi {PULUMI} (built from its Go modules); plugins"
        f" command {PLUGINS['command']} (imitation),"
        f" docker {PLUGINS['docker']} (built from Terraform provider {DOCKER_PROVIDER}),"
        f" kubernetes {PLUGINS['kubernetes']} (built from the code of {KUBERNETES_PROVIDER})\n"
    )


def test_what_is_official_is_used(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.install_cli()
    for name in PLUGINS:
        machine.install_plugin(name)
    for choice in ("auto", "official"):
        environment = prepare(choice)
        official = machine.home / ".pulumi"
        assert environment["PATH"].split(os.pathsep)[0] == str(official / "bin")
        assert environment["PULUMI_HOME"] == str(official)
        assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in environment
        assert runs(environment) == dict.fromkeys(PLUGINS, "official")
    assert "imitation" not in capsys.readouterr().err


def test_a_mixture_is_named(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.install_cli()
    machine.install_plugin("docker")
    environment = prepare("auto")
    home = Path(environment["PULUMI_HOME"])
    assert "pulumi-home" in home.name, "the engine takes all plugins from one home"
    (docker,) = home.glob("plugins/*/pulumi-resource-docker")
    assert str(machine.home / ".pulumi" / "plugins") in docker.read_text()
    said = capsys.readouterr().err
    assert f"pulumi {PULUMI} (official)" in said
    assert f"docker {PLUGINS['docker']} (official)" in said
    assert f"command {PLUGINS['command']} (imitation)" in said


def test_a_plugin_that_the_stack_does_not_use_is_neither_needed_nor_built(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.install_cli()
    for name in PLUGINS_OF["nas"]:
        machine.install_plugin(name)
    for choice in ("auto", "official"):
        environment = prepare(choice, PLUGINS_OF["nas"])
        assert environment["PULUMI_HOME"] == str(machine.home / ".pulumi")
    assert "kubernetes" not in capsys.readouterr().err
    for stack, other in (("k3s-home", "docker_plugin"), ("nas", "kubernetes_plugin")):
        with monkeypatch.context() as patch:
            patch.delattr(build, other)
            assert set(runs(prepare("standin", PLUGINS_OF[stack]))) == set(PLUGINS_OF[stack])


def test_our_own_can_be_forced(machine: Machine) -> None:
    machine.install_cli()
    for name in PLUGINS:
        machine.install_plugin(name)
    assert "official" not in runs(prepare("standin")).values()


@pytest.mark.parametrize(("version", "host"), [("3.200.0", True), (PULUMI, False)])
def test_a_cli_of_another_version_or_without_its_language_host_is_not_used(
    machine: Machine, version: str, host: bool
) -> None:
    machine.install_cli(version, host=host)
    assert prepare("auto")["PATH"].split(os.pathsep)[0] == str(machine.built)


def test_official_tools_that_are_missing_are_named_with_their_installation(
    machine: Machine,
) -> None:
    machine.install_plugin("docker")
    with pytest.raises(EngineError) as raised:
        prepare("official")
    message = str(raised.value)
    assert f"the pulumi CLI {PULUMI}" in message
    assert "curl -fsSL https://get.pulumi.com" in message
    assert f"pulumi plugin install resource command {PLUGINS['command']}" in message
    assert "resource docker" not in message
    assert "plugins=standin" in message


def test_a_choice_that_is_none_is_refused() -> None:
    with pytest.raises(EngineError, match="'real' is none of auto, official, standin"):
        prepare("real")


@pytest.mark.usefixtures("machine")
def test_preparing_twice_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare("auto")
    for name, value in first.items():
        monkeypatch.setenv(name, value)
    assert prepare("auto") == first, "what was built here is not taken for official"


def test_the_versions_are_those_of_the_sdks_and_of_the_go_modules() -> None:
    for package, version in {"": PULUMI, **PLUGINS}.items():
        name = f"pulumi-{package}" if package else "pulumi"
        assert importlib.metadata.version(name) == version
    modules = {"cli": PULUMI, "packhost": PULUMI, "languagehost": LANGUAGE_HOST}
    for module, version in modules.items():
        requirements = (HERE / module / "go.mod").read_text()
        found = re.search(r"github\.com/pulumi/pulumi/(?:pkg|sdk)/v3 v(\S+)", requirements)
        assert found is not None
        assert found.group(1) == version
    docker = {"pluginVersion": PLUGINS["docker"], "providerVersion": DOCKER_PROVIDER}
    assert written_in("dockerplugin") == docker
    assert written_in("kubernetesplugin") == {"pluginVersion": PLUGINS["kubernetes"]}
    # Its module's version is a commit.
    assert f"pulumi-kubernetes {KUBERNETES_PROVIDER}." in program("kubernetesplugin")


def program(module: str) -> str:
    return (HERE / module / "main.go").read_text()


def written_in(module: str) -> dict[str, str]:
    """The versions in a plugin's program."""
    constant = r'^(?:\t|const )(\w+Version) +?= "(.+)"$'
    return dict(re.findall(constant, program(module), re.MULTILINE))


def test_without_go_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/nonexistent/go")
    for program in (build.toolchain, build.docker_plugin, build.kubernetes_plugin):
        with pytest.raises(build.BuildError, match=r"go: not found.*Install Go"):
            program()
