"""The flood in a cluster.

newt's pod is a program that does nothing else from its first instruction (`pod flood`), so it goes
on wherever Kubernetes starts newt again. Sent packets are counted on the node, at the other end of
the pod's interface; arrivals at the pod that is forbidden, on the wire behind the node, and in what
the node's kernel takes for its own.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.attack.cluster import GRAFANA, NODE, Pod, inside
from tests.faults.flood import PORT, PPS, SECONDS, Flood, measured
from tests.host.rig import OUTSIDER, POSTGRES, tap
from tests.lab import Lab
from tests.lab.machine import Machine

THE_NODE = "the node"
COMMAND = ("/usr/bin/pod", "flood")

#: Where the cluster's other pods are, by their names.
Pods = Mapping[str, Pod]


def targets(pods: Pods) -> dict[str, str]:
    """Who is flooded, and at which address: a pod of another namespace, a machine on the LAN, one
    outside, and the node."""
    addresses = {"postgres": POSTGRES, "outsider": OUTSIDER, THE_NODE: NODE}
    return {GRAFANA: pods[GRAFANA].ipv4, **addresses}


def arguments(pods: Pods) -> list[str]:
    """What a pod of the lab's program is told, to flood them."""
    doors = [f"{address}:{PORT}" for address in targets(pods).values()]
    return [COMMAND[1], str(SECONDS), str(PPS), *doors]


@contextlib.contextmanager
def flooded(lab: Lab, node: Machine, pods: Pods) -> Iterator[Flood]:
    """A pod on the node floods already, or will; looks at what arrives during the block."""
    flood = Flood()
    with (
        tap(lab["router"], (), node.name) as wire,
        tap(node, (), "local") as local,
        tap(node, inside(pods[GRAFANA]), "eth0") as pod,
        measured(flood, Programs(node).sent),
    ):
        yield flood
    for (name, address), where in itertools.product(targets(pods).items(), (wire, local, pod)):
        flood.seen(name, address, where)


def plugs(node: Machine) -> set[str]:
    """The ends of the pods' networks that are on the node."""
    return {each.name for each in _interfaces(node).glob("lxc*")}


class Programs:
    """The programs on a node that flood, known by their process ids there."""

    def __init__(self, node: Machine) -> None:
        self._processes = Path(f"/proc/{node.init_pid()}/root/proc")
        self._interfaces = _interfaces(node)
        self._started: dict[str, tuple[Path, int]] = {}

    def sent(self) -> dict[str, int]:
        """How many packets came out of the pod of each since it was seen first."""
        sent = {}
        for pid in self.running():
            with contextlib.suppress(OSError, StopIteration):  # it or its pod is just going
                if pid not in self._started:
                    counter = self._interfaces / self.interface(pid) / "statistics/rx_packets"
                    self._started[pid] = counter, int(counter.read_text())
                counter, before = self._started[pid]
                sent[pid] = int(counter.read_text()) - before
        return sent

    def interface(self, pid: str) -> str:
        """The node's end of the network of a program's pod."""
        other_end = (self._processes / pid / "root/sys/class/net/eth0/iflink").read_text()
        return next(
            each.name
            for each in self._interfaces.iterdir()
            if (each / "ifindex").read_text() == other_end
        )

    def running(self) -> list[str]:
        return [process.name for process in self._processes.glob("[0-9]*") if _floods(process)]


def _floods(process: Path) -> bool:
    with contextlib.suppress(OSError):  # it ended meanwhile
        words = (process / "cmdline").read_bytes().split(b"\0")
        return tuple(word.decode(errors="replace") for word in words[:2]) == COMMAND
    return False


def _interfaces(node: Machine) -> Path:
    return Path(f"/proc/{node.init_pid()}/root/sys/class/net")
