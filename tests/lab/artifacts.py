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
NEWT_PACKAGE = f"github.com/fosrl/newt@v{NEWT_VERSION}"
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


def newt() -> Path:
    """The real newt, as its own release builds it: static, with its version."""
    flags = ["-trimpath", "-ldflags", f"-s -w -X main.newtVersion={NEWT_VERSION}"]

    def build(out: Path) -> None:
        """compiles the real newt from its Go module: one to three minutes"""
        go(["install", *flags, NEWT_PACKAGE], out, {"GOBIN": str(out)})

    return cached("newt", [NEWT_PACKAGE, *flags, go_version()], build) / "newt"


def pangolin() -> Path:
    """The dummy Pangolin that ends the tunnel."""
    flags = ["-trimpath", "-ldflags", "-s -w"]

    def build(out: Path) -> None:
        """compiles the dummy Pangolin, wireguard-go in it: about a minute"""
        go(["build", *flags, "-o", str(out / "pangolin"), "."], PANGOLIN_SOURCE, {})

    return cached("pangolin", [PANGOLIN_SOURCE, *flags, go_version()], build) / "pangolin"


def newt_layer() -> Layer:
    """newt's image but for the certificates."""
    binary = newt()
    rest = [*busybox_files(), *ACCOUNTS, File("/entrypoint.sh", ENTRYPOINT, 0o755)]

    def build(out: Path) -> None:
        """packs newt's image: some seconds"""
        write_layer(out, [*rest, File("/usr/local/bin/newt", binary.read_bytes(), 0o755)])

    return Layer.read(cached("newt-layer", [*layer_inputs(rest), binary], build))


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
