"""The one image that the demo needs in a user's cluster, and how it gets there.

It is newt's own, built from its Go module, with two things on top: the certificate authority of
the demo's Pangolin, because newt accepts no server without a valid certificate, and the server of
the lab's pods. No registry is asked for it: its name begins with `localhost`, so that a node which
lacks it never pulls a stranger's.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.lab.artifacts import NEWT_VERSION, newt_layer
from tests.lab.certificates import Authority
from tests.lab.commands import LabError, check
from tests.lab.images import File, Image, digest, write_layer
from tests.lab.kubernetes import binaries
from tests.lab.registry import newt_image

NAME = "localhost/newt-tunnel-demo"
TAG_DIGITS = 12
SERVER = "/usr/local/bin/pod"
LOAD_SECONDS = 180.0
# What the tools call their contexts, and how they load an image.
TOOLS = {
    "kind": ["kind", "load", "image-archive", "{archive}", "--name", "{cluster}"],
    "k3d": ["k3d", "image", "import", "{archive}", "--cluster", "{cluster}"],
}


def build(authority: Authority, folder: Path) -> tuple[str, Path]:
    """The image's name, and the archive with it in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [
        File("/etc/ssl/certs/ca-certificates.crt", authority.certificate.read_bytes()),
        File(SERVER, binaries.pod().read_bytes(), 0o755),
    ]
    image = newt_image(NEWT_VERSION, [newt_layer(), write_layer(folder, files)])
    tag = digest(image.config()).partition(":")[2][:TAG_DIGITS]
    archive = folder / f"{NAME.rpartition('/')[2]}-{tag}.tar"
    _write(archive, image, f"{NAME}:{tag}")
    return f"{NAME}:{tag}", archive


def load(context: str, archive: Path) -> bool:
    """Puts the archive on the cluster's nodes where its tool is here; False where it is not."""
    tool, _, cluster = context.partition("-")
    if tool not in TOOLS or not cluster or shutil.which(tool) is None:
        return False
    words: Mapping[str, str] = {"archive": str(archive), "cluster": cluster}
    check([word.format_map(words) for word in TOOLS[tool]], timeout=LOAD_SECONDS)
    return True


def missing(image: str, archive: Path) -> LabError:
    return LabError(
        f"the cluster's nodes lack the image {image}, which no registry has. Load the file\n"
        f"    {archive}\non each of them, then run this again:\n"
        "    kind    kind load image-archive FILE --name CLUSTER\n"
        "    k3d     k3d image import FILE --cluster CLUSTER\n"
        "    k3s     k3s ctr images import FILE                     (as root, on the node)\n"
        "    others  ctr --namespace k8s.io images import FILE      (as root, on the node)"
    )


def _write(path: Path, image: Image, name: str) -> None:
    """The format of `docker save`, which every tool reads."""
    config = image.config()
    config_name = f"{digest(config).partition(':')[2]}.json"
    layers = {f"{layer.diff_id.partition(':')[2]}.tar": layer for layer in image.layers}
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": list(layers)}]
    with tarfile.open(path, "w") as archive:
        _add(archive, "manifest.json", json.dumps(manifest).encode())
        _add(archive, config_name, config)
        for file, layer in layers.items():
            _add(archive, file, gzip.decompress(layer.blob.read_bytes()))


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    archive.addfile(info, io.BytesIO(data))
