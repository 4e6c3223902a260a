"""Namespaces, links and routes: the topology's table made real, with no uplink.

Both ends of every link are created inside namespaces of the lab, so that no interface of it is in
the machine's own namespace even for a moment. Owns nothing above addresses and routes.
"""

import json
import re
from collections.abc import Iterable
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from .commands import LabError, check
from .processes import start_time
from .topology import PLACES, ROUTER, SEGMENTS, Place

NAMESPACES = Path("/run/netns")
INTERFACE = "eth0"
NODES = (ROUTER, *PLACES)
# A prefix ends up in names that the kernel limits, and in a shell's command line.
PREFIX = re.compile(r"[a-z][a-z0-9]{0,7}")

ROUTER_SETTINGS = (
    "net.ipv4.ip_forward=1",
    "net.ipv6.conf.all.forwarding=1",
)


class Network:
    def __init__(self, prefix: str) -> None:
        if not PREFIX.fullmatch(prefix):
            raise LabError(
                f"NEWT_LAB={prefix!r} cannot name a lab: "
                "use one to eight small letters or digits, a letter first"
            )
        self.prefix = prefix

    def namespace(self, node: str) -> str:
        return f"{self.prefix}-{node}"

    def path(self, node: str) -> Path:
        return NAMESPACES / self.namespace(node)

    def create(self) -> None:
        check(["ip", "-batch", "-"], stdin=_lines(f"netns add {self.namespace(n)}" for n in NODES))
        self._ip(ROUTER, [*_router_commands()])
        self._settings(ROUTER, ROUTER_SETTINGS)
        for node in PLACES:
            self._plug_in(node)

    def recreate(self, node: str) -> None:
        """A new namespace in the place of the old one: no rule, route or connection survives."""
        # The kernel removes a namespace's links only some time after the namespace.
        self._ip(ROUTER, [f"link delete {node}"])
        check(["ip", "netns", "delete", self.namespace(node)])
        check(["ip", "netns", "add", self.namespace(node)])
        self._plug_in(node)

    def existing(self) -> list[str]:
        """The lab's namespaces that exist now, whatever left them behind."""
        return [self.namespace(node) for node in NODES if self.path(node).exists()]

    def delete(self) -> None:
        for name in self.existing():
            check(["ip", "netns", "delete", name])

    def inhabitants(self) -> dict[int, int]:
        """Pid and start time of every process inside: whoever stays keeps a namespace alive."""
        pids = [
            int(pid)
            for name in self.existing()
            for pid in check(["ip", "netns", "pids", name]).split()
        ]
        return {pid: started for pid in pids if (started := start_time(pid)) is not None}

    def verify_no_uplink(self) -> None:
        """Fails unless every way out of every namespace ends in another namespace of the lab."""
        ours = set(self.existing())
        for name in sorted(ours):
            peers = {
                peer["nsid"]: peer.get("name")
                for peer in _json(["ip", "-json", "-netns", name, "netns", "list-id"])
            }
            for link in _json(["ip", "-json", "-details", "-netns", name, "link", "show"]):
                kind = link.get("linkinfo", {}).get("info_kind")
                if link["ifname"] == "lo" or kind == "bridge":
                    continue
                if kind != "veth" or peers.get(link.get("link_netnsid")) not in ours:
                    raise LabError(
                        f"{link['ifname']} in {name} leads out of the lab ({kind}): "
                        "nothing may ever leave; run `python -m tests.lab down`"
                    )
        router = self.namespace(ROUTER)
        for family in ("-4", "-6"):
            if routes := check(["ip", family, "-netns", router, "route", "show", "default"]):
                raise LabError(f"the router has a default route ({routes.strip()}): it must not")

    def _plug_in(self, node: str) -> None:
        place = PLACES[node]
        near, far = self.namespace(node), self.namespace(ROUTER)
        check(
            [
                *("ip", "link", "add", INTERFACE, "address", _hardware(place), "netns", near),
                *("type", "veth", "peer", "name", node, "netns", far),
            ]
        )
        self._ip(ROUTER, [f"link set {node} master {place.segment} up"])
        self._settings(node, ["net.ipv6.conf.all.disable_ipv6=0"])
        self._ip(node, [*_place_commands(place)])

    def _ip(self, node: str, commands: list[str]) -> None:
        check(["ip", "-netns", self.namespace(node), "-batch", "-"], stdin=_lines(commands))

    def _settings(self, node: str, settings: Iterable[str]) -> None:
        check(["ip", "netns", "exec", self.namespace(node), "sysctl", "-qw", *settings])


def _router_commands() -> Iterable[str]:
    yield "link set lo up"
    for segment, addresses in SEGMENTS.items():
        yield f"link add {segment} type bridge forward_delay 0"
        yield f"link set {segment} up"
        for address in addresses:
            yield f"address add {address} dev {segment}{_no_wait(address)}"


def _place_commands(place: Place) -> Iterable[str]:
    yield "link set lo up"
    for address in place.addresses:
        yield f"address add {address} dev {INTERFACE}{_no_wait(address)}"
    yield f"link set {INTERFACE} up"
    for gateway in place.gateways:
        if any((":" in gateway) == (":" in address) for address in place.addresses):
            yield f"route add default via {gateway}"


def _hardware(place: Place) -> str:
    """A fixed hardware address, as a network card has: neighbours remember it over a reboot."""
    return "02:00:" + ip_interface(place.addresses[0]).ip.packed.hex(":")


def _no_wait(address: str) -> str:
    """Duplicate address detection would hold an IPv6 address back for more than a second."""
    return " nodad" if ":" in address else ""


def _lines(commands: Iterable[str]) -> str:
    return "".join(f"{command}\n" for command in commands)


def _json(argv: list[str]) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = json.loads(check(argv))
    return answer
