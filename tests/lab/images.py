"""Container images without a registry to pull from: layers made here, put into the lab's registry.

The registry's storage is written directly (its layout on disk is fixed since its version 2), which
needs neither a running registry nor a client that could reach it. Docker on the NAS then pulls as
from Docker Hub, and every image has a digest.
"""

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
OCI_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
CREATED = "2025-01-01T00:00:00Z"  # fixed: the same content has the same digest
COMPRESSION = 1  # it travels between two folders of one machine


@dataclass(frozen=True)
class File:
    """An entry of a layer: a file, or with `target` a symbolic link, or with neither a folder."""

    path: str
    data: bytes | None = None
    mode: int = 0o644
    target: str = ""

    def add_to(self, archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(self.path.lstrip("/"))
        info.mode = self.mode
        if self.target:
            info.type, info.linkname = tarfile.SYMTYPE, self.target
        elif self.data is None:
            info.type, info.mode = tarfile.DIRTYPE, self.mode | 0o111
        else:
            info.size = len(self.data)
        archive.addfile(info, io.BytesIO(self.data or b""))


@dataclass(frozen=True, kw_only=True)
class Layer:
    blob: Path
    digest: str
    diff_id: str  # the digest of what is inside the compression

    @classmethod
    def read(cls, folder: Path) -> "Layer":
        return cls(blob=folder / "layer.tar.gz", **json.loads((folder / "layer.json").read_text()))


def write_layer(folder: Path, files: Sequence[File]) -> Layer:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry in files:
            entry.add_to(archive)
    packed = gzip.compress(tar.getvalue(), COMPRESSION, mtime=0)
    (folder / "layer.tar.gz").write_bytes(packed)
    names = {"digest": digest(packed), "diff_id": digest(tar.getvalue())}
    (folder / "layer.json").write_text(json.dumps(names))
    return Layer.read(folder)


@dataclass(frozen=True, kw_only=True)
class Image:
    repository: str
    tag: str
    layers: Sequence[Layer]
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    environment: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def config(self) -> bytes:
        return _json(
            {
                "architecture": architecture(),
                "os": "linux",
                "created": CREATED,
                "config": {
                    "Entrypoint": list(self.entrypoint) or None,
                    "Cmd": list(self.command),
                    "Env": list(self.environment),
                    "Labels": dict(self.labels),
                },
                "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in self.layers]},
            }
        )

    def manifest(self) -> bytes:
        config = self.config()
        return _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": _descriptor(CONFIG_TYPE, digest(config), len(config)),
                "layers": [
                    _descriptor(LAYER_TYPE, layer.digest, layer.blob.stat().st_size)
                    for layer in self.layers
                ],
            }
        )


def store(root: Path, image: Image) -> str:
    """Puts the image into the registry whose storage is `root`; returns its digest."""
    contents = {layer.digest: layer.blob.read_bytes() for layer in image.layers}
    config = image.config()
    contents[digest(config)] = config
    return _publish(root, image.repository, image.tag, image.manifest(), contents)


def store_artifact(
    root: Path, repository: str, tag: str, config: tuple[str, bytes], content: tuple[str, bytes]
) -> str:
    """The same for what is no image, a chart for example: (media type, data) of its two parts."""
    parts = [_descriptor(kind, digest(data), len(data)) for kind, data in (config, content)]
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST_TYPE, "config": parts[0]}
    contents = {digest(data): data for _, data in (config, content)}
    return _publish(root, repository, tag, _json({**manifest, "layers": parts[1:]}), contents)


def _publish(
    root: Path, name: str, tag_name: str, manifest: bytes, contents: Mapping[str, bytes]
) -> str:
    blobs = root / "docker/registry/v2/blobs"
    repository = root / "docker/registry/v2/repositories" / name
    revision = digest(manifest)
    for blob, data in {**contents, revision: manifest}.items():
        _fresh(_blob(blobs, blob)).write_bytes(data)
    for blob in contents:
        _link(repository / "_layers", blob)
    _link(repository / "_manifests/revisions", revision)
    tag = repository / "_manifests/tags" / tag_name
    _link(tag / "index", revision)
    _fresh(tag / "current/link").write_text(revision)
    return revision


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _blob(blobs: Path, name: str) -> Path:
    algorithm, _, value = name.partition(":")
    return blobs / algorithm / value[:2] / value / "data"


def _link(folder: Path, name: str) -> None:
    algorithm, _, value = name.partition(":")
    _fresh(folder / algorithm / value / "link").write_text(name)


def _fresh(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _descriptor(media_type: str, name: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": name, "size": size}


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def architecture() -> str:
    """This machine's, in the words of images and of Kubernetes."""
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
