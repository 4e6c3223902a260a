"""What the NAS boots: systemd, as nearly every Docker host does, or a plain init without it.

Owns which services start on the NAS, in either form. With systemd only these do: none of what the
machine has enabled, and nothing that would reach for hardware. Without it `systemctl` is there but
has nobody to talk to (/run/systemd/system is absent), as on a NAS with an init of its own.
"""

import secrets
import shutil
from enum import StrEnum
from pathlib import Path

from ..commands import LabError
from .disk import Disk

SYSTEMD = "/lib/systemd/systemd"
UNITS = "usr/lib/systemd/system"
ENABLED = {
    "multi-user.target.wants": (
        "containerd.service",
        "cron.service",
        "docker.service",
        "ssh.service",
    ),
    "sockets.target.wants": ("docker.socket",),
}
# Of what systemd itself always starts, only what needs no hardware and does not ask who is there.
STATIC = {
    "local-fs.target.wants": (),
    "multi-user.target.wants": (),
    "sockets.target.wants": ("systemd-journald-dev-log.socket", "systemd-journald.socket"),
    "sysinit.target.wants": (
        "systemd-journal-flush.service",
        "systemd-journald.service",
        "systemd-tmpfiles-setup.service",
    ),
    "timers.target.wants": (),
}
GENERATORS = "usr/lib/systemd/system-generators"  # would read the machine's fstab and rc.d

# What busybox's init starts, and starts again when it ends. With cgroup v2 alone it leaves the root
# group first, as systemd does: a group with processes in it cannot hand controllers to Docker's.
INITTAB = """\
::sysinit:/bin/mkdir -p /run/sshd /run/lock
::sysinit:/bin/sh -c "cd /sys/fs/cgroup; [ ! -e cgroup.procs ] || mkdir init"
::sysinit:/bin/sh -c "cd /sys/fs/cgroup; [ ! -e init ] || echo 1 >init/cgroup.procs"
::respawn:/usr/sbin/sshd -D -e
::respawn:/bin/sh -c "exec dockerd >>/var/log/dockerd.log 2>&1"
::once:/usr/sbin/cron -f
"""


class Init(StrEnum):
    SYSTEMD = "systemd"
    PLAIN = "plain"


def install(init: Init, disk: Disk) -> None:
    match init:
        case Init.SYSTEMD:
            _install_systemd(disk)
        case Init.PLAIN:
            _install_plain(disk)


def _install_systemd(disk: Disk) -> None:
    if not Path(SYSTEMD).exists():
        raise LabError(f"{SYSTEMD} is missing: install the package systemd")
    disk.link("sbin/init", SYSTEMD)
    # Without it this would count as the first boot, at which systemd enables everything there is.
    disk.write("etc/machine-id", f"{secrets.token_hex(16)}\n", 0o444)
    disk.link("etc/systemd/system/default.target", f"/{UNITS}/multi-user.target")
    for folder, units in ENABLED.items():
        for unit in units:
            disk.link(f"etc/systemd/system/{folder}/{unit}", f"/{UNITS}/{unit}")
    for folder, units in STATIC.items():
        disk.own(f"{UNITS}/{folder}")
        for unit in units:
            disk.link(f"{UNITS}/{folder}/{unit}", f"../{unit}")
    disk.own(GENERATORS)
    disk.own("var/log/journal")  # there: the journal outlives a reboot


def _install_plain(disk: Disk) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise LabError("busybox is missing: install the package busybox-static")
    disk.link("sbin/init", busybox)
    disk.write("etc/inittab", INITTAB)
