"""Everything that could be sent to newt, and where from. The host is set up to let everything
through otherwise: somebody accepts all that goes to newt's bridge, and routes and neighbours are
known.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from tests.attack.attacks import NEWT_V6
from tests.attack.machines import docker_accepts
from tests.host.rig import BRIDGE, GITEA, NAS, NEEDLE, NEWT, Host

#: Untracked: addressed to this port, which the raw table takes out of conntrack's hands.
UNTRACKED_PORT = 7779


def _ways_in(own: str) -> dict[str, dict[str, object]]:
    """What a machine with the address `own` sends to newt."""
    raw = {"kind": "raw", "address": NEWT, "source": own, "port": 7777}
    return {
        "a UDP packet": {"kind": "udp", "address": NEWT, "port": 7777},
        "a TCP connection": raw | {"payload": "tcp-syn", "port": 7778},
        "a ping": {"kind": "ping", "address": NEWT},
        "an untracked packet": {"kind": "udp", "address": NEWT, "port": UNTRACKED_PORT},
        "a TCP packet out of nowhere": raw | {"payload": "tcp-ack"},
        "an invalid TCP packet": raw | {"payload": "tcp-invalid"},
        "an IPv6 packet": {"kind": "udp", "address": NEWT_V6, "port": 7777},
    }


WAYS = [
    *((f"{way} from the host", "nas", order) for way, order in _ways_in("172.30.0.1").items()),
    (
        "a broadcast from the host",
        "nas",
        {"kind": "udp", "address": "172.30.0.255", "port": 7777},
    ),
    *((f"{way} from the LAN", "gitea", order) for way, order in _ways_in(GITEA).items()),
]


@contextlib.contextmanager
def doors_open(host: Host) -> Iterator[None]:
    """Nothing but the cage keeps packets from newt, which runs already."""
    _open_every_other_door(host)
    try:
        with docker_accepts(host):
            yield
    finally:
        host.sh(
            # Docker 29 gives every container another MAC address: a permanent entry would outlive
            # this one and mislead the next.
            f"iptables -t raw -F; iptables -D FORWARD -o {BRIDGE} -j ACCEPT;"
            f" ip neigh del {NEWT} dev {BRIDGE}; ip -6 neigh del {NEWT_V6} dev {BRIDGE}",
            check=False,
        )


def ways_that_lead_in(host: Host) -> set[str]:
    """Which of the ways led to newt, as newt's own interface saw it."""
    with host.newt_tapped() as wire:
        for machine in ("nas", "gitea"):
            orders = [
                {"name": name, "token": f"{NEEDLE}{number}", **order}
                for number, (name, where, order) in enumerate(WAYS)
                if where == machine
            ]
            host.attacker(host.lab[machine], "fire", json.dumps(orders))
    return {name for number, (name, _, _) in enumerate(WAYS) if f"{NEEDLE}{number}" in wire.seen}


def _open_every_other_door(host: Host) -> None:
    enter = " ".join(host.inside_newt())
    first = 1 if host.lab.docker_engine.nftables else 2  # behind the jump to DOCKER-USER
    host.sh(
        f"""set -e
        iptables -I FORWARD {first} -o {BRIDGE} -j ACCEPT
        # Docker 28 and later drops there what comes to a container from elsewhere.
        iptables -t raw -F PREROUTING
        for chain in PREROUTING OUTPUT; do
            iptables -t raw -A $chain -d {NEWT} -p udp --dport {UNTRACKED_PORT} -j NOTRACK
        done
        sysctl -qw net.ipv6.conf.all.forwarding=1
        {enter} sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.eth0.accept_dad=0
        {enter} ip -6 address replace {NEWT_V6}/128 dev eth0 nodad
        mac=$({enter} ip -o link show eth0 | sed "s/.*ether \\([^ ]*\\).*/\\1/")
        ip neigh replace {NEWT} lladdr $mac dev {BRIDGE} nud permanent
        ip -6 neigh replace {NEWT_V6} lladdr $mac dev {BRIDGE} nud permanent
        ip -6 route replace {NEWT_V6}/128 dev {BRIDGE}
        """
    )
    for family, newt, via in (("-4", f"{NEWT}/32", NAS), ("-6", f"{NEWT_V6}/128", "fd10:1::10")):
        host.lab["gitea"].run(["ip", family, "route", "replace", newt, "via", via])
