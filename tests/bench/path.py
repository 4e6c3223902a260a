"""What the rules cost the packets that they let pass: newt, a Docker host and a service reduced to
three network namespaces without an uplink.

The host forwards and masquerades as Docker's does, so conntrack is at work in every arrangement.
What is measured goes to the last target of the list. Loading the rules alone is timed beside it:
that is the part of a change which the kernel has to do.
"""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from newt_tunnel.egress import iptables, nftables
from newt_tunnel.egress.rules import Rule
from tests.bench.figures import (
    CONNECT,
    FREE,
    IPTABLES,
    KEPT,
    LOAD,
    NFTABLES,
    ROUND_TRIP,
    THE_POST,
    THROUGHPUT,
)
from tests.bench.samples import Samples
from tests.bench.targets import PORT, arguments, fillers
from tests.host.rig import BRIDGE, INSTANCE, NEWT, PANGOLIN, declare, rule
from tests.lab.commands import check
from tests.unit.egress.strategies import policy_of

SIZES = {
    IPTABLES: (0, 10, 100, 500),
    NFTABLES: (0, 10, 100, 500, 5000),
    THE_POST: (0, 10, 100, 500),
}
SERVICE, GATEWAY, HOST, SUBNET = "10.0.1.50", "172.30.0.1", "10.0.1.10", "172.30.0.0/24"
# Named so that it is rendered after every filler, and for the post's script put there.
MEASURED = (
    rule("service", SERVICE, PORT),
    rule("service-udp", SERVICE, PORT, protocol="udp"),
)
TRAFFIC = Path(__file__).with_name("traffic.py")
SCRIPT = Path(__file__).with_name("the_post.sh")
_DOCKER = f"""\
*mangle
COMMIT
*filter
:FORWARD ACCEPT [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
COMMIT
*nat
-A POSTROUTING -s {SUBNET} ! -o {BRIDGE} -j MASQUERADE
COMMIT
"""
_NO_TABLE = f"table inet {INSTANCE.table}; delete table inet {INSTANCE.table}"
_MICRO, _GIGABIT = 1e6, 8 / 1e9


@dataclass(frozen=True)
class Rules:
    """A list; ``load`` puts it in force, and ``change`` does where another one is."""

    arrangement: str
    targets: int | None
    load: Callable[[], object]
    change: Callable[[], object]


class NewtsPath:
    """``with NewtsPath(prefix) as path``; what a crash left under the name is removed."""

    def __init__(self, prefix: str) -> None:
        self._names = {end: f"{prefix}-path-{end}" for end in ("newt", "host", "world")}
        self._held = contextlib.ExitStack()

    def __enter__(self) -> NewtsPath:
        self._remove()
        try:
            self._build()
            self._served = self._start("world", "serve")
            assert self._served.stdout is not None
            if self._served.stdout.readline() != "ready\n":
                raise RuntimeError("the service does not start")
            self._client = self._start("newt", "measure")
            self._rules = list(self._every_list())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        self._remove()

    def measure(self, samples: Samples) -> None:
        """One round: every list once, in an order of its own."""
        for rules in random.sample(self._rules, len(self._rules)):
            self._without_rules()
            (free,) = self._ask("stream")
            rules.load()
            stream, connect, round_trip = self._ask("stream", "connect", "round-trip")
            what = (rules.arrangement, rules.targets)
            samples.add(CONNECT, *what, "µs", connect * _MICRO)
            samples.add(ROUND_TRIP, *what, "µs", round_trip * _MICRO)
            samples.add(THROUGHPUT, *what, "Gbit/s", stream * _GIGABIT)
            # What others do on the machine halves it for seconds: only neighbours can be compared.
            samples.add(KEPT, *what, "times", stream / free)

    def measure_loading(self, samples: Samples) -> None:
        """One round of exchanging lists for others of their length."""
        for rules in self._rules:
            if rules.targets:
                self._without_rules()
                rules.load()
                started = time.monotonic()
                rules.change()
                seconds = time.monotonic() - started
                samples.add(LOAD, rules.arrangement, rules.targets, "s", seconds)

    def _ask(self, *measures: str) -> list[float]:
        client = self._client
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(f"{' '.join(measures)}\n")
        client.stdin.flush()
        answer = client.stdout.readline()
        if not answer:
            raise RuntimeError("newt does not reach the service through the cage")
        told: list[float] = json.loads(answer)
        return told

    # --- rules ------------------------------------------------------------------------------------

    def _every_list(self) -> Iterator[Rules]:
        yield Rules(FREE, None, lambda: None, lambda: None)
        render = {IPTABLES: self._iptables, NFTABLES: self._nftables, THE_POST: self._the_posts}
        for arrangement, sizes in SIZES.items():
            for size in sizes:
                yield Rules(arrangement, size, *render[arrangement]((*fillers(size), *MEASURED)))

    def _iptables(self, listed: Sequence[Rule]) -> Iterator[Callable[[], object]]:
        ruleset = iptables.render(policy_of(*listed), declare(arrangement=IPTABLES).cage)
        jumps = "".join(f"-I {jump}\n" for jump in ruleset.jumps4)
        for text in (ruleset.rules4.removesuffix("COMMIT\n") + jumps + "COMMIT\n", ruleset.rules4):
            yield partial(self._on_host, ["iptables-restore", "--noflush"], text)

    def _nftables(self, listed: Sequence[Rule]) -> Iterator[Callable[[], object]]:
        text = nftables.render(policy_of(*listed), declare(arrangement=NFTABLES).cage)
        for _ in ("load", "change"):
            yield partial(self._on_host, ["nft", "-f", "-"], text)

    def _the_posts(self, listed: Sequence[Rule]) -> Iterator[Callable[[], object]]:
        """Its rules come at once where only they are measured."""
        script = partial(self._on_host, [str(SCRIPT), NEWT, PANGOLIN, *arguments(listed)])
        self._without_rules()
        script()
        saved = self._on_host(["iptables-save", "-t", "filter"])
        yield partial(self._on_host, ["iptables-restore"], saved)
        yield script

    def _without_rules(self) -> None:
        self._on_host(["iptables-restore"], _DOCKER)
        self._on_host(["nft", "-f", "-"], _NO_TABLE)

    # --- building ---------------------------------------------------------------------------------

    def _build(self) -> None:
        newt, host, world = self._names.values()
        check(["ip", "-batch", "-"], stdin="".join(f"netns add {n}\n" for n in (newt, host, world)))
        self._ip(
            newt,
            f"link add eth0 type veth peer name plug netns {host}",
            "link set eth0 up",
            f"address add {NEWT}/24 dev eth0",
            f"route add default via {GATEWAY}",
        )
        self._ip(
            world,
            f"link add eth0 type veth peer name eth0 netns {host}",
            "link set eth0 up",
            f"address add {SERVICE}/24 dev eth0",
        )
        self._ip(
            host,
            f"link add {BRIDGE} type bridge forward_delay 0",
            f"link set plug master {BRIDGE} up",
            f"link set {BRIDGE} up",
            "link set eth0 up",
            f"address add {GATEWAY}/24 dev {BRIDGE}",
            f"address add {HOST}/24 dev eth0",
        )
        self._on_host(["sysctl", "-qw", "net.ipv4.ip_forward=1"])

    def _start(self, end: str, command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*self._inside(end), sys.executable, "-I", "-S", TRAFFIC, command, SERVICE, str(PORT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._held.enter_context(process)
        self._held.callback(process.kill)
        return process

    def _inside(self, end: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self._names[end]}", "--"]

    def _on_host(self, command: list[str], stdin: str = "") -> str:
        return check([*self._inside("host"), *command], stdin=stdin)

    def _ip(self, namespace: str, *commands: str) -> None:
        lines = "".join(f"{command}\n" for command in commands)
        check(["ip", "-netns", namespace, "-batch", "-"], stdin=lines)

    def _remove(self) -> None:
        for name in self._names.values():
            if (Path("/run/netns") / name).exists():
                check(["ip", "netns", "delete", name])
