"""A Kubernetes cluster of one node in the lab: bringing it up, taking it down, working with it.

    with Lab() as lab, Cluster(lab) as cluster:
        cluster.kubectl("get", "pods", "--all-namespaces")

Two forms, each a machine of the lab: with an enforcer of NetworkPolicies (Cilium), and without (a
plain bridge, where a policy is a silent no-op). Both may be up at the same time. Like a `Lab`, a
`Cluster` is only a view: one made in another process finds the same running cluster.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .. import packages
from ..commands import LabError
from ..evidence import EventLog
from ..machine import PATH
from ..topology import KUBE, KUBE_OPEN
from ..waiting import wait_until
from . import binaries, bridge, cilium, images, keys, neighbours, programs
from .layout import CONTEXT, Layout

if TYPE_CHECKING:
    from ..lab import Lab

MANIFESTS = Path(__file__).with_name("manifests")
BOOT_TIMEOUT = 10.0
API_TIMEOUT = 60.0
READY_TIMEOUT = 180.0
COMMAND_TIMEOUT = 120.0
POLL = 0.2
FIRST = ("etcd", "kube-apiserver", "containerd")  # the others need the API server
LAST = "storage"  # it needs its settings, which are an object in the cluster
# At each door in parallel: a line for each that opens.
KNOCK = """
for door; do
    (nc -w 2 $door </dev/null >/dev/null 2>&1 && echo "$door") &
done
wait
"""
TEMPORARY = "/run/tmp"  # on the node


class Cluster:
    def __init__(self, lab: Lab, *, enforcer: bool = True) -> None:
        self.enforcer = enforcer
        self._lab = lab
        self.node = lab.kubernetes[KUBE if enforcer else KUBE_OPEN]
        self.layout = Layout(self.node.name, self.node.folder)
        self.context = CONTEXT

    @property
    def kubeconfig(self) -> Path:
        return self.layout.kubeconfig

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self.down()

    def is_up(self) -> bool:
        return (self.layout.folder / "up").exists() and self.node.init_pid() is not None

    def up(self) -> None:
        """Brings the cluster up, removing first what an earlier one left."""
        if not self._lab.is_up():
            raise LabError("the cluster is part of the lab: run `python -m tests.lab up` first")
        started = time.monotonic()
        with self._lab.locked():
            packages.ensure(self._lab.say, self._needed())
            with self._lab.step("programs and images, from the cache or anew"):
                self._prepare()
            try:
                self._start()
            except BaseException:
                self._lab.say(f"{self.node.name} did not come up: see {self._lab.processes.logs}")
                self.node.power_off()
                raise
            (self.layout.folder / "up").touch()
        seconds = time.monotonic() - started
        self._lab.say(f"the cluster on {self.node.name!r} is up after {seconds:.1f} s")

    def down(self) -> None:
        """Ends all that runs on the node and removes all of it."""
        with self._lab.locked():
            self._remove()
        self._lab.say(f"the cluster on {self.node.name!r} is down")

    def kubectl(
        self, *arguments: str, stdin: str | None = None, timeout: float = COMMAND_TIMEOUT
    ) -> str:
        """What `kubectl ARGUMENTS` prints, run on the workstation; fails showing what it said."""
        return self.run("kubectl", *arguments, stdin=stdin, timeout=timeout).stdout

    def helm(self, *arguments: str, timeout: float = COMMAND_TIMEOUT) -> str:
        return self.run(str(binaries.helm()), *arguments, timeout=timeout).stdout

    def run(
        self,
        *command: str,
        stdin: str | None = None,
        check: bool = True,
        timeout: float = COMMAND_TIMEOUT,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command on the workstation, as the cluster's administrator."""
        return self._lab.workstation.run(
            command, check=check, stdin=stdin, env=self.environment(), timeout=timeout
        )

    def environment(self) -> dict[str, str]:
        """What makes `kubectl`, Helm and Pulumi on the workstation talk to this cluster."""
        path = f"{binaries.node()}:{self._lab.workstation.environment()['PATH']}"
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def apply(self, manifests: str) -> None:
        self.kubectl("apply", "--server-side", "-f", "-", stdin=manifests)

    def wait(
        self, what: str, condition: str, namespace: str = "default", timeout: float = READY_TIMEOUT
    ) -> None:
        """Returns when `what` (pod/name, or `pod -l a=b`) has the condition kubectl knows."""
        place = [f"--namespace={namespace}", f"--timeout={timeout:.0f}s"]
        wait = ["kubectl", "wait", *what.split(), f"--for={condition}", *place]
        done = self.run(*wait, check=False, timeout=timeout + COMMAND_TIMEOUT)
        if done.returncode != 0:
            events = self.kubectl("events", f"--namespace={namespace}")
            raise LabError(f"{what} in {namespace}: {done.stderr.strip()}\n{events}")

    def opens(self, pod: str, namespace: str, doors: Sequence[str]) -> dict[str, bool]:
        """Which doors, HOST:PORT each, open for a TCP connection from a pod that has a shell."""
        parts = [door.rpartition(":") for door in doors]
        targets = [f"{host.strip('[]')} {port}" for host, _, port in parts]
        tried = self.kubectl(
            *("exec", f"--namespace={namespace}", pod, "--", "sh", "-c", KNOCK, "knock", *targets)
        )
        opened = set(tried.splitlines())
        return {door: target in opened for door, target in zip(doors, targets, strict=True)}

    def log(self, name: str) -> EventLog:
        """What the pod of the post's service NAME wrote down about who came."""
        return EventLog(self.layout.events / f"{name}.jsonl")

    def stop(self, program: str) -> None:
        """Asks one of the node's programs to end, `cilium-agent` for example, until it has."""
        self.node.end(program, signal.SIGTERM)

    def kill(self, program: str) -> None:
        """Ends one without asking."""
        self.node.end(program, signal.SIGKILL)

    def start(self, program: str) -> None:
        """Starts one of the node's programs."""
        self.node.start(program, self._commands()[program], self._environment())

    def _needed(self) -> Mapping[str, str]:
        return packages.KUBERNETES | (packages.CILIUM if self.enforcer else {})

    def _prepare(self) -> None:
        binaries.node()
        binaries.storage()
        if self.enforcer:
            binaries.cilium()
        images.fill(self._lab.registry)

    def _start(self) -> None:
        with self._lab.step("the machine and its keys"):
            self._remove()
            for folder in ("containerd", "events"):
                (self.layout.folder / folder).mkdir(parents=True)
            keys.create(self.layout)
            self.node.power_on()
            wait_until(
                lambda: self.node.init_pid() is not None,
                f"{self.node.name} boots",
                BOOT_TIMEOUT,
                explain=lambda: self._lab.processes.last_words(self.node.name),
            )
        with self._lab.step("API server"):
            network = cilium if self.enforcer else bridge
            programs.write_settings(self.layout, network.prepare(self.layout))
            for program in FIRST:
                self.start(program)
            wait_until(self._api_answers, "the API server answers", API_TIMEOUT, poll=POLL)
        with self._lab.step("node, DNS and the post's services"):
            for program in self._commands():
                if program not in (*FIRST, LAST):
                    self.start(program)
            self.kubectl("apply", "--server-side", "-f", str(MANIFESTS))
            self.start(LAST)
            self.apply(neighbours.manifests(self.layout))
            wait_until(
                self._all_available,
                f"the pods on {self.node.name} run",
                READY_TIMEOUT,
                poll=POLL,
                explain=lambda: self.kubectl("events", "--all-namespaces"),
            )

    def _commands(self) -> dict[str, list[str]]:
        enforcer = cilium.commands(self.layout) if self.enforcer else {}
        return programs.commands(self.layout) | enforcer

    def _environment(self) -> dict[str, str]:
        """For the programs: where they find each other, and where they may write."""
        folders = [str(binaries.node()), str(binaries.storage().parent), PATH]
        environment = {"HOME": TEMPORARY, "TMPDIR": TEMPORARY}
        if self.enforcer:
            folders.insert(0, cilium.path(self.layout))
            environment |= cilium.environment(self.layout)
        return {**environment, "PATH": ":".join(folders)}

    def _api_answers(self) -> bool:
        self._check_programs(FIRST)
        return self.run("kubectl", "get", "--raw", "/readyz", check=False).returncode == 0

    def _all_available(self) -> bool:
        self._check_programs(self._commands())
        columns = "custom-columns=:.spec.replicas,:.status.availableReplicas"
        listed = ["get", "deployments", "--all-namespaces", "--no-headers", f"--output={columns}"]
        return all(
            wanted == available
            for wanted, available in (line.split() for line in self.kubectl(*listed).splitlines())
        )

    def _check_programs(self, names: Iterable[str]) -> None:
        """None of them may have ended: what else is waited for would never come."""
        for name in names:
            if self._lab.processes.pid(self.node.process(name)) is None:
                said = self._lab.processes.last_words(self.node.process(name))
                raise LabError(f"{name} on {self.node.name} ended: {said}")

    def _remove(self) -> None:
        self.node.power_off()
        self._lab.renew(self.node.name)
        if self.layout.folder.exists():
            shutil.rmtree(self.layout.folder)
