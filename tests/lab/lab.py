"""The lab as a whole: bringing it up, taking it down, and finding what is in it.

    with Lab() as lab:
        lab["workstation"].run(["ssh", "root@10.0.1.10", "hostname"])

A `Lab` is only a view on a folder and on namespaces: one made in another process finds the same
running lab. Several labs run side by side under different prefixes (NEWT_LAB). The NAS runs the
Docker engine that the lab is given, or else the one that ENGINE names (docker_engines.py).
"""

import fcntl
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from . import artifacts, docker_engines, packages
from .certificates import Authority
from .commands import LabError
from .docker_engines import DockerEngine
from .evidence import EventLog
from .kubernetes.charts import Charts
from .kubernetes.machine import KubernetesNode
from .nas import Disk, Init, Nas, install
from .network import Network
from .node import Node
from .processes import Processes, end
from .registry import JELLYFIN, JELLYFIN_PORT, Registry
from .resolver import Resolver
from .server import Pangolin
from .topology import (
    KUBE,
    KUBE_OPEN,
    NAS_ADDRESS,
    PLACES,
    RESOLVER_ADDRESS,
    ROUTER,
    ROUTER_SERVICES,
)
from .workstation import Agent, Workstation

DEFAULT_FOLDER = "/var/lib/newt-tunnel-lab"
DEFAULT_PREFIX = "nt"
LABS_FOLDER = re.compile(r"[A-Za-z0-9._/-]{1,60}")
SERVICES = Path(__file__).with_name("services.py")
WORKSTATIONS = ("workstation", "workstation2")


def _labs_folder() -> Path:
    folder = Path(os.environ.get("NEWT_TUNNEL_LAB_DIR") or DEFAULT_FOLDER).resolve()
    if not LABS_FOLDER.fullmatch(str(folder)):
        raise LabError(
            f"NEWT_TUNNEL_LAB_DIR={folder} cannot hold a lab: its path goes into mount options "
            "and of socket names; use at most 60 letters, digits and any of ._-/"
        )
    return folder


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Lab:
    def __init__(
        self,
        prefix: str | None = None,
        say: Callable[[str], None] = _say,
        engine: DockerEngine | None = None,
    ) -> None:
        self.prefix = prefix or os.environ.get("NEWT_LAB") or DEFAULT_PREFIX
        self.say = say
        self._labs = _labs_folder()
        self.folder = self._labs / self.prefix
        self.network = Network(self.prefix)
        self.processes = Processes(self.folder / "processes", self.folder / "logs")
        self.authority = Authority(self.folder / "authority")
        self.agent = Agent(self.folder / "agent", self.processes)
        self.docker_engine = engine or docker_engines.chosen()
        self.nas = Nas(Disk(self.folder / "nas"), self.network, self.processes, self.docker_engine)
        # Off until a `kubernetes.Cluster` comes up; what is called lab["kube"] is its network.
        self.kubernetes = {
            name: KubernetesNode(name, self.folder / name, self.network, self.processes)
            for name in (KUBE, KUBE_OPEN)
        }
        self.workstation, self.workstation2 = (self._workstation(name) for name in WORKSTATIONS)
        # What runs in a machine's network, with its name; on the NAS that is not the NAS itself.
        self._views: dict[str, Node] = {
            ROUTER: self._node(ROUTER),
            **{name: self._node(name) for name in PLACES},
            "workstation": self.workstation,
            "workstation2": self.workstation2,
        }
        self._nodes = {**self._views, "nas": self.nas}
        self.dns = Resolver(self.folder / "resolver", self["resolver"], self.processes)
        self.registry = Registry(self.folder / "registry", self["registry"], self.processes)
        self.charts = Charts(self.folder / "charts", self["charts"], self.registry, self.processes)
        self.pangolin = Pangolin(self.folder / "pangolin", self["pangolin"], self.processes)

    def __getitem__(self, name: str) -> Node:
        try:
            return self._nodes[name]
        except KeyError:
            raise LabError(f"no machine {name!r} in the lab: {', '.join(self._nodes)}") from None

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self.down()

    def log(self, name: str) -> EventLog:
        """What the services of the machine NAME wrote down about who came."""
        return EventLog(self.folder / "events" / f"{name}.jsonl")

    def is_up(self) -> bool:
        return (self.folder / "up").exists() and self.processes.pid("nas") is not None

    def up(self, init: Init = Init.SYSTEMD) -> None:
        """Brings the lab up, removing first what a crashed one of the same prefix left."""
        if os.geteuid() != 0:
            raise LabError("the lab makes network namespaces: run it as root on Linux")
        started = time.monotonic()
        with self.locked():
            packages.ensure(self.say)
            with self.step("remains of an earlier lab"):
                self._remove()
            try:
                self._build(init)
            except BaseException:
                self.say(f"the lab did not come up; its logs are in {self.processes.logs}")
                self._end_everything()
                raise
            (self.folder / "up").touch()
        self.say(f"the lab {self.prefix!r} is up after {time.monotonic() - started:.1f} s")

    def down(self) -> None:
        """Ends all that runs in the lab and removes all of it."""
        with self.locked():
            self._remove()
        self.say(f"the lab {self.prefix!r} is down")

    def start_services(self, name: str) -> None:
        """Starts the services of the machine NAME; returns when they listen."""
        mark = self._spawn_services(name)
        self._await_services(name, mark)

    def stop_services(self, name: str) -> None:
        """Nobody answers there any more, until `start_services`."""
        self.processes.end(f"services-{name}")

    def reboot_nas(self) -> None:
        """Pulls the NAS's plug and boots it again: files stay, firewall rules do not."""
        self.nas.power_off()
        self.renew("nas")
        self.nas.power_on()
        self.nas.wait_ready()

    def renew(self, name: str) -> None:
        """Gives the machine NAME, which is off, a new network: no rule or connection survives."""
        self.stop_services(name)
        self.network.recreate(name)
        self.start_services(name)

    def _build(self, init: Init) -> None:
        with self.step("what is slow to build, from the cache or anew"):
            artifacts.pangolin()
            artifacts.newt_layer()
            artifacts.jellyfin_layer()
            self.docker_engine.programs()
        with self.step("network, keys and images"), ThreadPoolExecutor() as pool:
            jobs = [pool.submit(self._build_network), pool.submit(self._write_files, init)]
            for job in jobs:
                job.result()
        with self.step("machines and services"):
            self.nas.power_on()
            marks = {name: self._spawn_services(name) for name in self._serving()}
            self.dns.start()
            self.registry.start()
            self.charts.start()
            self.pangolin.start()
            self.agent.start()
            for name, mark in marks.items():
                self._await_services(name, mark)
            self.pangolin.wait_ready()
            self.nas.wait_ready()
        with self.step("the other container on the NAS"):
            port = f"{JELLYFIN_PORT}:{JELLYFIN_PORT}"
            options = ["--name", "jellyfin", "--restart", "unless-stopped", "--publish", port]
            self.nas.run(["docker", "run", "--detach", *options, JELLYFIN])

    def _build_network(self) -> None:
        self.network.create()
        self.network.verify_no_uplink()

    def _write_files(self, init: Init) -> None:
        (self.folder / "events").mkdir(parents=True)
        for node in self._views.values():
            node.prepare(RESOLVER_ADDRESS)
        self.agent.create_key()
        self.nas.disk.create(self.agent.public_key, self._labs, self.docker_engine)
        install(init, self.nas.disk)
        for workstation in (self.workstation, self.workstation2):
            workstation.trust(NAS_ADDRESS, self.nas.host_key)
        self.authority.create()
        self.pangolin.prepare(self.authority)
        self.registry.fill(self.authority)
        self.charts.prepare(self.authority)

    def _remove(self) -> None:
        self._end_everything()
        self.nas.disk.release()
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _end_everything(self) -> None:
        for machine in (self.nas, *self.kubernetes.values()):
            machine.power_off()
        self.processes.end_all()
        # Whoever else is still inside, a shell left open say, would keep a namespace alive.
        for pid, started in self.network.inhabitants().items():
            end(pid, started)
        self.network.delete()

    def _spawn_services(self, name: str) -> int:
        mark = self.log(name).mark()
        urls = ROUTER_SERVICES if name == ROUTER else PLACES[name].services
        program = [sys.executable, "-I", "-S", str(SERVICES), name, str(self.log(name).path), *urls]
        self.processes.start(f"services-{name}", self._views[name].argv(program))
        return mark

    def _await_services(self, name: str, mark: int) -> None:
        try:
            self.log(name).wait("ready", mark)
        except TimeoutError as error:
            said = self.processes.last_words(f"services-{name}")
            raise LabError(f"the services of {name} did not start: {said}") from error

    def _serving(self) -> list[str]:
        return [ROUTER, *(name for name, place in PLACES.items() if place.services)]

    def _node(self, name: str) -> Node:
        return Node(name, self.network.path(name), self.folder / "machines" / name)

    def _workstation(self, name: str) -> Workstation:
        folder = self.folder / "machines" / name
        return Workstation(name, self.network.path(name), folder, self.agent)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.say(f"  {time.monotonic() - started:5.1f} s  {what}")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time: two `up` of the same lab would remove each other's half."""
        self._labs.mkdir(parents=True, exist_ok=True)
        with (self._labs / f"{self.prefix}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
