"""A Docker host reduced to its kernel: newt's bridge, the way to the world, and the rules.

Three namespaces without an uplink, newt - host - world, and a socket on each end, all held by this
process: a packet costs microseconds, so that thousands can be tried. Neither newt nor the world has
an address, so nobody answers. Docker and the program that loads the rules on a real host are left
out: the lab's tests have them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from newt_tunnel.egress import iptables, nftables
from newt_tunnel.egress.cage import Cage, Firewall, Hook
from newt_tunnel.egress.decide_packet import Resolution
from newt_tunnel.egress.placeholders import expand
from newt_tunnel.egress.rules import Policy
from tests.attack.packets import TOKEN
from tests.attack.shots import HOST_V6, NEWT_V6, Sent, Side
from tests.host.rig import INSTANCE
from tests.lab.commands import check

#: A port that another container publishes, and where Docker sends it.
PUBLISHED_PORT = 8000
CONTAINER = "172.17.0.2:8096"
NEIGHBOURS = ("172.30.0.9", "172.30.0.11", "172.30.0.99")

_NEWT_MAC, _BRIDGE_MAC = "02:00:ac:1e:00:0a", "02:00:ac:1e:00:01"
_HOST_MAC, _WORLD_MAC = "02:00:0a:00:01:0a", "02:00:0a:00:01:01"
_SETTINGS = """
    net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_echo_ignore_all=1
    net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    net.ipv4.icmp_ratelimit=0
"""
# Conntrack is at work as on any Docker host (a port is published); nobody's kernel answers a shot.
_OWN_RULES = f"""
table inet bench {{
    chain untracked {{
        type filter hook prerouting priority raw; policy accept;
        ip dscp 1 notrack
    }}
    chain silent {{
        type filter hook output priority -310; policy accept;
        ip dscp 1 notrack
        tcp flags & rst == rst drop
        icmp type destination-unreachable icmp code {{ 0, 1, 2, 3 }} drop
    }}
}}
table ip bench_nat {{
    chain published {{
        type nat hook prerouting priority dstnat; policy accept;
        ip daddr %(host)s tcp dport {PUBLISHED_PORT} dnat to {CONTAINER}
    }}
}}
"""
_FREE = "*mangle\nCOMMIT\n*filter\nCOMMIT\n"
_CLONE_NEWNET = 0x40000000
_ETH_P_ALL, _ETHERTYPE_TEST = 3, 0x88B5
_SO_RCVBUFFORCE = 33
_RECEIVED_AT_HOST = {
    socket.AF_INET: (1, 6, 17, 47, 132, 253),
    socket.AF_INET6: (6, 17, 58),
}
_IPCTNL_MSG_CT_DELETE = 1 << 8 | 2
_NETLINK_NETFILTER = 12
_PATIENCE = 20.0
#: A packet crosses at most this many queues; each round of tests passes one of them.
_ROUNDS = 4

Arrived = Counter[tuple[str, int, Side]]


class Bench:
    """``with Bench("attack") as bench``; a bench of the same name that a crash left is removed."""

    def __init__(self, prefix: str, cage: Cage) -> None:
        self._names = {side: f"{prefix}-bench-{side.value}" for side in Side}
        self._cage = cage
        self._held = contextlib.ExitStack()
        self._received: list[tuple[Side, socket.socket]] = []

    def __enter__(self) -> Bench:
        self._remove()
        try:
            self._build()
            self._open_sockets()
            self._wait_for_links()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        self._remove()

    # --- rules ------------------------------------------------------------------------------------

    def load(self, policy: Policy, cage: Cage, resolution: Resolution, tool: str) -> None:
        """Puts the rules of ``policy`` in force; ``tool`` is "nft", "iptables-nft" or
        "iptables-legacy"."""
        if cage.firewall is Firewall.NFTABLES:
            self._on_host([tool, "-f", "-"], _expanded(nftables.render(policy, cage), resolution))
            return
        ruleset = iptables.render(policy, cage)
        docker = ":DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n"
        jumps4 = (docker if cage.hook is Hook.DOCKER_USER else "") + _insertions(ruleset.jumps4)
        rules4 = _expanded(ruleset.rules4, resolution)
        self._on_host([f"{tool}-restore"], _with_jumps(rules4, jumps4))
        self._on_host(
            [f"{tool.replace('ip', 'ip6', 1)}-restore"],
            _with_jumps(ruleset.rules6, _insertions(ruleset.jumps6)),
        )

    def unload(self, tool: str) -> None:
        """The host without rules, as before ``load`` with the same tool."""
        if tool == "nft":
            table = f"table inet {INSTANCE.table}"
            self._on_host(["nft", f"{table}; delete {table}"])
            return
        self._on_host([f"{tool}-restore"], _FREE)
        self._on_host([f"{tool.replace('ip', 'ip6', 1)}-restore"], _FREE)

    def forget(self) -> None:
        """Conntrack knows no connection any more."""
        flush = struct.pack("=IHHII", 20, _IPCTNL_MSG_CT_DELETE, 5, 0, 0) + b"\0" * 4
        self._conntrack.send(flush)
        (error,) = struct.unpack_from("=i", self._conntrack.recv(4096), 16)
        if error:
            raise OSError(-error, "the kernel does not forget its connections")

    # --- packets ----------------------------------------------------------------------------------

    def send(self, packets: Iterable[Sent]) -> Arrived:
        """Sends everything in order; returns how often each token arrived, and where."""
        for packet in packets:
            with contextlib.suppress(PermissionError):  # what a rule in OUTPUT says of a drop
                self._send(packet)
        arrived: Arrived = Counter()
        for _ in range(_ROUNDS):
            self._settle(arrived)
        return arrived

    def _send(self, packet: Sent) -> None:
        version = packet.data[0] >> 4
        if packet.side is Side.HOST:
            if version == 4:
                target = socket.inet_ntop(socket.AF_INET, packet.data[16:20])
            else:
                target = socket.inet_ntop(socket.AF_INET6, packet.data[24:40])
            self._host[version].sendto(packet.data, (target, 0))
        else:
            kind = 0x0800 if version == 4 else 0x86DD
            head = self._head[packet.side] + struct.pack("!H", kind)
            self._wire[packet.side].send(head + packet.data)

    def _settle(self, arrived: Arrived) -> None:
        """Returns when whatever was sent before has moved on by one queue at least."""
        for side in self._sentinels:
            self._pass_sentinel(side)
        for side, receiver in self._received:
            with contextlib.suppress(BlockingIOError):
                while True:
                    frame, origin = receiver.recvfrom(4096)
                    if receiver.family == socket.AF_PACKET and origin[2] == socket.PACKET_OUTGOING:
                        continue
                    for kind, number in set(TOKEN.findall(frame)):
                        arrived[kind.decode(), int(number), side] += 1

    def _pass_sentinel(self, side: Side, patience: float = _PATIENCE) -> None:
        """TimeoutError when the host has not seen it in time."""
        self._wire[side].send(self._head[side] + struct.pack("!H", _ETHERTYPE_TEST) + bytes(50))
        self._sentinels[side].settimeout(patience)
        self._sentinels[side].recv(100)

    # --- building ---------------------------------------------------------------------------------

    def _build(self) -> None:
        newt, host, world = (self._names[side] for side in (Side.NEWT, Side.HOST, Side.WORLD))
        added = "".join(f"netns add {name}\n" for name in self._names.values())
        check(["ip", "-batch", "-"], stdin=added)
        for name in self._names.values():
            check(["ip", "netns", "exec", name, "sysctl", "-qw", *_SETTINGS.split()])
        cage = self._cage
        self._ip(
            newt,
            f"link add eth0 address {_NEWT_MAC} type veth peer name plug netns {host}",
            "link set lo up",
            "link set eth0 up",
        )
        self._ip(
            world,
            f"link add eth0 address {_WORLD_MAC} type veth "
            f"peer name eth0 address {_HOST_MAC} netns {host}",
            "link set eth0 up",
        )
        subnet = cage.subnet.prefixlen
        self._ip(
            host,
            "link set lo up",
            f"link add {cage.bridge} address {_BRIDGE_MAC} type bridge forward_delay 0",
            f"link set plug master {cage.bridge} up",
            f"link set {cage.bridge} up",
            "link set eth0 up",
            f"address add {cage.gateway}/{subnet} dev {cage.bridge}",
            f"address add {cage.host}/32 dev eth0",
            f"address add {HOST_V6}/128 dev eth0 nodad",
            "route add default via 10.0.1.1 dev eth0 onlink",
            "route add ::/0 via fe80::1 dev eth0",
            f"route add {NEWT_V6}/128 dev {cage.bridge}",
            f"neigh add 10.0.1.1 lladdr {_WORLD_MAC} dev eth0 nud permanent",
            f"neigh add fe80::1 lladdr {_WORLD_MAC} dev eth0 nud permanent",
            *(
                f"neigh add {address} lladdr {_NEWT_MAC} dev {cage.bridge} nud permanent"
                for address in (cage.newt, NEWT_V6, *NEIGHBOURS)
            ),
        )
        self._on_host(["nft", "-f", "-"], _OWN_RULES % {"host": cage.host})

    def _open_sockets(self) -> None:
        # One processor handles all packets, so that they stay in order: see `_settle`.
        before = os.sched_getaffinity(0)
        self._held.callback(os.sched_setaffinity, 0, before)
        os.sched_setaffinity(0, {random.choice(sorted(before))})
        self._wire: dict[Side, socket.socket] = {}
        self._sentinels: dict[Side, socket.socket] = {}
        with self._inside(Side.HOST):
            bridge = self._cage.bridge
            self._sentinels = {
                Side.NEWT: self._tap(bridge, _ETHERTYPE_TEST),
                Side.WORLD: self._tap("eth0", _ETHERTYPE_TEST),
            }
            self._host = {
                4: self._socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
                6: self._socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW),
            }
            self._host[4].setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            for family, protocols in _RECEIVED_AT_HOST.items():
                for protocol in protocols:
                    receiver = self._socket(family, socket.SOCK_RAW, protocol)
                    receiver.setblocking(False)
                    self._received.append((Side.HOST, receiver))
            self._conntrack = self._socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        for side in (Side.NEWT, Side.WORLD):
            with self._inside(side):
                self._wire[side] = self._tap("eth0", _ETH_P_ALL)
                self._wire[side].setblocking(False)
                self._received.append((side, self._wire[side]))
        self._head = {
            Side.NEWT: _mac(_BRIDGE_MAC) + _mac(_NEWT_MAC),
            Side.WORLD: _mac(_HOST_MAC) + _mac(_WORLD_MAC),
        }

    def _wait_for_links(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        for side in self._sentinels:
            while True:
                try:
                    self._pass_sentinel(side, patience=0.05)
                    break
                except TimeoutError:
                    if time.monotonic() > deadline:
                        raise

    def _tap(self, interface: str, kind: int) -> socket.socket:
        tap = self._socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)
        tap.bind((interface, kind))
        return tap

    def _socket(self, family: int, kind: int, protocol: int) -> socket.socket:
        return self._held.enter_context(socket.socket(family, kind, protocol))

    @contextlib.contextmanager
    def _inside(self, side: Side) -> Iterator[None]:
        """A socket belongs to the namespace in which it was opened, whoever uses it."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(Path("/run/netns") / self._names[side], os.O_RDONLY)
        try:
            _setns(there)
            yield
        finally:
            _setns(home)
            os.close(home)
            os.close(there)

    def _on_host(self, command: list[str], stdin: str = "") -> None:
        path = f"--net=/run/netns/{self._names[Side.HOST]}"
        check(["nsenter", path, "--", *command], stdin=stdin)

    def _ip(self, namespace: str, *commands: str) -> None:
        check(
            ["ip", "-netns", namespace, "-batch", "-"],
            stdin="".join(f"{command}\n" for command in commands),
        )

    def _remove(self) -> None:
        for name in self._names.values():
            if (Path("/run/netns") / name).exists():
                check(["ip", "netns", "delete", name])


def _expanded(text: str, resolution: Resolution) -> str:
    return "".join(f"{line}\n" for line in expand(text.splitlines(), resolution))


def _insertions(jumps: Iterable[iptables.Jump]) -> str:
    return "".join(f"-I {jump}\n" for jump in jumps)


def _with_jumps(rules: str, jumps: str) -> str:
    return rules.removesuffix("COMMIT\n") + jumps + "COMMIT\n"


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _setns(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
