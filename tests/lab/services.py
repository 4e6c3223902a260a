"""The program behind every service of the lab: answers with its name, and writes down who came.

    python services.py NAME LOG KIND://ADDRESS:PORT ...

Kinds: `http` answers each request with the service's name; `banner` speaks first, as sshd does,
then echoes; `udp` echoes; `dns` answers any question with its own address, over UDP and TCP.

The log is the tests' evidence, taken on the target's side: one JSON line per event. It is a
program of its own (nothing but the standard library, no import from the lab), because it runs
inside other network namespaces.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

BACKLOG = 512
BUFFER = 65536
HEADER_END = b"\r\n\r\n"
TEXT_KEPT = 200  # of each payload, so that a test can recognise its own
DNS_HEADER = 12


class Log:
    """One JSON line per event, written at once: a reader sees an event as soon as it happened."""

    def __init__(self, service: str, path: str) -> None:
        self._service = service
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def __call__(self, event: str, here: str, peer: tuple[str, int], data: bytes = b"") -> None:
        line = {
            "time": time.time(),
            "service": self._service,
            "event": event,
            "at": here,
            "source": peer[0],
            "source_port": peer[1],
            "bytes": len(data),
            "text": data[:TEXT_KEPT].decode("latin-1"),
        }
        # A single write to a file opened for appending: lines of several threads never mix.
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")


Answer = Callable[[bytes], bytes]
NewAnswer = Callable[[], Answer]  # one per connection: a request may arrive in pieces


def http_answer(service: str, here: str) -> NewAnswer:
    body = f"{service} at {here}\n".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"

    def new() -> Answer:
        pending = b""

        def answer(data: bytes) -> bytes:
            nonlocal pending
            *requests, pending = (pending + data).split(HEADER_END)
            # No Connection: close: revocation is measured with a connection that stays open.
            return (head.encode() + body) * len(requests)

        return answer

    return new


def echo(data: bytes) -> bytes:
    return data


def dns_answer(address: str) -> Answer:
    """Answers every question with one A record: the resolver an exfiltrator brings along."""

    def answer(query: bytes) -> bytes:
        question = query[DNS_HEADER:]
        end = question.find(b"\0") + 5  # the name, its closing zero, type and class
        if end < len(b"\0type"):  # no question at all
            return query
        head = query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(address)
        return head + question[:end] + record

    return answer


def dns_over_tcp(answer: Answer) -> Answer:
    def framed(data: bytes) -> bytes:
        reply = answer(data[2:])
        return len(reply).to_bytes(2, "big") + reply

    return framed


def serve_tcp(
    log: Log, here: str, listener: socket.socket, new_answer: NewAnswer, hello: bytes
) -> None:
    while True:
        connection, peer = listener.accept()
        log("connected", here, peer)
        threading.Thread(
            target=converse, args=(log, here, connection, peer, new_answer(), hello), daemon=True
        ).start()


def converse(
    log: Log,
    here: str,
    connection: socket.socket,
    peer: tuple[str, int],
    answer: Answer,
    hello: bytes,
) -> None:
    with connection:
        try:
            connection.sendall(hello)
            while data := connection.recv(BUFFER):
                log("received", here, peer, data)
                connection.sendall(answer(data))
        except OSError as error:  # the client went away: part of the evidence, not a failure
            log("broken", here, peer, str(error).encode())
        else:
            log("closed", here, peer)


def serve_udp(log: Log, here: str, listener: socket.socket, answer: Answer) -> None:
    while True:
        data, peer = listener.recvfrom(BUFFER)
        log("datagram", here, peer, data)
        try:
            listener.sendto(answer(data), peer)
        except OSError as error:  # no way back to the sender: it has been written down all the same
            log("broken", here, peer, str(error).encode())


def bound(kind: socket.SocketKind, address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:  # 0.0.0.0 and [::] may be served side by side
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((address, port))
    if kind == socket.SOCK_STREAM:
        listener.listen(BACKLOG)
    return listener


def start(log: Log, service: str, url: str) -> None:
    parts = urlsplit(url)
    kind, address, port = parts.scheme, parts.hostname or "", parts.port or 0
    here = parts.netloc

    def tcp(new_answer: NewAnswer, hello: bytes = b"") -> None:
        listener = bound(socket.SOCK_STREAM, address, port)
        log("listening", here, (address, port))
        threading.Thread(target=serve_tcp, args=(log, here, listener, new_answer, hello)).start()

    def udp(answer: Answer) -> None:
        listener = bound(socket.SOCK_DGRAM, address, port)
        log("listening", here, (address, port))
        threading.Thread(target=serve_udp, args=(log, here, listener, answer)).start()

    match kind:
        case "http":
            tcp(http_answer(service, here))
        case "banner":
            tcp(lambda: echo, f"SSH-2.0-{service}\r\n".encode())
        case "udp":
            udp(echo)
        case "dns":
            udp(dns_answer(address))
            tcp(lambda: dns_over_tcp(dns_answer(address)))
        case _:
            sys.exit(f"unknown kind of service {url!r}: use http, banner, udp or dns")


def main() -> None:
    service, path, *urls = sys.argv[1:]
    log = Log(service, path)
    for url in urls:
        start(log, service, url)
    log("ready", "", ("", 0))


if __name__ == "__main__":
    main()
