"""All attacks at once on whatever guards the NAS, and what became of each."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tests.attack.attacks import (
    ATTACKS,
    CONTAINER,
    EVERY,
    FOREIGN,
    LOCAL,
    NEIGHBOUR,
    NEIGHBOUR_PORT,
    NEWT_V6,
    SERVICE,
    WIRE,
    WORKSTATION,
    Attack,
)
from tests.attack.machines import docker_accepts
from tests.host.rig import BRIDGE, NAS, NEEDLE, PANGOLIN, PYTHON, Host, Wire
from tests.lab.registry import JELLYFIN as JELLYFIN_IMAGE
from tests.lab.registry import JELLYFIN_PORT

WEB_PORT = 5000
WATCHED = ("router", "gitea", "homeassistant", "printer", "postgres", "nas", "outsider")
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
    print(connection.getsockname()[1], flush=True)
    sys.stdin.read()
"""

# As `setpriv` takes them: what the stack leaves newt, and that with raw sockets given back.
NO_CAPABILITIES, NET_RAW = "-all", "-all,+net_raw"


@dataclass
class Outcome:
    """`answers` is what newt heard, `served` the tokens that each machine's services wrote down,
    `wires` what was tapped elsewhere."""

    answers: dict[str, str]
    served: dict[str, set[str]]
    wires: dict[str, Wire]

    def arrived(self, attack: Attack) -> bool:
        """Whether a packet of the attack reached its target, whatever newt heard of it."""
        if attack.shows == SERVICE:
            return token_of(attack) in self.served[attack.at]
        wire = self.wires[attack.at if attack.shows == CONTAINER else attack.shows]
        if token_of(attack) in wire.seen:
            return True
        # A SYN carries no token. Behind a published port it carries another address, too.
        carries_no_token = attack.kind == "tcp" and attack.shows != CONTAINER
        address = f"[{attack.address}]" if ":" in attack.address else attack.address
        return carries_no_token and f"{address}:{attack.port}" in wire.ports


def token_of(attack: Attack) -> str:
    return f"{NEEDLE}{EVERY.index(attack)}"


@contextlib.contextmanager
def neighbourhood(host: Host) -> Iterator[None]:
    """Another container, on a network of its own, that publishes a port."""
    publish = f"{NEIGHBOUR_PORT}:{JELLYFIN_PORT}"
    host.sh(
        f"docker network create --opt com.docker.network.bridge.name=br-{NEIGHBOUR} {NEIGHBOUR} && "
        f"docker run --detach --name {NEIGHBOUR} --network {NEIGHBOUR} --publish {publish} "
        f"{JELLYFIN_IMAGE}"
    )
    try:
        yield
    finally:
        host.sh(f"docker rm --force {NEIGHBOUR}; docker network rm {NEIGHBOUR}")


def attack_everything(
    host: Host,
    attacks: Sequence[Attack] = ATTACKS,
    capabilities: str = NET_RAW,
    more_facts: Mapping[str, str] = MappingProxyType({}),
) -> Outcome:
    """Fires the attacks from newt, which runs already, and gathers the evidence. `neighbourhood`
    has to be there."""
    _give_newt_addresses(host)
    logs = {name: host.lab.log(name) for name in WATCHED}
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(_somebody_elses_connection(host))
        wires = {
            WIRE: stack.enter_context(host.tapped()),
            LOCAL: stack.enter_context(host.nas_tapped()),
            **{
                name: stack.enter_context(host.container_tapped(name))
                for name in sorted({each.at for each in attacks if each.shows == CONTAINER})
            },
        }
        marks = {name: log.mark() for name, log in logs.items()}
        facts = {**_facts(host), "workstation_port": port, **more_facts}
        orders = [attack.order(token_of(attack), facts) for attack in attacks]
        answers = host.newt("fire", json.dumps(orders), capabilities=capabilities)
    served = {
        name: {
            token
            for entry in log.since(marks[name])
            for token in re.findall(rf"{NEEDLE}\d+", entry.text)
        }
        for name, log in logs.items()
    }
    return Outcome(answers, served, wires)


def _facts(host: Host) -> dict[str, str]:
    address = host.sh(f"ip -6 -o addr show dev {BRIDGE} scope link").split()[3]
    return {
        "link": address.split("/")[0],
        "bridge": host.sh(f"cat /sys/class/net/{BRIDGE}/address").strip(),
    }


def _give_newt_addresses(host: Host) -> None:
    """A foreign IPv4 address, and IPv6 with neighbours that need not be asked for: what raw
    sockets do by themselves."""
    facts = _facts(host)
    enter = " ".join(host.inside_newt())
    host.sh(
        f"""set -e
        sysctl -qw net.ipv6.conf.all.forwarding=1
        ip -6 route replace {NEWT_V6}/128 dev {BRIDGE}
        {enter} sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.eth0.accept_dad=0
        {enter} ip address replace {FOREIGN}/32 dev eth0
        {enter} ip -6 address replace {NEWT_V6}/128 dev eth0 nodad
        {enter} ip -6 neigh replace {facts["link"]} lladdr {facts["bridge"]} dev eth0 nud permanent
        {enter} ip -6 route replace default via {facts["link"]} dev eth0
        """
    )


@contextlib.contextmanager
def _somebody_elses_connection(host: Host) -> Iterator[str]:
    """The workstation talks to the NAS; gives its port."""
    with _talking(host, NAS, WEB_PORT) as port:
        yield port


@contextlib.contextmanager
def connected_through(host: Host) -> Iterator[dict[str, str]]:
    """The workstation talks to Pangolin, by way of the NAS; gives its port as a fact."""
    route = f"{PANGOLIN} via {NAS}".split()
    host.lab.workstation.run(["ip", "route", "add", *route])
    host.sh(f"iptables -I FORWARD -s {WORKSTATION} -j ACCEPT")
    try:
        with docker_accepts(host), _talking(host, PANGOLIN, 443) as port:
            yield {"through_port": port}
    finally:
        host.sh(f"iptables -D FORWARD -s {WORKSTATION} -j ACCEPT")
        host.lab.workstation.run(["ip", "route", "delete", *route])


@contextlib.contextmanager
def _talking(host: Host, address: str, port: int) -> Iterator[str]:
    command = [*PYTHON, "-c", CLIENT, address, str(port)]
    with host.lab.workstation.popen(command, stdin=subprocess.PIPE) as client:
        assert client.stdout
        assert client.stdin
        own = client.stdout.readline().strip()
        assert own, f"the workstation does not reach {address}:{port}"
        yield own
        client.stdin.close()
