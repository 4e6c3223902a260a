"""A cluster's addresses and where its files are: what every part of it has to agree on.

The ranges and the names are those of k3s, which is what the post runs.
"""

from dataclasses import dataclass
from pathlib import Path

from ..topology import PLACES

CONTEXT = "k3s-home"
API_PORT = 6443
PODS = ("10.42.0.0/24", "fd00:42::/64")  # of the only node, from the cluster's ranges
CLUSTER_PODS = ("10.42.0.0/16", "fd00:42::/56")
CLUSTER_SERVICES = ("10.43.0.0/16", "fd00:43::/112")
API_SERVICE = "10.43.0.1"
DNS_SERVICE = "10.43.0.10"
DNS_DOMAIN = "cluster.local"
SANDBOX_IMAGE = "docker.io/lab/pause:1"


@dataclass(frozen=True)
class Layout:
    node: str
    folder: Path

    @property
    def addresses(self) -> tuple[str, ...]:
        """The node's own, IPv4 first."""
        return tuple(address.partition("/")[0] for address in PLACES[self.node].addresses)

    @property
    def server(self) -> str:
        return f"https://{self.addresses[0]}:{API_PORT}"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, with all that it needs inside."""
        return self.kubeconfig_of("admin")

    def kubeconfig_of(self, user: str) -> Path:
        return self.keys / f"{user}.kubeconfig"

    @property
    def tokens(self) -> Path:
        return self.keys / "tokens.csv"

    @property
    def settings(self) -> Path:
        """The programs' configuration files."""
        return self.folder / "settings"

    @property
    def cni(self) -> Path:
        return self.settings / "cni"

    @property
    def containerd_socket(self) -> Path:
        return self.folder / "containerd.sock"

    @property
    def events(self) -> Path:
        """What the pods' services wrote down about who came."""
        return self.folder / "events"
