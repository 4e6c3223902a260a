"""All attacks at once on whatever guards the NAS, and what became of each."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from tests.host.attacks import (
    ANSWER,
    ATTACKS,
    CONTAINER,
    FOREIGN,
    NEWT_V6,
    SERVICE,
    Attack,
)
from tests.host.rig import BRIDGE, NAS, NEEDLE, PYTHON, Host, Wire

WATCHED = ("router", "gitea", "homeassistant", "printer", "postgres", "nas", "outsider")
ANSWERED = ("reply from", "SSH-", "Connection refused")
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], 5000)) as connection:
    print(connection.getsockname()[1], flush=True)
    sys.stdin.read()
"""


@dataclass
class Outcome:
    """`answers` is what newt heard, `served` the tokens that each machine's services wrote down."""

    answers: dict[str, str]
    served: dict[str, set[str]]
    wire: Wire
    container_log: str

    def arrived(self, attack: Attack) -> bool:
        if attack.shows == SERVICE:
            return token_of(attack) in self.served[attack.at]
        if attack.shows == CONTAINER:
            return bool(self.container_log)
        if attack.shows == ANSWER:
            return any(word in self.answers[attack.name] for word in ANSWERED)
        if attack.kind == "tcp":  # a SYN carries no token
            return attack.address in self.wire.targets
        return token_of(attack) in self.wire.seen


def token_of(attack: Attack) -> str:
    return f"{NEEDLE}{ATTACKS.index(attack)}"


def attack_everything(host: Host) -> Outcome:
    """Fires all attacks from newt, which runs already, and gathers the evidence."""
    _give_newt_addresses(host)
    logs = {name: host.lab.log(name) for name in WATCHED}
    before = _container_log(host)
    with _somebody_elses_connection(host) as port, host.tapped() as wire:
        marks = {name: log.mark() for name, log in logs.items()}
        facts = _facts(host) | {"workstation_port": port}
        orders = [attack.order(token_of(attack), facts) for attack in ATTACKS]
        answers = host.newt("fire", json.dumps(orders))
    served = {
        name: {
            token
            for entry in log.since(marks[name])
            for token in re.findall(rf"{NEEDLE}\d+", entry.text)
        }
        for name, log in logs.items()
    }
    return Outcome(answers, served, wire, _container_log(host).removeprefix(before))


def _container_log(host: Host) -> str:
    return host.sh("docker logs jellyfin")


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
    command = [*PYTHON, "-c", CLIENT, NAS]
    with host.lab.workstation.popen(command, stdin=subprocess.PIPE) as client:
        assert client.stdout
        assert client.stdin
        yield client.stdout.readline().strip()
        client.stdin.close()
