"""A second newt on the NAS, of another stack: its own list, network, bridge and container."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from newt_tunnel.docker_host.docker_names import DockerNames
from newt_tunnel.docker_host.payload import Declaration
from newt_tunnel.egress.instance import Instance
from newt_tunnel.egress.rules import Rule
from tests.host.rig import ATTACKER, IMAGE, LABEL, Host, declare, rule

INSTANCE = Instance("home-two")
NAMES = DockerNames.of(INSTANCE.name)
OWNER = "newt-tunnel/home-two"
BRIDGE, NEWT, SUBNET = "br-home-two", "172.30.1.10", "172.30.1.0/24"
#: What this newt may reach, and the first one may not.
PRINTER = rule("printer", "10.0.1.200", 631)


def declare_second(*more: Rule, **rest: Any) -> Declaration:
    """Its list has the printer and lacks gitea."""
    return declare(
        PRINTER,
        *more,
        **{
            "owner": OWNER,
            "without": "gitea",
            "names": NAMES,
            "instance": INSTANCE,
            "bridge": BRIDGE,
            "subnet": IPv4Network(SUBNET),
            "gateway": IPv4Address("172.30.1.1"),
            "newt": IPv4Address(NEWT),
            **rest,
        },
    )


def create_network(host: Host) -> None:
    host.sh(
        f"docker network create --label {LABEL}={OWNER} --subnet {SUBNET} "
        f"--opt com.docker.network.bridge.name={BRIDGE} "
        f"--opt com.docker.network.bridge.enable_icc=false {NAMES.network}"
    )


def start_flooding(host: Host, targets: str, port: int, seconds: int = 120) -> None:
    """Its container, which floods as soon as it runs."""
    folders = [f"--volume={folder}:{folder}:ro" for folder in ("/usr", "/lib", "/lib64")]
    flood = ["-c", ATTACKER, "flood", targets, str(port), str(seconds), "2000", NEWT]
    host.sh(
        f"docker run --detach --name {NAMES.container} --label {LABEL}={OWNER} "
        f"--network {NAMES.network} --ip {NEWT} --stop-signal KILL "
        f"{shlex.join(folders)} --entrypoint python3 {IMAGE} {shlex.join(flood)}"
    )


def answers(host: Host, address: str, port: int) -> str:
    """What it hears from a TCP service."""
    order = {"name": "0", "kind": "tcp", "address": address, "port": port, "token": "dial"}
    enter = host.inside(NAMES.container)
    heard: str = host.attacker(host.nas, "fire", json.dumps([order]), enter=enter)["0"]
    return heard


def end(host: Host) -> None:
    """As `pulumi destroy` does it: newt first."""
    host.sh(f"docker rm --force {NAMES.container}; docker network rm {NAMES.network}", check=False)
    host.sh(f"newt-egress --instance {INSTANCE.name} remove", check=False)


@contextlib.contextmanager
def beside(host: Host, arrangement: str, *may_reach: Rule) -> Iterator[None]:
    """Its cage is deployed, changed, held and released beside the first one, and destroyed at the
    end. Without a network: to create one is a fault of its own.
    """
    try:
        host.apply(declare_second(*may_reach, forbidden=(), arrangement=arrangement))
        more = (*may_reach, rule("more", "192.0.2.9", 9))
        host.apply(declare_second(*more, forbidden=(), arrangement=arrangement))
        for command in ("refresh", "hold", "release"):
            host.egress("--instance", INSTANCE.name, command)
        yield
    finally:
        end(host)
