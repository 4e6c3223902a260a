"""Packets as bytes, each with a token by which it is known again wherever it arrives."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from tests.host.attacker import ACK, FIN, SYN, checksum, icmp, tcp_segment

Address = IPv4Address | IPv6Address

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "sctp": 132, "253": 253}
#: Differs from ICMP, and so does its place: the checksum covers the addresses.
ICMPV6 = 58
#: The type of service by which the bench knows what conntrack must not see.
NOTRACK = 0x04
TOKEN = re.compile(rb"(shot|past)-(\d{5})")
#: Long enough for a whole token in either of two fragments.
PAYLOAD = 120
MORE_FRAGMENTS = 0x2000
ECHO_REQUEST, ECHO_REPLY, UNREACHABLE, FRAGMENTATION_NEEDED = 8, 0, 3, 4
ECHO_REQUEST6 = 128
SYN_ACK = SYN | ACK
INVALID = SYN | FIN
_GRE_IPV4 = struct.pack("!HH", 0, 0x0800)
_CRC32C = 0x82F63B78


def token(kind: str, number: int) -> bytes:
    """``kind`` is "shot" for what is judged and "past" for what went before it."""
    return f"{kind}-{number:05}.".encode()


def payload(word: bytes) -> bytes:
    return (word * PAYLOAD)[:PAYLOAD]


def ip(
    source: Address,
    target: Address,
    protocol: int,
    data: bytes,
    *,
    tos: int = 0,
    place: int = 0,
    ident: int = 0,
) -> bytes:
    """An IP packet of either version; ``place`` is flags and offset of a fragment, as IPv4 has
    them."""
    ends = source.packed + target.packed
    if isinstance(source, IPv6Address):
        return struct.pack("!IHBB", 6 << 28, len(data), protocol, 64) + ends + data
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(data), ident, place, 64, protocol, 0)
    check = struct.pack("!H", checksum(head + ends))
    return head[:10] + check + ends + data


def fragments(
    source: Address, target: Address, protocol: int, data: bytes, *, tos: int, ident: int
) -> Iterator[bytes]:
    """The same in two fragments; the second carries no port."""
    half = len(data) // 16 * 8
    yield ip(source, target, protocol, data[:half], tos=tos, place=MORE_FRAGMENTS, ident=ident)
    yield ip(source, target, protocol, data[half:], tos=tos, place=half // 8, ident=ident)


def segment(
    protocol: str, source: Address, target: Address, own: int, port: int, kind: int, word: bytes
) -> bytes:
    """What follows the IP header. ``kind`` is TCP's flags or ICMP's type; ``own`` also names an
    ICMP conversation."""
    data = payload(word)
    if protocol == "udp":
        return _checked(
            source, target, 17, 6, struct.pack("!HHHH", own, port, 8 + len(data), 0) + data
        )
    if protocol == "tcp":
        if isinstance(source, IPv4Address):
            return tcp_segment(str(source), str(target), own, port, kind, data)
        bare = struct.pack("!HHIIBBHHH", own, port, 1, 0, 5 << 4, kind, 8192, 0, 0)
        return _checked(source, target, 6, 16, bare + data)
    if protocol == "icmp":
        return icmp(kind, 0, own << 16 | 1, data)
    if protocol == "ipv6-icmp":
        return _checked(
            source, target, ICMPV6, 2, struct.pack("!BBHI", kind, 0, 0, own << 16) + data
        )
    if protocol == "sctp":
        return _sctp_init(own, port, data)
    return (_GRE_IPV4 if protocol == "gre" else b"") + data


def icmp_error(quoted: bytes, word: bytes) -> bytes:
    """Says that ``quoted`` was too large."""
    return icmp(UNREACHABLE, FRAGMENTATION_NEEDED, 600, quoted[:28] + payload(word))


def _checked(source: Address, target: Address, protocol: int, at: int, data: bytes) -> bytes:
    ends = source.packed + target.packed
    pseudo = ends + struct.pack("!II", len(data), protocol)
    return data[:at] + struct.pack("!H", checksum(pseudo + data) or 0xFFFF) + data[at + 2 :]


def _sctp_init(own: int, port: int, data: bytes) -> bytes:
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20 + len(data), 1, 65536, 1, 1, 1) + data
    head = struct.pack("!HHI", own, port, 0)
    return head + struct.pack("<I", _crc32c(head + b"\0\0\0\0" + chunk)) + chunk


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CRC32C if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
