"""Counts what comes in at an interface, before any firewall of the machine it runs on sees it.

    python tap.py INTERFACE NEEDLE

Says `ready` when it listens, stops when its standard input ends, and prints as JSON how many frames
went to each address and which NEEDLE-and-number was seen in a frame. Outgoing frames do not count.
"""

import json
import re
import select
import socket
import struct
import sys
from collections import Counter

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33  # not in Python's socket module
BUFFER = 16 << 20  # a flood must not be lost here: what is not seen would count as not sent


def target(frame: bytes) -> str:
    (kind,) = struct.unpack_from("!H", frame, 12)
    if kind == 0x0800:
        return socket.inet_ntop(socket.AF_INET, frame[30:34])
    if kind == 0x86DD:
        return socket.inet_ntop(socket.AF_INET6, frame[38:54])
    return f"ethertype {kind:#06x}"


def main() -> None:
    interface, needle = sys.argv[1:]
    pattern = re.compile(rb"%s\d+" % needle.encode())
    targets: Counter[str] = Counter()
    seen: set[str] = set()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as tap:
        tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        tap.bind((interface, ETH_P_ALL))
        tap.setblocking(False)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        listening = True
        while listening:
            readable, _, _ = select.select([tap, sys.stdin], [], [])
            listening = sys.stdin not in readable
            try:
                while True:
                    frame, origin = tap.recvfrom(65536)
                    if origin[2] != socket.PACKET_OUTGOING:
                        targets[target(frame)] += 1
                        seen.update(found.decode() for found in pattern.findall(frame))
            except BlockingIOError:
                continue
    json.dump({"targets": targets, "seen": sorted(seen)}, sys.stdout)


if __name__ == "__main__":
    main()
