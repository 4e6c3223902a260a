"""What is slow to make and the same for every lab: newt, Pangolin and the images' layers.

Everything here is kept in the tests' cache, by the content it was made from. The certificates in
newt's image are each lab's own and come as a layer on top (registry.py).
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cache import cached

from . import images
from .commands import LabError, check
from .images import File, Layer, write_layer

NEWT_VERSION = "1.16.0"
# The oldest that the stack supports, and the newest that the module proxy had.
NEWT_VERSIONS = ("1.12.0", "1.17.0")
PANGOLIN_CLI_VERSION = "0.23.0"
PANGOLIN_CLI_SOURCE = Path(__file__).with_name("pangolin_cli")
PANGOLIN_SOURCE = Path(__file__).with_name("pangolin")
BUILD_TIMEOUT = 3600.0  # Kubernetes, on a busy machine

# Like the official image's: `docker run IMAGE --log-level DEBUG` means newt.
ENTRYPOINT = b"""#!/bin/sh
set -e
case ${1-} in
    -*) set -- newt "$@" ;;
esac
exec "$@"
"""
# What the official image of pangolin-cli does, in its order: a VPN client by its variables, a site
# by its own, else a shell, a program by its path, or a subcommand.
PANGOLIN_CLI_ENTRYPOINT = b"""#!/bin/sh
set -e
if [ -n "$PANGOLIN_ENDPOINT" ] && [ -n "$CLIENT_ID" ] && [ -n "$CLIENT_SECRET" ]; then
    echo 'a VPN client, which this stand-in is not' >&2
    exit 1
fi
if [ -n "$SITE_ID" ] && [ -n "$SITE_SECRET" ]; then
    exec pangolin-cli up site "$@"
fi
case ${1-} in
    sh | bash | /*) exec "$@" ;;
esac
exec pangolin-cli "$@"
"""
ACCOUNTS = (
    File(
        "/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    ),
    File("/etc/group", b"root:x:0:\nnobody:x:65534:\n"),
    File("/etc/nsswitch.conf", b"hosts: files dns\n"),
    File("/tmp", mode=0o1777),
    File("/root", mode=0o700),
)
JELLYFIN_PAGE = File("/www/index.html", b"jellyfin\n")


def newt(version: str = NEWT_VERSION) -> Path:
    """The real newt, as its own release builds it: static, with its version."""
    package = f"github.com/fosrl/newt@v{version}"
    flags = ["-trimpath", "-ldflags", f"-s -w -X main.newtVersion={version}"]

    def build(out: Path) -> None:
        """compiles the real newt from its Go module: one to three minutes"""
        go(["install", *flags, package], out, {"GOBIN": str(out)})

    return cached("newt", [package, *flags, go_version()], build) / "newt"


def pangolin_cli() -> Path:
    """The stand-in for pangolin-cli, with the real newt inside."""
    versions = f"-X main.version={PANGOLIN_CLI_VERSION} -X main.newtVersion={NEWT_VERSIONS[-1]}"
    flags = ["-trimpath", "-ldflags", f"-s -w {versions}"]

    def build(out: Path) -> None:
        """compiles the stand-in for pangolin-cli, newt in it: one to three minutes"""
        go(["build", *flags, "-o", str(out / "pangolin-cli"), "."], PANGOLIN_CLI_SOURCE, {})

    inputs: list[Path | str] = [PANGOLIN_CLI_SOURCE, *flags, go_version()]
    return cached("pangolin-cli", inputs, build) / "pangolin-cli"


def pangolin() -> Path:
    """The dummy Pangolin that ends the tunnel."""
    flags = ["-trimpath", "-ldflags", "-s -w"]

    def build(out: Path) -> None:
        """compiles the dummy Pangolin, wireguard-go in it: about a minute"""
        go(["build", *flags, "-o", str(out / "pangolin"), "."], PANGOLIN_SOURCE, {})

    return cached("pangolin", [PANGOLIN_SOURCE, *flags, go_version()], build) / "pangolin"


def newt_layer(version: str = NEWT_VERSION) -> Layer:
    """newt's image but for the certificates."""
    return _agent_layer("newt", newt(version), ENTRYPOINT)


def pangolin_cli_layer() -> Layer:
    """The image of pangolin-cli's stand-in but for the certificates."""
    return _agent_layer("pangolin-cli", pangolin_cli(), PANGOLIN_CLI_ENTRYPOINT)


def _agent_layer(name: str, binary: Path, entrypoint: bytes) -> Layer:
    rest = [*busybox_files(), *ACCOUNTS, File("/entrypoint.sh", entrypoint, 0o755)]

    def build(out: Path) -> None:
        """packs an agent's image: some seconds"""
        write_layer(out, [*rest, File(f"/usr/local/bin/{name}", binary.read_bytes(), 0o755)])

    return Layer.read(cached(f"{name}-layer", [*layer_inputs(rest), binary], build))


def jellyfin_layer() -> Layer:
    """A web server in a container: the NAS's other tenant."""
    files = [*busybox_files(), *ACCOUNTS, JELLYFIN_PAGE]

    def build(out: Path) -> None:
        """packs the image of the NAS's other container"""
        write_layer(out, files)

    return Layer.read(cached("jellyfin-layer", layer_inputs(files), build))


def busybox_files() -> list[File]:
    """A static busybox and a link for each of its commands."""
    path = shutil.which("busybox")
    if path is None:
        raise LabError("busybox is missing: install the package busybox-static")
    names = check([path, "--list"]).split()
    return [
        File("/bin/busybox", Path(path).read_bytes(), 0o755),
        *(File(f"/bin/{name}", target="busybox") for name in names if name != "busybox"),
    ]


def layer_inputs(files: list[File]) -> list[Path | str]:
    """What decides a layer: how it is packed, and what goes in."""
    contents = [images.digest(file.data or b"") for file in files]
    return [Path(images.__file__), repr([(f.path, f.mode, f.target) for f in files]), *contents]


def go(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Runs the `go` command in `folder`, without a C compiler."""
    check(
        ["go", "-C", str(folder), *arguments],
        env={**os.environ, "CGO_ENABLED": "0", **environment},
        timeout=BUILD_TIMEOUT,
    )


def copy_module(original: Path, target: Path, *unused: str) -> None:
    """Copies a module out of Go's cache, where folders are read-only; ``unused`` are patterns of
    names to leave out."""
    ignored = shutil.ignore_patterns(*unused)
    shutil.copytree(original, target, ignore=ignored, copy_function=shutil.copyfile)
    for path in (target, *target.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


def go_version() -> str:
    """The tool chain, as an input of the cache."""
    if shutil.which("go") is None:
        raise LabError(
            "go is missing: newt is built from its Go module; install Go 1.21 or newer from "
            "https://go.dev/dl (it fetches the version that newt asks for by itself)"
        )
    return check(["go", "version"]).strip()
