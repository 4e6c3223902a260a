"""Debian's packages that the lab needs, installed when missing.

What counts is the command, not the package: a machine with Docker from elsewhere keeps it. The
services that come with the packages do not start on the machine, neither now nor at its next boot,
and those it already runs are left alone. Of several processes one installs, and the others wait.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from .commands import LabError, check

# package: a command that it brings
NEEDED = {
    "busybox-static": "busybox",
    "cron": "cron",
    "dnsmasq-base": "dnsmasq",
    "docker-registry": "docker-registry",
    "docker.io": "dockerd",
    "iproute2": "ip",
    "iptables": "iptables",
    "nftables": "nft",
    "openssh-client": "ssh-agent",
    "openssh-server": "sshd",
    "openssl": "openssl",
    "procps": "sysctl",
    "sudo": "sudo",
    "systemd": "systemctl",
    "util-linux": "nsenter",
}
# And for a Kubernetes node: containerd and runc come with Docker.
KUBERNETES = {
    "containerd": "containerd",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "runc": "runc",
}
CILIUM = {"bpftool": "bpftool", "clang-19": "clang-19", "ipset": "ipset"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
POLICY = Path("/usr/sbin/policy-rc.d")
UNITS = Path("/etc/systemd/system")
INSTALL_TIMEOUT = 900.0
#: Held while packages are installed: of apt-get's own locks `update` waits for none, and the policy
#: that keeps services off is one for the whole machine.
LOCK = Path("/run/newt-tunnel-packages.lock")


def foreign_clients(path: str = PATH) -> list[str]:
    """Docker's clients that did not come with its engine: what a user types goes to one that did,
    and a newer client knows options that an older one refuses.
    """
    engine = shutil.which("dockerd", path=path)
    if engine is None:
        return []
    own = Path(engine).parent.resolve().parent / "bin/docker"
    found = {Path(folder).resolve() / "docker" for folder in path.split(":")}
    return sorted(str(client) for client in found - {own} if client.exists() and own.exists())


def missing(needed: Mapping[str, str] = NEEDED) -> list[str]:
    return [package for package, command in needed.items() if not shutil.which(command, path=PATH)]


def ensure(say: Callable[[str], None], needed: Mapping[str, str] = NEEDED) -> None:
    """Installs what is missing; where it cannot, one error that names all of it."""
    if not missing(needed):
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        names = " ".join(missing(needed))
        raise LabError(
            f"the lab needs these Debian packages: {names}; as root on Debian or Ubuntu it "
            "installs them itself, elsewhere install what brings their commands"
        )
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if packages := missing(needed):  # still, or another process has installed them meanwhile
            _install(say, packages)
    if still := missing(needed):
        raise LabError(f"apt-get has installed them, yet these bring no command: {still}")


def _install(say: Callable[[str], None], packages: Sequence[str]) -> None:
    say(f"installing Debian packages with apt-get: {' '.join(packages)}")
    enabled = _enabled_units()
    with services_stay_off():
        options = ["--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        check(["apt-get", "update"], env=environment, timeout=INSTALL_TIMEOUT)
        install = ["apt-get", "install", *options, *packages]
        check(install, env=environment, timeout=INSTALL_TIMEOUT)
    if new := sorted(_enabled_units() - enabled):
        say(f"these are not to start when this machine boots: {' '.join(new)}")
        check(["systemctl", "disable", *new])


def _enabled_units() -> set[str]:
    return {link.name for link in UNITS.glob("*.wants/*")}


@contextmanager
def services_stay_off() -> Iterator[None]:
    """Meanwhile no package may start a service: Debian's policy-rc.d says 101, no.

    A policy that the machine already has is put aside, and back afterwards.
    """
    with ExitStack() as after:
        if POLICY.exists():
            aside = Path(after.enter_context(TemporaryDirectory(dir=POLICY.parent))) / POLICY.name
            POLICY.rename(aside)
            after.callback(aside.rename, POLICY)
        after.callback(POLICY.unlink)
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
        yield
