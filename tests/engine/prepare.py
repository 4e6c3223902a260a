"""Decides which engine is used, and returns the environment in which plain `pulumi` is that engine.

Owns the choice between official and own (`auto`, `official`, `standin`) and the sentence that names
it. A mixture is allowed with `auto` and `standin`: each part is taken where it is found.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from tests import cache
from tests.engine import build
from tests.engine.versions import PLUGINS, PULUMI

REPOSITORY = Path(__file__).parents[2]
CHOICES = ("auto", "official", "standin")
_NO_DOWNLOADS = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"
INSTALL_PULUMI = f"curl -fsSL https://get.pulumi.com | sh -s -- --version {PULUMI}"


class EngineError(Exception):
    """The engine that was asked for cannot be had; the message says what to do."""


def prepare(plugins: str = "auto", needed: Collection[str] = PLUGINS) -> dict[str, str]:
    """The variables to add to the environment; says on stderr what the engine consists of.

    ``needed`` are the plugins that the stack uses. The engine tries to install the others that the
    SDKs ask for, and goes on without.
    """
    if plugins not in CHOICES:
        raise EngineError(f"plugins: {plugins!r} is none of {', '.join(CHOICES)}")
    toolchain = _official_toolchain()
    official_plugins = not _missing_plugins(needed)
    if plugins == "official":
        _require_official(toolchain, needed)
    standin = plugins == "standin" or not official_plugins
    _say(toolchain is not None, standin, needed)

    try:
        directory = toolchain or build.toolchain()
    except build.BuildError as error:
        raise EngineError(str(error)) from error
    environment = {
        "PATH": _path([directory, *_virtual_environment()]),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    if sys.prefix != sys.base_prefix:
        # The built language host knows no `virtualenv` option: it runs what is activated.
        environment["VIRTUAL_ENV"] = sys.prefix
    if standin:
        environment["PULUMI_HOME"] = str(_home_with_standins())
        # Otherwise the engine spends 3 s on downloads, five attempts, whenever a plugin is named.
        environment[_NO_DOWNLOADS] = "true"
    else:
        environment["PULUMI_HOME"] = str(_official_home())
    return environment


def stands_in(environment: Mapping[str, str]) -> bool:
    """Whether the plugins of an environment that ``prepare`` made are our own."""
    return _NO_DOWNLOADS in environment


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


def _missing_plugins(needed: Collection[str]) -> list[str]:
    return [
        f"{name} {version}"
        for name, version in PLUGINS.items()
        if name in needed and not _plugin(_official_home(), name, version).is_file()
    ]


def _require_official(toolchain: Path | None, needed: Collection[str]) -> None:
    missing, remedies = [], []
    if toolchain is None:
        missing.append(f"the pulumi CLI {PULUMI} with its language host")
        remedies.append(INSTALL_PULUMI)
    for plugin in _missing_plugins(needed):
        missing.append(f"the plugin {plugin}")
        remedies.append(f"pulumi plugin install resource {plugin}")
    if missing:
        steps = "".join(f"\n    {remedy}" for remedy in remedies)
        raise EngineError(
            f"plugins=official, but {', '.join(missing)} cannot be found on PATH or in"
            f" {_official_home()}. Install with:{steps}\nor use plugins=standin."
        )


def _home_with_standins() -> Path:
    """A home of our own: the engine then finds the stand-ins as it finds installed plugins.

    An executable on PATH would do as well, but the engine warns about each one at every run.
    """
    scripts = {
        (name, version): "#!/bin/sh\n"
        f"# Stand-in for the pulumi plugin {name} {version}: see tests/standins.\n"
        f"PYTHONPATH={shlex.quote(str(REPOSITORY))} exec {shlex.quote(sys.executable)}"
        f' -m tests.standins.{name} "$@"\n'
        for name, version in PLUGINS.items()
    }

    def write(home: Path) -> None:
        """a few small files"""
        for (name, version), text in scripts.items():
            executable = _plugin(home, name, version)
            executable.parent.mkdir(parents=True)
            executable.write_text(text)
            executable.chmod(0o755)

    return cache.cached("pulumi-home", sorted(scripts.values()), write)


def _plugin(home: Path, name: str, version: str) -> Path:
    return home / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"


def _ours(path: Path) -> bool:
    return path.resolve().is_relative_to(cache.root().resolve())


def _virtual_environment() -> list[Path]:
    return [Path(sys.prefix) / "bin"] if sys.prefix != sys.base_prefix else []


def _path(first: list[Path]) -> str:
    """`first`, then the present PATH without what an earlier call put there."""
    rest = [Path(entry) for entry in os.get_exec_path() if not _ours(Path(entry))]
    return os.pathsep.join(dict.fromkeys(str(entry) for entry in [*first, *rest]))


def _say(official_toolchain: bool, standin: bool, needed: Collection[str]) -> None:
    cli = "official" if official_toolchain else "built from its Go modules"
    kind = "stand-ins from tests/standins" if standin else "official"
    names = ", ".join(f"{name} {version}" for name, version in PLUGINS.items() if name in needed)
    print(f"engine: pulumi {PULUMI} ({cli}); plugins {names} ({kind})", file=sys.stderr)
