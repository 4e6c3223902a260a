"""The machine that is a Kubernetes node: namespaces, and a folder for all that it writes.

What runs on it is `programs.py` and `cilium.py`.
"""

from collections.abc import Mapping
from pathlib import Path

from ..machine import MOUNT_GROUPS, Machine
from ..network import Network
from ..processes import Processes

BOOT = Path(__file__).with_name("boot.sh")


class KubernetesNode(Machine):
    def __init__(self, name: str, folder: Path, network: Network, processes: Processes) -> None:
        super().__init__(name, network, processes, folder)
        self.folder = folder

    def boot(self) -> tuple[list[str], Mapping[str, str]]:
        return [str(BOOT), str(self.folder), self.name, str(MOUNT_GROUPS)], {}

    def has_booted(self, root: Path) -> bool:
        return (root / "run/booted").exists()
