"""A machine's place in the real one's control groups: one of its own in each hierarchy.

Seen from inside a cgroup namespace they are roots, so that Docker, systemd or a kubelet does with
them what it likes without meeting the real machine's. Works with cgroup v1, v2 and both mounted.
"""

import errno
import shutil
import time
from pathlib import Path

from .commands import LabError

MOUNTS = Path("/proc/self/mountinfo")
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")
LEAF = "init"  # made at boot, with cgroup v2 alone (see mount_groups.sh)
REMOVE_TIMEOUT = 5.0


class ControlGroups:
    def __init__(self, prefix: str, machine: str) -> None:
        self._name = f"newt-tunnel-lab-{prefix}-{machine}"

    def create(self) -> list[Path]:
        """Makes the groups; a process that joins all of them is the machine's."""
        groups = []
        for mount, kind in _hierarchies():
            group = mount / self._name
            group.mkdir(exist_ok=True)
            if kind == "cgroup2":
                _delegate(mount)
            else:
                _inherit_cpuset(mount, group)
            groups.append(group)
        if not groups:
            raise LabError("no control groups are mounted: containers need /sys/fs/cgroup")
        return groups

    def inhabited(self) -> list[Path]:
        """Where the machine's processes are once it has booted: with cgroup v2 not in the root."""
        groups = [mount / self._name for mount, _ in _hierarchies()]
        return [leaf if (leaf := group / LEAF).exists() else group for group in groups]

    def remove(self) -> None:
        for mount, _ in _hierarchies():
            if (mount / self._name).exists():
                _remove_tree(mount / self._name)


def _hierarchies() -> list[tuple[Path, str]]:
    found = []
    for line in MOUNTS.read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        kind = rest.split()[0]
        if kind in ("cgroup", "cgroup2"):
            found.append((Path(fields.split()[4]), kind))
    return found


def _delegate(parent: Path) -> None:
    """cgroup v2: a group has the controllers that its parent hands down."""
    for controller in (parent / "cgroup.controllers").read_text().split():
        try:
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError as error:
            # A group with processes in it (a container's root) cannot hand any down; nor can every
            # controller be handed down everywhere. Docker says which limits it cannot set then.
            if error.errno not in (errno.EBUSY, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOENT):
                raise


def _inherit_cpuset(parent: Path, child: Path) -> None:
    """cgroup v1: a new cpuset is empty, and nothing can join it until it is filled."""
    for name in CPUSET_FILES:
        if (child / name).exists() and not (child / name).read_text().strip():
            shutil.copyfile(parent / name, child / name)


def _remove_tree(group: Path) -> None:
    for child in group.iterdir():
        if child.is_dir():
            _remove_tree(child)
    deadline = time.monotonic() + REMOVE_TIMEOUT
    while True:
        try:
            group.rmdir()
            return
        except OSError as error:
            # The kernel lets go of a group a moment after its last process ended.
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)
