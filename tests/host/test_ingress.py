"""Nothing reaches newt but replies: from the host, from the LAN, whatever conntrack thinks of it.

The host is set up to let everything through otherwise: somebody accepts all that goes to newt's
bridge, and routes and neighbours are known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.host.attacks import NEWT_V6
from tests.host.rig import (
    ARRANGEMENTS,
    BRIDGE,
    GITEA,
    NAS,
    NEEDLE,
    NEWT,
    OUTSIDER,
    Host,
    declare,
    rule,
)

pytestmark = pytest.mark.lab

FREE = "free"
GITEA_V6 = "fd10:1::50"
#: Untracked: addressed to this port, which the raw table takes out of conntrack's hands.
UNTRACKED_PORT = 7779
SMALL_MTU = 1300
UPLOAD = 500_000


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


@pytest.fixture(scope="module", params=[FREE, *ARRANGEMENTS])
def arrangement(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def besieged(nas: Host, arrangement: str) -> Iterator[Host]:
    if arrangement != FREE:
        nas.apply(declare(rule("outsider", OUTSIDER, 443), arrangement=arrangement))
    nas.create_network()
    nas.start_newt()
    _open_every_other_door(nas)
    yield nas
    nas.reset()
    nas.sh("iptables -t raw -F; iptables -D FORWARD 2", check=False)


def _open_every_other_door(host: Host) -> None:
    enter = " ".join(host.inside_newt())
    host.sh(
        f"""set -e
        iptables -I FORWARD 2 -o {BRIDGE} -j ACCEPT # behind the jump to DOCKER-USER
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


@pytest.fixture(scope="module")
def seen(besieged: Host) -> set[str]:
    """Which of the ways led to newt, as newt's own interface saw it."""
    with besieged.newt_tapped() as wire:
        for machine in ("nas", "gitea"):
            orders = [
                {"name": name, "token": f"{NEEDLE}{number}", **order}
                for number, (name, where, order) in enumerate(WAYS)
                if where == machine
            ]
            besieged.attacker(besieged.lab[machine], "fire", json.dumps(orders))
    return {name for number, (name, _, _) in enumerate(WAYS) if f"{NEEDLE}{number}" in wire.seen}


@pytest.mark.parametrize("way", [name for name, _, _ in WAYS])
def test_a_way_in_leads_to_a_free_newt_and_to_no_other(
    arrangement: str, seen: set[str], way: str
) -> None:
    if arrangement == FREE:
        assert way in seen, "a blank: this does not even reach a newt without a cage"
    else:
        assert way not in seen


def test_path_mtu_discovery_reaches_newt_and_a_large_transfer_completes(
    besieged: Host,
) -> None:
    router, mark = besieged.lab["router"], besieged.lab.log("outsider").mark()
    router.run(["ip", "link", "set", "wan", "mtu", str(SMALL_MTU)])
    try:
        besieged.newt("upload", OUTSIDER, "443", str(UPLOAD))
    finally:
        router.run(["ip", "link", "set", "wan", "mtu", "1500"])

    received = [entry.bytes for entry in besieged.lab.log("outsider").since(mark)]
    assert sum(received) >= UPLOAD
    known = besieged.nas.run([*besieged.inside_newt(), "ip", "route", "get", OUTSIDER]).stdout
    assert f"mtu {SMALL_MTU}" in known, "no packet was too large: this showed nothing"


def test_replies_reach_newt(besieged: Host) -> None:
    order = {"name": "ask", "kind": "udp", "address": GITEA, "port": 3000, "token": "anybody?"}

    with besieged.newt_tapped() as wire:
        answers = besieged.newt("fire", json.dumps([order]))

    assert answers == {"ask": "anybody?"}
    assert wire.targets.get(NEWT) == 1
