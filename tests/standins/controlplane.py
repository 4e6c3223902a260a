"""A Kubernetes control plane without nodes, for the stand-ins' own tests.

Real etcd, API server and controllers in a network namespace of their own, which has no uplink; what
talks to them runs inside it too. Pods are never started: a test says what became of them. Needs
root on Linux; the programs are the lab's.
"""

import base64
import contextlib
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.certificates import Authority
from tests.lab.kubernetes import binaries
from tests.standins.daemons import ENDS_WITH_US

READY_SECONDS = 60
SERVER = "https://127.0.0.1:6443"
CONTEXT = "standin"
NOBODY = {"name": "nobody", "user": {"token": "nothing"}}


@dataclass(frozen=True)
class ControlPlane:
    """A running control plane; commands reach it through the `inside` prefix."""

    inside: tuple[str, ...]
    programs: Path
    kubeconfig: Path

    def kubectl(self, *arguments: str, stdin: str | None = None, status: int = 0) -> str:
        """Runs kubectl, to look at what the stand-in did or to meddle with it."""
        command = [*self.inside, str(self.programs / "kubectl"), *arguments]
        done = subprocess.run(
            [*command, f"--kubeconfig={self.kubeconfig}"],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done.stdout.strip()

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object, or a list of them."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found


@contextlib.contextmanager
def control_plane(directory: Path) -> Iterator[ControlPlane]:
    """Runs the control plane with its files in `directory`."""
    namespace = f"sk-{os.getpid()}"
    inside = ("nsenter", f"--net=/run/netns/{namespace}", "--")
    programs = binaries.node()
    binaries.helm()  # the stand-in would build it inside, where no module can be had
    with contextlib.ExitStack() as stack:
        _ip("netns", "add", namespace)
        stack.callback(_ip, "netns", "del", namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
        kubeconfig = _credentials(directory)
        for command in _commands(directory, kubeconfig):
            log = stack.enter_context((directory / f"{command[0]}.log").open("wb"))
            process = subprocess.Popen(
                [*ENDS_WITH_US, *inside, str(programs / command[0]), *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            stack.callback(_end, process)
        plane = ControlPlane(inside, programs, kubeconfig)
        _wait(plane, directory)
        yield plane


def _credentials(directory: Path) -> Path:
    authority = Authority(directory)
    authority.create()
    authority.issue("server", alternatives=["IP:127.0.0.1"])
    subprocess.run(
        ["openssl", "genrsa", "-out", str(directory / "accounts.key"), "2048"],
        check=True,
        capture_output=True,
    )
    token = secrets.token_hex(16)
    (directory / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    cluster = {"server": SERVER, "certificate-authority-data": _inline(authority.certificate)}
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": CONTEXT, "cluster": cluster}],
                "users": [{"name": "admin", "user": {"token": token}}, NOBODY],
                "contexts": [
                    {"name": CONTEXT, "context": {"cluster": CONTEXT, "user": "admin"}},
                    {"name": "nobody", "context": {"cluster": CONTEXT, "user": "nobody"}},
                ],
                "current-context": CONTEXT,
            }
        )
    )
    kubeconfig.chmod(0o600)
    return kubeconfig


def _inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _commands(directory: Path, kubeconfig: Path) -> list[list[str]]:
    etcd, peers = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    accounts = directory / "accounts.key"
    return [
        [
            *("etcd", f"--data-dir={directory}/etcd", "--unsafe-no-fsync", "--log-level=warn"),
            *(f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}"),
            f"--listen-peer-urls={peers}",
        ],
        [
            *("kube-apiserver", f"--etcd-servers={etcd}", "--advertise-address=127.0.0.1"),
            *("--bind-address=127.0.0.1", "--service-cluster-ip-range=10.96.0.0/24"),
            *(
                f"--tls-cert-file={directory}/server.pem",
                f"--tls-private-key-file={directory}/server.key",
            ),
            *(f"--token-auth-file={directory}/tokens.csv", "--authorization-mode=RBAC"),
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={accounts}",
            f"--service-account-signing-key-file={accounts}",
            "--endpoint-reconciler-type=none",
        ],
        [
            *("kube-controller-manager", f"--kubeconfig={kubeconfig}", "--leader-elect=false"),
            *("--bind-address=127.0.0.1", f"--service-account-private-key-file={accounts}"),
        ],
    ]


def _wait(plane: ControlPlane, directory: Path) -> None:
    """Until namespaces get their service account: then the controllers work, too."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        with contextlib.suppress(AssertionError):
            plane.kubectl("get", "serviceaccount", "default")
            return
        if time.monotonic() > deadline:
            logs = "\n".join(log.read_text()[-1500:] for log in directory.glob("kube-*.log"))
            raise RuntimeError(f"the control plane does not start:\n{logs}")
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
