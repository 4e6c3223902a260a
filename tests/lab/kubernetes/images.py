"""The images that run in the cluster: the node pulls them from the lab's registry.

Owns what is in them; how an image is written is `tests/lab/images.py`.
"""

from pathlib import Path

from tests.cache import cached

from ..artifacts import ACCOUNTS, busybox_files, layer_inputs
from ..images import File, Image, Layer, write_layer
from ..registry import Registry
from . import binaries

TAG = "1"


def fill(registry: Registry) -> None:
    busybox = _layer("busybox", [*busybox_files(), *ACCOUNTS])
    registry.add(_image("pause", busybox, "sleep", "infinity"))
    registry.add(_image("busybox", busybox, "sh"))
    for name, program in {"coredns": binaries.coredns(), "pod": binaries.pod()}.items():
        path = f"/usr/bin/{name}"
        layer = _layer(name, [*ACCOUNTS, File(path, program.read_bytes(), 0o755)])
        registry.add(_image(name, layer, path))


def _image(name: str, layer: Layer, *entrypoint: str) -> Image:
    return Image(
        repository=f"lab/{name}",
        tag=TAG,
        layers=[layer],
        entrypoint=entrypoint,
        environment=["PATH=/usr/bin:/bin"],
    )


def _layer(name: str, files: list[File]) -> Layer:
    def build(out: Path) -> None:
        """packs an image of the cluster: some seconds"""
        write_layer(out, files)

    return Layer.read(cached(f"{name}-layer", layer_inputs(files), build))
