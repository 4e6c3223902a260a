"""The NAS's file system: the machine's own programs below, everything it writes in a layer above.

Owns what of the machine shows through, and what is the NAS's own: users, sshd and its host key,
Docker's settings. What it writes stays over a reboot and disappears with the lab; the machine's
own files are never changed.
"""

import json
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..commands import LabError, check
from ..docker_engines import DockerEngine
from ..packages import foreign_clients
from ..topology import NAS_ADDRESS, REGISTRY_ADDRESS, REGISTRY_PORT, RESOLVER_ADDRESS

HOSTNAME = "nas"
DOCKER_SETTINGS = "etc/docker/daemon.json"
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"

# Of the machine only its programs show through; whatever else is in / does not exist on the NAS.
KEPT = ("bin", "etc", "lib", "lib32", "lib64", "libx32", "opt", "sbin", "usr", "var")
# Folders the NAS has for itself, empty at first.
OWN = ("boot", "dev", "home", "media", "mnt", "proc", "root", "run", "srv", "sys", "tmp")
OWN_BELOW = (
    "etc/cron.d",
    "etc/docker",
    "etc/ssh",
    "etc/sudoers.d",
    "etc/systemd/system",
    "etc/tmpfiles.d",
    "var/lib/containerd",
    "var/lib/docker",
    "var/log",
    "var/spool/cron",
    "var/tmp",
)
OPAQUE = "trusted.overlay.opaque"
FIRST_USER_ID = 1000
LAST_SYSTEM_ID = 999
NOBODY_ID = 65534
MODE_TEMPORARY = 0o1777

SSHD = f"""\
HostKey /{HOST_KEY}
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""
DOCKER = {
    "registry-mirrors": [f"http://{REGISTRY_ADDRESS}:{REGISTRY_PORT}"],
    # The same with and without systemd, and whatever version of control groups the machine has.
    "exec-opts": ["native.cgroupdriver=cgroupfs"],
}


@dataclass(frozen=True)
class User:
    name: str
    sudo: str  # the rule's right-hand side in sudoers
    docker: bool


USERS = (
    User("admin", "(ALL) NOPASSWD: ALL", docker=True),
    User("asks", "(ALL) ALL", docker=True),  # no password is set: sudo asks, and no answer will do
    User("nodocker", "(ALL) NOPASSWD: ALL", docker=False),
)


class Disk:
    """A folder that holds the layer above, and the real directories that Docker works in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # An overlay sees one file system: a /usr or /var of its own gets an overlay of its own.
        self.roots = ["/", *(f"/{name}" for name in KEPT if os.path.ismount(f"/{name}"))]

    @property
    def host_key(self) -> str:
        """The public half of sshd's host key, as a stack's `docker.hostKey` wants it."""
        return " ".join(self.path(f"{HOST_KEY}.pub").read_text().split()[:2])

    def path(self, name: str) -> Path:
        """Where the file NAME of the NAS is kept on this machine once the NAS wrote it."""
        path = Path("/", name)
        if path.parts[1] in KEPT:  # /sbin, say, is a link on the machine, and so it is on the NAS
            path = path.parent.resolve() / path.name
        root = max((r for r in self.roots if path.is_relative_to(r)), key=len)
        return self._layer(root) / path.relative_to(root)

    def mounts(self) -> list[tuple[str, str]]:
        """(where, options) of each overlay to mount, the root first."""
        return [
            (root, f"lowerdir={root},upperdir={self._layer(root)},workdir={self._work(root)}")
            for root in self.roots
        ]

    def create(self, authorized_key: str, hidden: Path, engine: DockerEngine) -> None:
        """Makes the file system; `hidden`, the labs' folder, does not show through."""
        self.folder.mkdir(parents=True)
        where = ["--noheadings", "--output=FSTYPE", f"--target={self.folder}"]
        if check(["findmnt", *where]).strip() == "overlay":
            # Inside a container: an overlay cannot be another's upper layer, memory can.
            check(["mount", "-t", "tmpfs", "-o", "mode=755", "lab-nas", str(self.folder)])
        for root in self.roots:
            self._layer(root).mkdir(parents=True)
            self._work(root).mkdir(parents=True)
        for name in ("root", "docker", "containerd"):
            (self.folder / name).mkdir()
        self._hide(hidden)
        self._write_accounts(authorized_key)
        self._write_settings(engine)
        self._install(engine)

    def release(self) -> None:
        """Before the folder is removed: unmounts what `create` may have mounted there."""
        if self.folder.is_mount():
            check(["umount", str(self.folder)])

    def own(self, name: str) -> None:
        """A folder of the NAS's own: what the machine has there does not show through."""
        folder = self.path(name)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            os.setxattr(folder, OPAQUE, b"y")
        except OSError as error:
            raise LabError(
                f"{self.folder} cannot hold an overlay's upper layer ({error.strerror}): set "
                "NEWT_TUNNEL_LAB_DIR to a folder on ext4, xfs, btrfs or tmpfs"
            ) from error

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self._fresh(name)
        path.write_text(text)
        path.chmod(mode)
        return path

    def link(self, name: str, target: str) -> None:
        self._fresh(name).symlink_to(target)

    def _fresh(self, name: str) -> Path:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _layer(self, root: str) -> Path:
        return self.folder / "upper" / (root.strip("/") or "root")

    def _work(self, root: str) -> Path:
        return self.folder / "work" / (root.strip("/") or "root")

    def _hide(self, labs: Path) -> None:
        for entry in Path("/").iterdir():
            if entry.name not in (*KEPT, *OWN):
                self._white_out(entry.name)
        for client in foreign_clients():
            self._white_out(client[1:])
        hidden = [str(labs)[1:]] if labs.parts[1] in KEPT else []
        for name in (*OWN, *OWN_BELOW, *hidden):
            self.own(name)
        for name in ("tmp", "var/tmp"):
            self.path(name).chmod(MODE_TEMPORARY)
        self.path("root").chmod(0o700)

    def _white_out(self, name: str) -> None:
        """What an overlay takes for "deleted"."""
        os.mknod(self._fresh(name), stat.S_IFCHR, os.makedev(0, 0))

    def _write_accounts(self, authorized_key: str) -> None:
        passwd, shadow = _system_entries("passwd"), ["root:*:19000::::::"]
        group = _system_entries("group")
        members = ",".join(user.name for user in USERS if user.docker)
        group = [line for line in group if not line.startswith("docker:")]
        group.append(f"docker:x:{_free_id(group)}:{members}")
        for number, user in enumerate(USERS, FIRST_USER_ID):
            passwd.append(f"{user.name}:x:{number}:{number}::/home/{user.name}:/bin/bash")
            group.append(f"{user.name}:x:{number}:")
            shadow.append(f"{user.name}:*:19000::::::")
            rule = f"{user.name} ALL={user.sudo}\n"
            self.write(f"etc/sudoers.d/{user.name}", rule, 0o440)
            self._authorize(f"home/{user.name}", number, authorized_key)
        self._authorize("root", 0, authorized_key)
        self.write("etc/passwd", _lines(passwd))
        self.write("etc/group", _lines(group))
        self.write("etc/shadow", _lines(shadow), 0o640)
        self.write("etc/gshadow", "", 0o640)

    def _authorize(self, home: str, user_id: int, key: str) -> None:
        file = self.write(f"{home}/.ssh/authorized_keys", f"{key}\n", 0o600)
        file.parent.chmod(0o700)
        for path in (file, file.parent, self.path(home)):
            os.chown(path, user_id, user_id)

    def _write_settings(self, engine: DockerEngine) -> None:
        self.write("etc/hostname", f"{HOSTNAME}\n")
        self.write("etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n{NAS_ADDRESS} {HOSTNAME}\n")
        # The machine's may be a link into /run.
        self.write("etc/resolv.conf", f"nameserver {RESOLVER_ADDRESS}\n")
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
        self.write("etc/crontab", "")
        self.write(DOCKER_SETTINGS, docker_settings(engine))
        self.write("etc/ssh/sshd_config", SSHD)
        key = str(self.path(HOST_KEY))
        check(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", HOSTNAME, "-f", key])

    def _install(self, engine: DockerEngine) -> None:
        """The engine's programs, over those of the machine's own engine."""
        for program, place in placed_programs(engine):
            target = self._fresh(place)
            shutil.copyfile(program, target)
            target.chmod(0o755)


def placed_programs(engine: DockerEngine) -> Iterator[tuple[Path, str]]:
    """Each program of an engine, with its path on the NAS."""
    programs = engine.programs()
    for program in programs.iterdir() if programs else ():
        # Where Debian's units and its docker.io have them; a foreign client is elsewhere.
        places = (Path(folder, program.name) for folder in ("/usr/sbin", "/usr/bin"))
        here = next((place for place in places if place.exists()), Path("/usr/bin", program.name))
        yield program, str(here.resolve())[1:]


def docker_settings(engine: DockerEngine) -> str:
    """The text of `daemon.json`."""
    return json.dumps({**DOCKER, **engine.settings})


def _system_entries(name: str) -> list[str]:
    """The machine's system accounts: programs expect theirs; its people are not the NAS's."""
    return [
        line
        for line in Path("/etc", name).read_text().splitlines()
        if (number := int(line.split(":")[2])) <= LAST_SYSTEM_ID or number == NOBODY_ID
    ]


def _free_id(entries: list[str]) -> int:
    used = {int(line.split(":")[2]) for line in entries}
    return next(number for number in range(LAST_SYSTEM_ID, 0, -1) if number not in used)


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
