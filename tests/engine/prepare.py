"""Decides which engine is used, and returns the environment in which plain `pulumi` is that engine.

Owns the choice between official and own (`auto`, `official`, `standin`) and the sentence that names
it. With `auto` each part is official if it is installed, and of our own otherwise; `standin` takes
our own plugins only. Of those, Docker's and Kubernetes' are real code, built; the plugin for
commands is an imitation.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import cache
from tests.engine import build
from tests.engine.versions import DOCKER_PROVIDER, KUBERNETES_PROVIDER, PLUGINS, PULUMI

REPOSITORY = Path(__file__).parents[2]
CHOICES = ("auto", "official", "standin")
_NO_DOWNLOADS = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"
#: In a home of ours: what each plugin is.
_RUNS = "runs.json"
OFFICIAL = "official"
IMITATION = "imitation"
INSTALL_PULUMI = f"curl -fsSL https://get.pulumi.com | sh -s -- --version {PULUMI}"


class EngineError(Exception):
    """The engine that was asked for cannot be had; the message says what to do."""


@dataclass(frozen=True)
class _Plugin:
    """What runs as a plugin: a shell command, and the words for it."""

    command: str
    what: str


def prepare(plugins: str = "auto", needed: Iterable[str] = tuple(PLUGINS)) -> dict[str, str]:
    """The variables to add to the environment; says on stderr what the engine consists of."""
    if plugins not in CHOICES:
        raise EngineError(f"plugins: {plugins!r} is none of {', '.join(CHOICES)}")
    needed = sorted(needed)
    toolchain = _official_toolchain()
    if plugins == "official":
        _require_official(toolchain, needed)
    try:
        directory = toolchain or build.toolchain()
        own = plugins == "standin" or bool(_missing_plugins(needed))
        home = _home_of_ours(plugins, needed) if own else _official_home()
    except build.BuildError as error:
        raise EngineError(str(error)) from error
    environment = {
        "PATH": _path([directory, *_virtual_environment()]),
        "PULUMI_HOME": str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    if sys.prefix != sys.base_prefix:
        # The built language host knows no `virtualenv` option: it runs what is activated.
        environment["VIRTUAL_ENV"] = sys.prefix
    if own:
        # Otherwise the engine spends 3 s on downloads, five attempts, whenever a plugin is named.
        environment[_NO_DOWNLOADS] = "true"
    _say(toolchain is not None, runs(environment, needed))
    return environment


def runs(environment: Mapping[str, str], names: Iterable[str] = tuple(PLUGINS)) -> dict[str, str]:
    """What each plugin is in an environment that ``prepare`` made."""
    note = Path(environment["PULUMI_HOME"]) / _RUNS
    if not note.exists():
        return dict.fromkeys(names, OFFICIAL)
    found: dict[str, str] = json.loads(note.read_text())
    return found


def _official_home() -> Path:
    """Where the official tools keep themselves, also inside a shell that this module prepared."""
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    return Path.home() / ".pulumi" if _ours(home) else home


def _official_toolchain() -> Path | None:
    """The directory of the official CLI of the right version that has a language host beside it."""
    candidates = [Path(entry) for entry in os.get_exec_path()] + [_official_home() / "bin"]
    for directory in candidates:
        cli = directory / "pulumi"
        if _ours(directory) or not cli.is_file():
            continue
        done = subprocess.run([cli, "version"], capture_output=True, text=True, check=False)
        host = (directory / "pulumi-language-python").is_file()
        if host and done.stdout.strip() == f"v{PULUMI}":
            return directory
    return None


def _missing_plugins(needed: Iterable[str]) -> list[str]:
    return [name for name in needed if not _plugin(_official_home(), name).is_file()]


def _require_official(toolchain: Path | None, needed: Iterable[str]) -> None:
    missing, remedies = [], []
    if toolchain is None:
        missing.append(f"the pulumi CLI {PULUMI} with its language host")
        remedies.append(INSTALL_PULUMI)
    for name in _missing_plugins(needed):
        missing.append(f"the plugin {name} {PLUGINS[name]}")
        remedies.append(f"pulumi plugin install resource {name} {PLUGINS[name]}")
    if missing:
        steps = "".join(f"\n    {remedy}" for remedy in remedies)
        raise EngineError(
            f"plugins=official, but {', '.join(missing)} cannot be found on PATH or in"
            f" {_official_home()}. Install with:{steps}\nor use plugins=standin."
        )


def _home_of_ours(plugins: str, needed: Iterable[str]) -> Path:
    """A home in which the engine finds our plugins as it finds installed ones.

    An executable on PATH would do as well, but the engine warns about each one at every run.
    """
    missing = PLUGINS if plugins == "standin" else _missing_plugins(needed)
    chosen = {name: _own(name) if name in missing else _installed(name) for name in needed}
    note = json.dumps({name: plugin.what for name, plugin in chosen.items()})
    scripts = {
        name: f"#!/bin/sh\n# The pulumi plugin {name} {PLUGINS[name]}: {plugin.what}."
        f' See tests/engine/prepare.py.\n{plugin.command} "$@"\n'
        for name, plugin in chosen.items()
    }

    def write(home: Path) -> None:
        """a few small files"""
        (home / _RUNS).write_text(note)
        for name, text in scripts.items():
            executable = _plugin(home, name)
            executable.parent.mkdir(parents=True)
            executable.write_text(text)
            executable.chmod(0o755)

    return cache.cached("pulumi-home", [note, *sorted(scripts.values())], write)


def _own(name: str) -> _Plugin:
    if name == "docker":
        what = f"built from Terraform provider {DOCKER_PROVIDER}"
        return _Plugin(_exec(build.docker_plugin()), what)
    if name == "kubernetes":
        what = f"built from the code of {KUBERNETES_PROVIDER}"
        return _Plugin(_exec(build.kubernetes_plugin()), what)
    python = f"PYTHONPATH={shlex.quote(str(REPOSITORY))} exec {shlex.quote(sys.executable)}"
    return _Plugin(f"{python} -m tests.standins.{name}", IMITATION)


def _installed(name: str) -> _Plugin:
    return _Plugin(_exec(_plugin(_official_home(), name)), OFFICIAL)


def _exec(program: Path) -> str:
    return f"exec {shlex.quote(str(program))}"


def _plugin(home: Path, name: str) -> Path:
    return home / "plugins" / f"resource-{name}-v{PLUGINS[name]}" / f"pulumi-resource-{name}"


def _ours(path: Path) -> bool:
    return path.resolve().is_relative_to(cache.root().resolve())


def _virtual_environment() -> list[Path]:
    return [Path(sys.prefix) / "bin"] if sys.prefix != sys.base_prefix else []


def _path(first: list[Path]) -> str:
    """`first`, then the present PATH without what an earlier call put there."""
    rest = [Path(entry) for entry in os.get_exec_path() if not _ours(Path(entry))]
    return os.pathsep.join(dict.fromkeys(str(entry) for entry in [*first, *rest]))


def _say(official_toolchain: bool, plugins: Mapping[str, str]) -> None:
    cli = OFFICIAL if official_toolchain else "built from its Go modules"
    names = ", ".join(f"{name} {PLUGINS[name]} ({what})" for name, what in plugins.items())
    print(f"engine: pulumi {PULUMI} ({cli}); plugins {names}", file=sys.stderr)
