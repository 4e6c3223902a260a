"""Pangolin Cloud in the lab: the documented names, in the lab's own zone, with dummy nodes behind
them. One machine plays the dashboard and all nodes, at an address each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from newt_tunnel.settings.pangolin_cloud import CLOUD
from tests.demo.table import Row, row
from tests.deployment import Deployment
from tests.lab import Lab
from tests.lab.server import TunnelEnd
from tests.lab.topology import PANGOLIN_ADDRESS

#: Where the lab has each node.
NODES: Mapping[str, str] = {name: f"203.0.113.{last}" for last, name in enumerate(CLOUD.nodes, 21)}
#: A node that the server offers, and that nobody listed.
UNLISTED = "203.0.113.99"
HEAVIEST, NEXT = "earth.pop.pangolin.net", "mars.pop.pangolin.net"
#: newt notices within seconds that its node is gone.
QUICK = {"PING_INTERVAL": "2s", "PING_TIMEOUT": "1s"}
MOVE_SECONDS = 180
POLL = 0.5


def host(lab: Lab) -> None:
    """The names lead to the lab's addresses, and newt is offered every node."""
    lab.dns.replace(
        {
            **lab.dns.zone(),
            CLOUD.endpoint: (PANGOLIN_ADDRESS,),
            **{name: (address,) for name, address in NODES.items()},
        }
    )
    for address in (*NODES.values(), UNLISTED):
        lab.pangolin.open_node(address)
    lab.pangolin.offer(ends())


def unhost(lab: Lab) -> None:
    lab.pangolin.offer([])
    for address in (*NODES.values(), UNLISTED):
        lab.pangolin.open_node(address)  # it may be closed
        lab.pangolin.close_node(address)
    lab.dns.reset()


def ends(**heavier: float) -> list[TunnelEnd]:
    """All nodes; ``ends(mars=9)`` makes one heavier."""
    weights = {HEAVIEST: 3.0, NEXT: 2.0}
    weights |= {f"{name}.pop.pangolin.net": weight for name, weight in heavier.items()}
    return [
        TunnelEnd(name=name.partition(".")[0], endpoint=name, weight=weights.get(name, 1.0))
        for name in NODES
    ]


def configure(made: Deployment) -> None:
    """The stack of a user of Pangolin Cloud."""
    made.edit(pangolin="cloud", newt={"environment": QUICK})


def measure(made: Deployment) -> Iterator[Row]:
    """What is hosted, with the server's own word on it, after newt has its tunnel."""
    lab = made.lab
    yield row(f"{CLOUD.endpoint}:443", "yes", lab.pangolin.connected(), "Pangolin: web socket")
    asked = [name for name, address in NODES.items() if address in pinged(lab)]
    said = f"Pangolin: pings at {len(asked)} of {len(NODES)} nodes"
    yield row("every node of the cloud, port 80", "yes", len(asked) == len(NODES), said)
    there = within(lambda: has_tunnel(lab, HEAVIEST))
    yield row(f"the tunnel at {HEAVIEST}", "yes", there, "Pangolin: tunnel and ping")
    lab.pangolin.offer([*ends(), TunnelEnd(name="new", endpoint=UNLISTED, weight=9.0)])
    failed = within(lambda: is_reported(lab, UNLISTED) and has_tunnel(lab, HEAVIEST))
    arrived = UNLISTED in pinged(lab) or not failed
    yield row(f"a node that is not listed: {UNLISTED}", "no", arrived, "Pangolin: no ping there")
    lab.pangolin.close_node(NODES[HEAVIEST])
    moved = within(lambda: has_tunnel(lab, NEXT))
    yield row(f"{NEXT}, after {HEAVIEST.partition('.')[0]} died", "yes", moved, "Pangolin: tunnel")


def pinged(lab: Lab) -> set[str]:
    """The addresses at which newt asked for `/ping` since the lab came up."""
    events = lab.pangolin.events()
    return {event["at"].partition(":")[0] for event in events if event["event"] == "pinged"}


def has_tunnel(lab: Lab, node: str) -> bool:
    """Whether newt's tunnel ends at the node, and newt's pings come out of it."""
    status = lab.pangolin.status()
    return status.get("node") == node and bool(status["tunnel"]["up"])


def is_reported(lab: Lab, endpoint: str) -> bool:
    """Whether newt's last measurement has the node."""
    return any(ping["endpoint"] == endpoint for ping in lab.pangolin.status()["pings"])


def within(condition: Callable[[], bool], seconds: float = MOVE_SECONDS) -> bool:
    """Whether it comes about in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True
