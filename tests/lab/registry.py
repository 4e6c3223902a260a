"""The lab's registry: what the NAS's Docker takes for Docker Hub (`--registry-mirror`)."""

from collections.abc import Sequence
from pathlib import Path

from .artifacts import (
    NEWT_VERSION,
    PANGOLIN_CLI_VERSION,
    jellyfin_layer,
    newt_layer,
    pangolin_cli_layer,
)
from .certificates import Authority
from .images import File, Image, Layer, store, store_artifact, write_layer
from .node import Node
from .processes import Processes
from .topology import REGISTRY_ADDRESS, REGISTRY_PORT

NAME = "registry"
NEWT = "fosrl/newt"
PANGOLIN_CLI = "fosrl/pangolin-cli"
# The same newt under other tags and digests: to change images with, and what the chart asks for.
NEWT_OLDER_VERSION = "1.15.9"
NEWT_CHART_VERSION = "1.12.5"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
JELLYFIN_PORT = 8096
JELLYFIN = "jellyfin/jellyfin:10.9.0"

CONFIGURATION = """\
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {storage}}}
http: {{addr: "{address}:{port}"}}
"""


def newt_image(version: str, layers: Sequence[Layer]) -> Image:
    """What starts newt in these layers as the official image does."""
    return Image(
        repository=NEWT,
        tag=version,
        layers=layers,
        entrypoint=["/entrypoint.sh"],
        command=["newt"],
        environment=[PATH, "NEWT_SYSTEM_SUBSTRATE=CONTAINER"],
        labels={"org.opencontainers.image.version": version},
    )


def pangolin_cli_image(layers: Sequence[Layer]) -> Image:
    """The stand-in for pangolin-cli. As the official image before 0.22.0 it does not say that it is
    a container's, so that it updates itself unless the stack says it."""
    return Image(
        repository=PANGOLIN_CLI,
        tag=PANGOLIN_CLI_VERSION,
        layers=layers,
        entrypoint=["/entrypoint.sh"],
        command=["pangolin-cli"],
        environment=[PATH],
        labels={"org.opencontainers.image.version": PANGOLIN_CLI_VERSION},
    )


class Registry:
    def __init__(self, folder: Path, node: Node, processes: Processes) -> None:
        self._folder = folder
        self._storage = folder / "storage"
        self._node = node
        self._processes = processes
        self.url = f"http://{REGISTRY_ADDRESS}:{REGISTRY_PORT}"

    def fill(self, authority: Authority) -> None:
        """Stores the images: newt in its versions, trusting the lab's authority, and jellyfin."""
        self._trust = self._certificates(authority)
        layers = [newt_layer(), self._trust]
        for version in (NEWT_VERSION, NEWT_OLDER_VERSION, NEWT_CHART_VERSION):
            self.add(newt_image(version, layers))
        repository, _, tag = JELLYFIN.partition(":")
        # -vvv: one line per connection, in `docker logs`.
        server = ["httpd", "-f", "-vvv", "-p", str(JELLYFIN_PORT), "-h", "/www"]
        self.add(Image(repository=repository, tag=tag, layers=[jellyfin_layer()], command=server))

    def add_newt(self, version: str) -> str:
        """Builds and stores another version of newt; returns its image."""
        self.add(newt_image(version, [newt_layer(version), self._trust]))
        return f"{NEWT}:{version}"

    def add_pangolin_cli(self) -> str:
        """Builds and stores the stand-in for pangolin-cli; returns its image."""
        self.add(pangolin_cli_image([pangolin_cli_layer(), self._trust]))
        return f"{PANGOLIN_CLI}:{PANGOLIN_CLI_VERSION}"

    def add(self, image: Image) -> str:
        """Stores an image, also while the registry runs; returns its digest."""
        return store(self._storage, image)

    def add_artifact(
        self, repository: str, tag: str, config: tuple[str, bytes], content: tuple[str, bytes]
    ) -> str:
        """Stores what is no image: (media type, data) of its two parts; returns its digest."""
        return store_artifact(self._storage, repository, tag, config, content)

    def digest(self, repository: str, tag: str) -> str:
        link = f"docker/registry/v2/repositories/{repository}/_manifests/tags/{tag}/current/link"
        return (self._storage / link).read_text()

    def start(self) -> None:
        file = self._folder / "config.yml"
        file.write_text(
            CONFIGURATION.format(
                storage=self._storage, address=REGISTRY_ADDRESS, port=REGISTRY_PORT
            )
        )
        self._processes.start(NAME, self._node.argv(["docker-registry", "serve", str(file)]))

    def stop(self) -> None:
        self._processes.end(NAME)

    def _certificates(self, authority: Authority) -> Layer:
        folder = self._folder / "certificates"
        folder.mkdir(parents=True, exist_ok=True)
        bundle = authority.certificate.read_bytes()
        return write_layer(folder, [File("/etc/ssl/certs/ca-certificates.crt", bundle)])
