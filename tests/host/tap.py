"""Counts what comes in at an interface, before any firewall of the machine it runs on sees it; or
what the machine's kernel takes for its own, after every firewall has seen it.

    python tap.py INTERFACE NEEDLE
    python tap.py local NEEDLE

Says `ready` when it listens, stops when its standard input ends, and prints as JSON how many frames
went to each address, to each address:port of TCP and UDP, alone and as "source > address:port",
when the last frame to each address:port came, which NEEDLE-and-number was seen in a frame, and how
many frames to each address carried one. Outgoing frames do not count.
"""

import json
import re
import select
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

ETH_P_ALL, ETHERTYPE_IPV4, ETHERTYPE_IPV6 = 3, 0x0800, 0x86DD
LOCAL = "local"
PROTOCOLS = (socket.IPPROTO_ICMP, 4, socket.IPPROTO_TCP, socket.IPPROTO_UDP, 47, 132)
PROTOCOLS_V6 = (socket.IPPROTO_ICMPV6, socket.IPPROTO_TCP, socket.IPPROTO_UDP)
SO_RCVBUFFORCE = 33  # not in Python's socket module
BUFFER = 16 << 20  # a flood must not be lost here: what is not seen would count as not sent


def target(frame: bytes) -> tuple[str, list[str]]:
    """The address that a frame goes to; and address:port, also with its source, if there is one."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    if kind in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
        return target_of_packet(frame[14:])
    return f"ethertype {kind:#06x}", []


def target_of_packet(packet: bytes) -> tuple[str, list[str]]:
    if packet[0] >> 4 == 6:
        source, address = (socket.inet_ntop(socket.AF_INET6, packet[n : n + 16]) for n in (8, 24))
        protocol, ports, written = packet[6], 42, f"[{address}]"
    else:
        source, address = (socket.inet_ntop(socket.AF_INET, packet[n : n + 4]) for n in (12, 16))
        protocol, ports, written = packet[9], (packet[0] & 0xF) * 4 + 2, address
    if protocol not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) or len(packet) < ports + 2:
        return address, []
    return address, ports_of(source, written, packet, ports)


def ports_of(source: str, address: str, data: bytes, place: int) -> list[str]:
    (port,) = struct.unpack_from("!H", data, place)
    return [f"{address}:{port}", f"{source} > {address}:{port}"]


def taps(interface: str) -> Iterator[socket.socket]:
    if interface == LOCAL:
        for protocol in PROTOCOLS:
            yield socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
        for protocol in PROTOCOLS_V6:
            tap = socket.socket(socket.AF_INET6, socket.SOCK_RAW, protocol)
            tap.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            yield tap
        return
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    tap.bind((interface, ETH_P_ALL))
    yield tap


def received(tap: socket.socket) -> bytes | None:
    """The next frame, or packet where the kernel took it for its own; None for an outgoing one."""
    if tap.family == socket.AF_PACKET:
        frame, origin = tap.recvfrom(65536)
        return None if origin[2] == socket.PACKET_OUTGOING else frame
    if tap.family == socket.AF_INET:
        return tap.recv(65536)
    # Of IPv6 the kernel gives what is behind the header, and where it went to beside it.
    data, [(_, _, information)], _, origin = tap.recvmsg(65536, socket.CMSG_SPACE(20))
    source = socket.inet_pton(socket.AF_INET6, origin[0].partition("%")[0])
    head = struct.pack("!IHBB", 6 << 28, len(data), tap.proto, 0)
    return head + source + information[:16] + data


def main() -> None:
    interface, needle = sys.argv[1:]
    pattern = re.compile(rb"%s\d+" % needle.encode())
    targets: Counter[str] = Counter()
    ports: Counter[str] = Counter()
    last: dict[str, float] = {}
    seen: set[str] = set()
    carried: Counter[str] = Counter()
    where = target_of_packet if interface == LOCAL else target
    listeners = list(taps(interface))
    for tap in listeners:
        tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        tap.setblocking(False)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    listening = True
    while listening:
        readable, _, _ = select.select([*listeners, sys.stdin], [], [])
        listening = sys.stdin not in readable
        for tap in listeners:
            with suppress(BlockingIOError):
                while True:
                    frame = received(tap)
                    if frame is None:
                        continue
                    address, found_ports = where(frame)
                    targets[address] += 1
                    ports.update(found_ports)
                    last.update(dict.fromkeys(found_ports, time.time()))
                    if found := pattern.findall(frame):
                        seen.update(token.decode() for token in found)
                        carried[address] += 1
    counts = {"targets": targets, "ports": ports, "last": last, "carried": carried}
    json.dump({**counts, "seen": sorted(seen)}, sys.stdout)


if __name__ == "__main__":
    main()
