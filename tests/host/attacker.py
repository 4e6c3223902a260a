"""What code inside newt could try, as a program for newt's own network namespace.

    python attacker.py fire ATTACKS    each attack once, all at the same time; ATTACKS is JSON
    python attacker.py flood ADDRESSES PORT SECONDS PPS [OWN]    UDP and TCP SYN packets, half and
                                                           half; ADDRESSES are split by commas
    python attacker.py talk PROTOCOL ADDRESS PORT SECONDS    a line now and again, one connection
    python attacker.py upload ADDRESS PORT BYTES    over one TCP connection
    python attacker.py answer PORT SECONDS    a line now and again to whoever sends a UDP packet

Prints what came back as JSON. Whether anything arrived is not for this side to say: that is read
from the targets' logs and from the wire. Nothing but the standard library, no import from the
tests, because it travels as text.
"""

import json
import socket
import struct
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

PATIENCE = 0.8  # an answer in the lab takes a millisecond
ICMP_ECHO, ICMP_ECHO_REPLY, ICMP_UNREACHABLE, FRAGMENTATION_NEEDED = 8, 0, 3, 4
ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN = 0x0800, 0x86DD, 0x8100
FLOOD = b"attack-0"  # in every packet of a flood, so that a tap knows them from answers to others
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
TCP_FLAGS = {
    "tcp-syn": SYN,
    "tcp-ack": ACK,
    "tcp-syn-ack": SYN | ACK,
    "tcp-rst": RST,
    "tcp-invalid": SYN | FIN,
}
OWN_PORT = 40000
FLOOD_PORTS = range(20000, 20500)
MORE_FRAGMENTS = 0x2000
TALK_PAUSE = 0.01


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source: str, target: str, protocol: int, payload: bytes, place: int = 0) -> bytes:
    """`place` is what the header says of a fragment: flags and offset."""

    def header(check: int) -> bytes:
        length = 20 + len(payload)
        ends = socket.inet_aton(source) + socket.inet_aton(target)
        return struct.pack("!BBHHHBBH", 0x45, 0, length, 4711, place, 64, protocol, check) + ends

    return header(checksum(header(0))) + payload


def pieces(source: str, target: str, protocol: int, payload: bytes, size: int) -> list[bytes]:
    """The packet in fragments of `size` bytes each, a multiple of eight."""
    return [
        ipv4(
            *(source, target, protocol, payload[start : start + size]),
            place=start // 8 | (MORE_FRAGMENTS if start + size < len(payload) else 0),
        )
        for start in range(0, len(payload), size)
    ]


def udp_segment(port: int, payload: bytes, own: int = OWN_PORT) -> bytes:
    return struct.pack("!HHHH", own, port, 8 + len(payload), 0) + payload


def tcp_segment(source: str, target: str, own: int, port: int, flags: int, data: bytes) -> bytes:
    def header(check: int) -> bytes:
        return struct.pack("!HHIIBBHHH", own, port, 1, 1, 5 << 4, flags, 8192, check, 0)

    ends = socket.inet_aton(source) + socket.inet_aton(target)
    pseudo = ends + struct.pack("!BBH", 0, socket.IPPROTO_TCP, 20 + len(data))
    return header(checksum(pseudo + header(0) + data)) + data


def icmp(kind: int, code: int, rest: int, payload: bytes) -> bytes:
    check = checksum(struct.pack("!BBHI", kind, code, 0, rest) + payload)
    return struct.pack("!BBHI", kind, code, check, rest) + payload


def tcp(attack: dict[str, Any], token: bytes) -> str:
    bind = (attack["source"], 0) if "source" in attack else None
    target = (attack["address"], attack["port"])
    with socket.create_connection(target, PATIENCE, source_address=bind) as connection:
        connection.sendall(b"GET /" + token + b" HTTP/1.0\r\n\r\n")
        return connection.recv(4096).decode("latin-1")


def udp(attack: dict[str, Any], token: bytes) -> str:
    family = socket.AF_INET6 if ":" in attack["address"] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.settimeout(PATIENCE)
        sender.sendto(token.ljust(attack.get("size", 0), b"."), (attack["address"], attack["port"]))
        return sender.recv(65536).decode("latin-1")


def raw(attack: dict[str, Any], token: bytes) -> str:
    """An IPv4 packet of our own making, whatever the source."""
    source, target, kind = attack["source"], attack["address"], attack["payload"]
    if kind == "udp":
        payload = udp_segment(attack["port"], token, attack.get("own", OWN_PORT))
        protocol = socket.IPPROTO_UDP
    elif kind in TCP_FLAGS:
        payload = tcp_segment(source, target, OWN_PORT, attack["port"], TCP_FLAGS[kind], token)
        protocol = socket.IPPROTO_TCP
    elif kind == "echo-reply":
        protocol, payload = socket.IPPROTO_ICMP, icmp(ICMP_ECHO_REPLY, 0, 1, token)
    elif kind == "icmp-error":
        # About a connection of somebody else's: its packets in the original direction are quoted.
        ports = (int(attack["quoted_from"]), attack["quoted_to"])
        quoted = tcp_segment(target, attack["host"], *ports, ACK, token)
        quoted = ipv4(target, attack["host"], socket.IPPROTO_TCP, quoted)
        payload = icmp(ICMP_UNREACHABLE, FRAGMENTATION_NEEDED, 600, quoted)
        protocol = socket.IPPROTO_ICMP
    else:
        protocol, payload = int(kind), token
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sender:
        for packet in pieces(source, target, protocol, payload, attack.get("split", 65528)):
            sender.sendto(packet, (target, 0))
    return ""


def ping(attack: dict[str, Any], token: bytes) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sender:
        sender.settimeout(PATIENCE)
        sender.sendto(icmp(ICMP_ECHO, 0, 1, token), (attack["address"], 0))
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            data, peer = sender.recvfrom(2048)
            if token in data and data[20] == 0:  # an echo reply
                return f"reply from {peer[0]}"
    return ""


def frame(attack: dict[str, Any], token: bytes) -> str:
    """A frame straight to the bridge: UDP over IPv4 with a VLAN tag, or over IPv6."""
    datagram = udp_segment(attack["port"], token)
    if attack["ethertype"] == ETHERTYPE_VLAN:
        packet = ipv4(attack["source"], attack["address"], socket.IPPROTO_UDP, datagram)
        packet = struct.pack("!HHH", ETHERTYPE_VLAN, 0, ETHERTYPE_IPV4) + packet
    else:
        ends = [socket.inet_pton(socket.AF_INET6, attack[end]) for end in ("source", "address")]
        pseudo = b"".join(ends) + struct.pack("!II", len(datagram), socket.IPPROTO_UDP) + datagram
        datagram = datagram[:6] + struct.pack("!H", checksum(pseudo)) + datagram[8:]
        head = struct.pack("!IHBB", 6 << 28, len(datagram), socket.IPPROTO_UDP, 64)
        packet = struct.pack("!H", ETHERTYPE_IPV6) + head + b"".join(ends) + datagram
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("eth0", 0))
        bridge = bytes.fromhex(attack["bridge"].replace(":", ""))
        sender.send(bridge + sender.getsockname()[4] + packet)
    return ""


KINDS = {"tcp": tcp, "udp": udp, "raw": raw, "ping": ping, "frame": frame}


def fire(attack: dict[str, Any]) -> tuple[str, str]:
    try:
        return attack["name"], KINDS[attack["kind"]](attack, attack["token"].encode())
    except OSError as error:  # refused, timed out, unreachable: what an attacker sees of a cage
        return attack["name"], f"error: {error}"


def flood(
    addresses: list[str], port: int, seconds: float, pps: int, own: str = "172.30.0.10"
) -> int:
    """Returns how many packets left, from newt's ``own`` address."""
    packets = list(
        flood_packets(addresses, port, own)
    )  # made before: then sending is what takes time
    sent, started = 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sender:
        while (elapsed := time.monotonic() - started) < seconds:
            while sent < elapsed * pps:
                sender.sendto(*packets[sent % len(packets)])
                sent += 1
            time.sleep(0.001)
    return sent


def flood_packets(
    addresses: list[str], port: int, own: str
) -> Iterator[tuple[bytes, tuple[str, int]]]:
    for own_port in FLOOD_PORTS:
        for address in addresses:
            segment = udp_segment(port, FLOOD, own_port)
            yield ipv4(own, address, socket.IPPROTO_UDP, segment), (address, 0)
            segment = tcp_segment(own, address, own_port, port, SYN, FLOOD)
            yield ipv4(own, address, socket.IPPROTO_TCP, segment), (address, 0)


def talk(protocol: str, address: str, port: int, seconds: float) -> None:
    """Says a line every few milliseconds over one connection."""
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as connection:
        connection.settimeout(seconds)
        connection.connect((address, port))
        connection.setblocking(False)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # Nobody acknowledges any more, or a firewall says so: newt would try again too.
            with suppress(BlockingIOError, *((OSError,) if protocol == "udp" else ())):
                connection.send(b"still here\n")
            time.sleep(TALK_PAUSE)


def answer(port: int, seconds: float) -> None:
    """Waits for a UDP packet and goes on answering it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", port))
        _, peer = server.recvfrom(2048)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            server.sendto(b"still here\n", peer)
            time.sleep(TALK_PAUSE)


def upload(address: str, port: int, size: int) -> int:
    """Returns how much the other side acknowledged in time."""
    with socket.create_connection((address, port), PATIENCE) as connection:
        connection.settimeout(PATIENCE)
        sent = 0
        while sent < size:
            try:
                sent += connection.send(b"x" * min(65536, size - sent))
            except TimeoutError:
                break
        return sent


def main() -> None:
    command, *words = sys.argv[1:]
    told: object = None
    if command == "fire":
        attacks = json.loads(words[0])
        with ThreadPoolExecutor(len(attacks)) as pool:
            told = dict(pool.map(fire, attacks))
    elif command == "flood":
        told = flood(words[0].split(","), int(words[1]), float(words[2]), int(words[3]), *words[4:])
    elif command == "talk":
        talk(words[0], words[1], int(words[2]), float(words[3]))
    elif command == "answer":
        answer(int(words[0]), float(words[1]))
    elif command == "upload":
        told = upload(words[0], int(words[1]), int(words[2]))
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
