"""newt and a service behind the host, as a program for the namespaces of `path.py`.

    python traffic.py serve ADDRESS PORT        accepts and echoes until its standard input ends
    python traffic.py measure ADDRESS PORT      a line of JSON for every line that asks for it:
                                                names of what is to be measured, in that order

Nothing but the standard library, and no import from the tests.
"""

import json
import os
import socket
import statistics
import struct
import sys
import threading
import time

CONNECTS, ROUND_TRIPS = 250, 300
STREAMS, STREAM_SECONDS = 4, 0.06
PATIENCE = 5.0
CHUNK = 1 << 18
FIRST = -20
AT_ONCE = struct.pack("ii", 1, 0)  # closing resets the connection: nothing of it stays


def one_processor() -> None:
    """Both ends on one: what is measured is work, not the way between processors. And first there,
    for moments at a time: what others do is not measured."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.setpriority(os.PRIO_PROCESS, 0, FIRST)


def serve(address: str, port: int) -> None:
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((address, port))
    streams = socket.create_server((address, port), backlog=512)
    for work in (echo, swallow):
        listener = datagrams if work is echo else streams
        threading.Thread(target=work, args=[listener], daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


def echo(listener: socket.socket) -> None:
    while True:
        data, peer = listener.recvfrom(2048)
        listener.sendto(data, peer)


def swallow(listener: socket.socket) -> None:
    """Tells at the end of a connection how much came."""
    buffer = bytearray(CHUNK)
    while True:
        connection, _ = listener.accept()
        with connection:
            received = 0
            try:
                while count := connection.recv_into(buffer):
                    received += count
                connection.sendall(struct.pack("!Q", received))
            except ConnectionError:  # it was only about connecting
                continue


def undisturbed(took: list[float]) -> float:
    """The fastest tenth is faster than this: the rest waited for somebody else's work, too."""
    return statistics.quantiles(took, n=10)[0]


def connect(address: str, port: int) -> float:
    """Seconds."""
    took = []
    for _ in range(CONNECTS):
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            client.settimeout(PATIENCE)
            started = time.perf_counter()
            client.connect((address, port))
            took.append(time.perf_counter() - started)
    return undisturbed(took)


def round_trip(address: str, port: int) -> float:
    """Seconds."""
    took = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect((address, port))
        for _ in range(ROUND_TRIPS):
            started = time.perf_counter()
            client.send(b"there and back")
            client.recv(2048)
            took.append(time.perf_counter() - started)
    return undisturbed(took)


def stream(address: str, port: int) -> float:
    """Bytes a second that arrived; the best of a few, for what others do meanwhile costs, too."""
    return max(one_stream(address, port) for _ in range(STREAMS))


def one_stream(address: str, port: int) -> float:
    with socket.create_connection((address, port), PATIENCE) as client:
        chunk = bytes(CHUNK)
        started = time.perf_counter()
        while time.perf_counter() < started + STREAM_SECONDS:
            client.sendall(chunk)
        client.shutdown(socket.SHUT_WR)
        (received,) = struct.unpack("!Q", client.recv(8, socket.MSG_WAITALL))
        return float(received / (time.perf_counter() - started))


def main() -> None:
    command, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    one_processor()
    if command == "serve":
        serve(address, port)
        return
    measures = {"connect": connect, "round-trip": round_trip, "stream": stream}
    for line in sys.stdin:
        print(json.dumps([measures[name](address, port) for name in line.split()]), flush=True)


if __name__ == "__main__":
    main()
