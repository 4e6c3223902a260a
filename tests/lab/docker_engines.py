"""The Docker engines that the lab's NAS can run: one row each, with where its programs come from.

Owns names, versions, sources and what an engine needs in `daemon.json`. Engines are compiled from
their Go modules, each pinned by its hash (its own go.sum or vendor.sum pins its dependencies), or
are the packages of a Debian release, unpacked. containerd and runc are this machine's unless an
engine brings its own. How programs get onto the NAS is `nas/disk.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cache import cached

from .artifacts import copy_module, go, go_version
from .commands import LabError, check

#: In the environment: which engine a lab's NAS runs.
VARIABLE = "ENGINE"
TEST_ID = "docker."
DOWNLOAD_TIMEOUT = 600.0
TAGS = "netgo osusergo exclude_graphdriver_btrfs"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org/debian"
#: Debian 12's runc knows no time namespaces, which engines from 29 on ask for.
NO_TIME_NAMESPACES = {"features": {"time-namespaces": False}}


@dataclass(frozen=True)
class Module:
    """A Go module with programs to compile. ``sum`` is its hash as in a go.sum."""

    path: str
    version: str
    sum: str
    packages: tuple[str, ...]
    #: The variable of the programs that holds their version, and what it is set to.
    version_variable: str
    says: str


@dataclass(frozen=True)
class DockerEngine:
    """``programs`` of an engine come from modules or from packages of a Debian release; with
    neither they are this machine's own. ``settings`` are for `daemon.json`."""

    name: str
    what: str
    modules: tuple[Module, ...] = ()
    release: str = ""
    packages: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nftables(self) -> bool:
        """Whether it filters with nftables itself: then it makes no chain DOCKER-USER, and refuses
        to start unless the kernel forwards already."""
        return self.settings.get("firewall-backend") == "nftables"

    @property
    def test_id(self) -> str:
        """How tests with this engine are marked in their ids."""
        return f"{TEST_ID}{self.name.replace('-', '.')}"

    def programs(self) -> Path | None:
        """The folder with its programs, built when missing; None: what this machine has."""
        if self.modules:
            return _compiled(self)
        return _unpacked(self) if self.packages else None


_CLIENT = "github.com/docker/cli"
_CLIENT_VERSION = f"{_CLIENT}/cli/version.Version"
_ENGINE_29 = (
    Module(
        "github.com/moby/moby/v2",
        "v2.0.0-beta.24",
        "h1:sWv7EckkDJhpraR9yUjkw1XeVf39+MWd58E22PYloNA=",
        ("./cmd/dockerd", "./cmd/docker-proxy"),
        "github.com/moby/moby/v2/dockerversion.Version",
        "29.0.0-moby-v2.0.0-beta.24",
    ),
    Module(
        _CLIENT,
        "v29.6.0+incompatible",
        "h1:nw9himxMMZ7eIeherJNlKQq+acnlzGgHd+4uf10QRSc=",
        ("./cmd/docker",),
        _CLIENT_VERSION,
        "29.6.0",
    ),
)
_ENGINE_28 = (
    Module(
        "github.com/docker/docker",
        "v28.5.2+incompatible",
        "h1:DBX0Y0zAjZbSrm1uzOkdr1onVghKaftjlSWt4AFexzM=",
        ("./cmd/dockerd", "./cmd/docker-proxy"),
        "github.com/docker/docker/dockerversion.Version",
        "28.5.2",
    ),
    Module(
        _CLIENT,
        "v28.5.2+incompatible",
        "h1:XmG99IHcBmIAoC1PPg9eLBZPlTrNUAijsHLm8PjhBlg=",
        ("./cmd/docker",),
        _CLIENT_VERSION,
        "28.5.2",
    ),
)

HERE = DockerEngine("here", "Docker as this machine has it, or else Debian's package")
#: The first is the newest.
ENGINES = (
    DockerEngine(
        "29",
        "Docker 29 (moby v2.0.0-beta.24)",
        modules=_ENGINE_29,
        settings=NO_TIME_NAMESPACES,
    ),
    DockerEngine(
        "29-nftables",
        "Docker 29 (moby v2.0.0-beta.24) with its nftables backend",
        modules=_ENGINE_29,
        settings={**NO_TIME_NAMESPACES, "firewall-backend": "nftables"},
    ),
    DockerEngine("28", "Docker 28.5.2", modules=_ENGINE_28),
    DockerEngine(
        "26",
        "Docker 26 of Debian 13",
        release="trixie",
        # Not its runc, which needs a newer C library than Debian 12's.
        packages=("docker.io", "docker-cli", "containerd"),
    ),
    HERE,
)
NEWEST = ENGINES[0]


def chosen(otherwise: DockerEngine = HERE) -> DockerEngine:
    """The engine that the environment names, ``otherwise`` without a name."""
    name = os.environ.get(VARIABLE) or otherwise.name
    for engine in ENGINES:
        if engine.name == name:
            return engine
    names = ", ".join(engine.name for engine in ENGINES)
    raise LabError(f"{VARIABLE}={name} is no engine of the lab: {names}")


def _compiled(engine: DockerEngine) -> Path:
    def build(out: Path) -> None:
        """compiles a Docker engine and its client from Go modules: 2 to 5 minutes, once"""
        for module in engine.modules:
            with tempfile.TemporaryDirectory(dir=out) as scratch:
                _compile(module, _source(module, Path(scratch)), out)

    inputs = [repr(engine.modules), TAGS, go_version()]
    return cached("docker-engine", inputs, build)


def _source(module: Module, scratch: Path) -> Path:
    """A copy of the module that its own lists of dependencies build."""
    name = f"{module.path}@{module.version}"
    (scratch / "go.mod").write_text("module scratch\n")
    said = check(
        ["go", "-C", str(scratch), "mod", "download", "-json", name], timeout=DOWNLOAD_TIMEOUT
    )
    found = json.loads(said)
    if found["Sum"] != module.sum:
        raise LabError(f"{name} has the hash {found['Sum']} instead of {module.sum}")
    source = scratch / "source"
    copy_module(Path(found["Dir"]), source, "vendor")
    for own, vendored in (("go.mod", "vendor.mod"), ("go.sum", "vendor.sum")):
        if (source / vendored).exists():
            (source / vendored).rename(source / own)
    return source


def _compile(module: Module, source: Path, out: Path) -> None:
    linked = f"-s -w -X {module.version_variable}={module.says}"
    flags = ["-trimpath", "-mod=readonly", f"-tags={TAGS}", f"-ldflags={linked}"]
    go(["build", *flags, "-o", f"{out}/", *module.packages], source, {"GOFLAGS": ""})


def _unpacked(engine: DockerEngine) -> Path:
    def build(out: Path) -> None:
        """downloads a Docker engine of another Debian release: some seconds, once"""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            folder.chmod(0o755)  # apt's own user downloads
            for package in _downloaded(engine, folder):
                check(["dpkg-deb", "--extract", str(package), str(folder / "root")])
            for place in ("usr/bin", "usr/sbin", "usr/libexec/docker"):
                for program in sorted((folder / "root" / place).glob("*")):
                    if not program.is_symlink():  # docker-init is another package's tini
                        shutil.copy(program, out / program.name)

    inputs = [engine.release, *engine.packages]
    return cached("docker-engine", inputs, build)


def _downloaded(engine: DockerEngine, folder: Path) -> list[Path]:
    """The release's packages, from lists of our own: this machine's are not touched."""
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {MIRROR} {engine.release} main\n")
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    options = [
        *("-o", f"Dir::State={folder}/state", "-o", "Dir::State::status=/dev/null"),
        *("-o", f"Dir::Cache={folder}/cache", "-o", f"Dir::Etc::SourceList={sources}"),
        *("-o", "Dir::Etc::SourceParts=/dev/null", "-o", "APT::Sandbox::User=root"),
    ]
    check(["apt-get", *options, "update"], timeout=DOWNLOAD_TIMEOUT)
    fetch = ["sh", "-c", 'cd "$1" && shift && exec apt-get "$@"', "sh", str(folder)]
    check([*fetch, *options, "download", *engine.packages], timeout=DOWNLOAD_TIMEOUT)
    return sorted(folder.glob("*.deb"))
