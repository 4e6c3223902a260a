"""`KUBECONFIG=… make demo STACK=k3s-home`: the same story in a cluster that exists already.

For kind, k3d, k3s and whatever else enforces NetworkPolicies; it takes the kubeconfig's current
context. Nothing of the lab is needed, so neither is root. This machine plays what the cluster
cannot have of the lab: Pangolin and, on the LAN, the printer and the router, at an address that
pods can reach. The cluster gets namespaces of the demo's own, and loses them at the end, whatever
happens in between.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests import cache
from tests.demo import image
from tests.demo.guests import NEWT_NAMESPACE, Guests, NoImage, namespace_of
from tests.demo.table import Clock, Row, conclude, row
from tests.deployment import PROJECT, Checkout
from tests.engine.prepare import prepare
from tests.engine.versions import PLUGINS_OF
from tests.lab.certificates import Authority
from tests.lab.commands import LabError
from tests.lab.evidence import EventLog
from tests.lab.images import architecture
from tests.lab.kubernetes.neighbours import NEIGHBOURS
from tests.lab.lab import SERVICES
from tests.lab.processes import Processes
from tests.lab.server import Pangolin, Target
from tests.lab.waiting import wait_until
from tests.lab.workstation import Workstation

STACK = "k3s-home"
LISTED = ("gitea", "homeassistant", "printer")
#: Of this machine: above what needs root, and not what anybody else uses.
PANGOLIN_PORT, TUNNEL_PORT, PRINTER_PORT, ROUTER_PORT = 24443, 24820, 24631, 24080
FIRST_LISTENER = 7100
KUBELET_PORT, API_PORT = 10250, 443
SERVICE_SECONDS = 10.0
TUNNEL_SECONDS = 60.0
DESTROY_SECONDS = 240.0
SKIPPED = "skipped: anything else, 198.51.100.66:443: nobody is there who could say what arrived"


class Here(Workstation):
    """This machine as it is, and a folder in place of its user's home."""

    def __init__(self, folder: Path) -> None:
        self.name = "this machine"
        self.home = folder / "home"
        self.state = folder / "state"
        self._passphrase = secrets.token_hex(16)
        self.home.mkdir()
        self.state.mkdir()

    def argv(self, command: Sequence[str]) -> list[str]:
        return list(command)

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PULUMI_CONFIG_PASSPHRASE": self._passphrase}


@dataclass(frozen=True, kw_only=True)
class Options:
    """`address`: of this machine, as pods reach it; found out if left empty."""

    address: str = ""
    accept_node_access: bool = False


def demo(plugins: str, options: Options) -> int:
    """The whole story; returns the exit status."""
    if sys.platform != "linux":
        raise LabError("the demo's image is made of this machine's programs: run it on Linux")
    clock = Clock()
    # `kill` too leaves nothing behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="newt-demo-") as folder:
        return Demo(Path(folder), options, clock).run(plugins)


class Demo:
    def __init__(self, folder: Path, options: Options, clock: Clock) -> None:
        self._folder = folder
        self._options = options
        self._clock = clock
        self._guests = Guests()
        self._processes = Processes(folder / "processes", folder / "logs")
        self._here = Here(folder)

    def run(self, plugins: str) -> int:
        guests = self._guests
        print(f"the cluster of KUBECONFIG: context {guests.context!r}, {guests.server}")
        print("(without KUBECONFIG in the environment: a cluster of the lab's own)")
        with self._clock.step("a look at the cluster"):
            guests.refuse_what_exists()
            node = self._first_node()
            self._address = self._options.address or _address_towards(node)
            print(f"pods are to reach this machine at {self._address} (ADDRESS=… for another)")
        with self._clock.step("the engine"):
            engine = prepare(plugins, PLUGINS_OF[STACK])
        with self._clock.step("an image for newt and the targets"):
            authority = _authority(self._folder / "authority")
            name, archive = image.build(authority, cache.root() / "demo-image")
            loaded = image.load(guests.context, archive)
            print(f"{name}: {'loaded' if loaded else 'to be on the nodes already'}")
        checkout = Checkout(self._here, engine, stack=STACK, state=self._here.state)
        try:
            with self._clock.step("targets in the cluster; Pangolin, printer and router here"):
                try:
                    guests.move_in(name)
                except NoImage as error:
                    raise image.missing(name, archive) from error
                self._start(authority)
                self._require_a_way_here()
            with self._clock.step("a checkout; the stack file's addresses and names"):
                self._check_out(checkout, name)
            with self._clock.step(f"pulumi up -s {STACK}"):
                status = _run(checkout, "up")
            if status != 0:
                return status
            with self._clock.step("newt connects, and a hostile Pangolin orders it to expose all"):
                rows = list(self._measure(node))
        finally:
            with self._clock.step("removing what was made"):
                self._clean_up(checkout)
        return conclude(rows, self._clock, SKIPPED)

    def _first_node(self) -> str:
        nodes = self._guests.nodes()
        if not nodes:
            raise LabError("the cluster has no node with an IPv4 address")
        foreign = sorted({node.architecture for node in nodes} - {architecture()})
        if foreign:
            raise LabError(
                f"nodes of the cluster are {', '.join(foreign)}, and this machine builds the "
                f"demo's image for {architecture()}; run the demo on a machine of the nodes' kind"
            )
        return nodes[0].address

    def _start(self, authority: Authority) -> None:
        self._pangolin = Pangolin(
            self._folder / "pangolin",
            self._here,
            self._processes,
            host=self._address,
            address=self._address,
            port=PANGOLIN_PORT,
            tunnel_port=TUNNEL_PORT,
        )
        self._pangolin.prepare(authority)
        self._pangolin.start()
        self._pangolin.wait_ready()
        for name, port in (("printer", PRINTER_PORT), ("router", ROUTER_PORT)):
            program = [sys.executable, "-I", "-S", str(SERVICES), name, str(self._log(name).path)]
            self._processes.start(name, [*program, f"http://{self._address}:{port}"])
            try:
                self._log(name).wait("ready", timeout=SERVICE_SECONDS)
            except TimeoutError as error:
                raise LabError(self._processes.last_words(name)) from error

    def _log(self, name: str) -> EventLog:
        return EventLog(self._folder / f"{name}.jsonl")

    def _require_a_way_here(self) -> None:
        for port in (PANGOLIN_PORT, PRINTER_PORT, ROUTER_PORT):
            if not self._guests.opens_from_target(self._address, port):
                raise LabError(
                    f"pods of the cluster do not reach this machine at {self._address}:{port}: a "
                    f"firewall is in between (the demo uses tcp/{PANGOLIN_PORT}, "
                    f"udp/{TUNNEL_PORT}, tcp/{PRINTER_PORT} and tcp/{ROUTER_PORT}), or pods know "
                    "this machine by another address: write that as ADDRESS=…"
                )

    def _check_out(self, checkout: Checkout, name: str) -> None:
        """The example's stack file, with this cluster's names and this machine's address."""
        address = self._address
        namespaces = {one.name: namespace_of(one) for one in NEIGHBOURS}
        gitea = next(one for one in NEIGHBOURS if one.name == "gitea")
        checkout.check_out()
        checkout.edit(
            pangolin={
                "endpoint": f"https://{address}:{PANGOLIN_PORT}",
                "addresses": [address],
                "ports": [f"{PANGOLIN_PORT}/tcp", f"{TUNNEL_PORT}/udp"],
            },
            newt={"image": name},
            newtId=self._pangolin.newt_id,
            egress=[
                {
                    "name": gitea.name,
                    "namespace": namespaces["gitea"],
                    "labels": gitea.labels,
                    "port": gitea.port,
                },
                {
                    "name": "homeassistant",
                    "service": f"{namespaces['homeassistant']}/homeassistant",
                    "port": 80,
                },
                {"name": "printer", "cidr": f"{address}/32", "port": PRINTER_PORT},
            ],
            mustNotReach=[
                {
                    "name": name,
                    "service": f"{namespaces[name]}/{name}",
                    "port": port,
                }
                for name, port in (("grafana", 3000), ("postgres", 5432))
            ]
            + [{"name": "router", "host": address, "port": ROUTER_PORT}],
            kubernetes={
                **checkout.setting("kubernetes"),
                "context": self._guests.context,
                "namespace": NEWT_NAMESPACE,
                # Nothing of the demo's needs to be kept, and not every cluster has a default class.
                "storage": {"enabled": False},
                "acceptNodeAccess": self._options.accept_node_access,
            },
        )
        checkout.pulumi("stack", "init", STACK)
        checkout.set_secret("newtSecret", self._pangolin.newt_secret)

    def _measure(self, node: str) -> Iterator[Row]:
        """The post's table, with the evidence on the target's side."""
        guests, pangolin = self._guests, self._pangolin
        wait_until(
            lambda: bool(pangolin.status()["tunnel"]["up"]), "newt's tunnel is up", TUNNEL_SECONDS
        )
        newt = guests.newt()
        said = guests.said_in_newt(newt, ["nslookup", "kubernetes.default.svc.cluster.local"])
        api = guests.api_service()
        yield row("DNS of the cluster", "yes", api in said, "newt's pod: nslookup")
        yield row(
            f"Pangolin: this machine :{PANGOLIN_PORT}",
            "yes",
            bool(pangolin.status()["tunnel"]["up"]),
            "Pangolin: web socket, tunnel and ping",
        )
        yield from self._what_the_server_orders()
        for traffic, address, port in (
            ("the Kubernetes API", api, API_PORT),
            ("the node's kubelet", node, KUBELET_PORT),
        ):
            opened = guests.opens_from_newt(newt, address, port)
            if opened and self._options.accept_node_access:
                yield row(traffic, "yes", opened, "newt's pod: connection; accepted by you")
            else:
                yield row(traffic, "no", opened, "newt's pod: connection")

    def _what_the_server_orders(self) -> Iterator[Row]:
        orders = [
            *(
                (one.name, f"{one.name}.{namespace_of(one)}", one.service_port)
                for one in NEIGHBOURS
            ),
            ("printer", self._address, PRINTER_PORT),
            ("router", self._address, ROUTER_PORT),
        ]
        numbered = list(enumerate(orders, FIRST_LISTENER))
        self._pangolin.expose(
            [Target(listen=listen, target=f"{host}:{port}") for listen, (_, host, port) in numbered]
        )
        before = [self._arrivals(name) for name, *_ in orders]
        # At once: a silent drop shows itself only by a time-out.
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(self._pangolin.fetch, [listen for listen, _ in numbered]))
        for (name, host, port), earlier, answer in zip(orders, before, answers, strict=True):
            expected = "yes" if name in LISTED else "no"
            arrived = self._arrivals(name) > earlier
            said = f"tunnel: {answer.get('status', 'no answer')}; {name}: " + (
                "connection logged" if arrived else "nothing in its log"
            )
            where = f"{name}: this machine :{port}" if host == self._address else f"{host}:{port}"
            yield row(where, expected, arrived or "status" in answer, said)

    def _arrivals(self, name: str) -> int:
        if name in ("printer", "router"):
            return len(self._log(name).arrivals())
        return self._guests.arrivals(name)

    def _clean_up(self, checkout: Checkout) -> None:
        """The stack, then every namespace; the second also where the first fails."""
        try:
            if checkout.stack_file.exists() and _run(checkout, "destroy") != 0:
                print("pulumi destroy failed: the stack goes with its namespaces")
        finally:
            self._guests.move_out(f"{PROJECT}/{STACK}")
            self._processes.end_all()


def _run(checkout: Checkout, command: str) -> int:
    """`pulumi up` or `pulumi destroy`, with the engine's own output."""
    argv = ["pulumi", command, "--stack", STACK, "--yes", "--skip-preview", "--color", "never"]
    timeout = DESTROY_SECONDS if command == "destroy" else None
    try:
        return subprocess.run(
            argv, env=checkout.environment, cwd=checkout.folder, timeout=timeout, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        return 1


def _address_towards(node: str) -> str:
    """By which address of its own this machine would speak to the node; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect((node, KUBELET_PORT))
        return str(route.getsockname()[0])


def _authority(folder: Path) -> Authority:
    """The same for a month: newt's image holds it, and is loaded by hand in some clusters."""
    if shutil.which("openssl") is None:
        raise LabError("openssl is missing: it makes the certificate of the demo's Pangolin")

    def make(out: Path) -> None:
        Authority(out).create()

    month = datetime.now(UTC).strftime("%Y-%m")
    shutil.copytree(cache.cached("demo-authority", [month], make), folder)
    return Authority(folder)
