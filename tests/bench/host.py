"""What a change of the allow-list costs on a Docker host: time, leaked packets, and how long a
revoked connection lives. On the lab's NAS, with a real Docker and the real host program.

Ours and the post's script take turns, round by round. Every change replaces every target of the
list by another. What leaked is counted behind the NAS, under a flood of packets to a target that
is in no list.
"""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

from newt_tunnel.egress.rules import Rule
from tests.bench.figures import APPLY, IPTABLES, LEAK, NFTABLES, PPS, REVOKED, THE_POST
from tests.bench.samples import Samples
from tests.bench.targets import arguments, fillers
from tests.host.rig import BRIDGE, GITEA, NEWT, PANGOLIN, POSTGRES, PYTHON, Host, declare, rule

SCRIPT = Path(__file__).with_name("the_post.sh").read_text()
GITEA_PORT = 3000
GITEA_RULE = rule("gitea", GITEA, GITEA_PORT)
SIZES = {IPTABLES: (10, 100, 500), NFTABLES: (10, 100, 500, 5000), THE_POST: (10, 100, 500)}
#: Below it a flood shows nothing; a busy machine sends fewer than it should.
ENOUGH_PPS = 1000
FLOOD_SECONDS = 120
TALK_SECONDS = 30
#: So long a revoked connection is watched.
WATCH_SECONDS = 3.0
_LISTS = (8000, 8001)
# Says when it hears the first packet; at the end, when the last one came, on the clock that all
# namespaces share.
_LAST_PACKET = """
import select, socket, struct, sys, time
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(("eth0", 3))
where = socket.inet_aton(sys.argv[1]), int(sys.argv[2])
last = 0.0
print("ready", flush=True)
while True:
    readable, _, _ = select.select([wire, sys.stdin], [], [])
    if wire in readable:
        frame, origin = wire.recvfrom(2048)
        ours = frame[12:14] == b"\\x08\\x00" and frame[23] == 6 and frame[30:34] == where[0]
        if ours and origin[2] != 4 and struct.unpack_from("!H", frame, 36)[0] == where[1]:
            if not last:
                print("heard", flush=True)
            last = time.monotonic()
    elif sys.stdin in readable:
        break
print(last)
"""


class Cage(ABC):
    """One way to confine newt on the NAS."""

    def __init__(self, host: Host, name: str) -> None:
        self.host, self.name = host, name

    @abstractmethod
    def allow(self, *rules: Rule) -> None:
        """Returns when these are the rules."""

    def remove(self) -> None:
        self.host.reset()


class Ours(Cage):
    """The stack's own program, as `pulumi up` runs it and with the default persistence."""

    def allow(self, *rules: Rule) -> None:
        declared = declare(
            *rules, arrangement=self.name, without="gitea", forbidden=(), persistence="systemd"
        )
        self.host.apply(declared)


class ThePosts(Cage):
    def allow(self, *rules: Rule) -> None:
        words = shlex.join([NEWT, PANGOLIN, *arguments(rules)])
        self.host.sh(f"sh -s -- {words}", stdin=SCRIPT)

    def remove(self) -> None:
        super().remove()
        self.host.sh(
            f"iptables -D DOCKER-USER -s {NEWT} -j NEWT-EGRESS; "
            "iptables -F NEWT-EGRESS; iptables -X NEWT-EGRESS"
        )


def measure(host: Host, samples: Samples) -> None:
    """One round: every cage once."""
    for cage in (Ours(host, IPTABLES), Ours(host, NFTABLES), ThePosts(host, THE_POST)):
        _measure(cage, samples)


def _measure(cage: Cage, samples: Samples) -> None:
    host = cage.host
    host.reset()
    cage.allow(GITEA_RULE)
    try:
        host.create_network()
        host.start_newt()
        for size in SIZES[cage.name]:
            seconds = _timed(cage, fillers(size, port=_LISTS[0]))
            samples.add(APPLY, cage.name, size, "s", seconds)
            with _flood_from_newt(host), host.tapped() as wire:
                cage.allow(*fillers(size, port=_LISTS[1]))
            samples.add(LEAK, cage.name, size, "packets", wire.carried.get(POSTGRES, 0))
        cage.allow(GITEA_RULE)
        samples.add(REVOKED, cage.name, None, "s", _outlived(cage))
    finally:
        cage.remove()


def _timed(cage: Cage, rules: Sequence[Rule]) -> float:
    started = time.monotonic()
    cage.allow(*rules)
    return time.monotonic() - started


@contextlib.contextmanager
def _flood_from_newt(host: Host) -> Iterator[None]:
    """newt sends to a target that no list has, from before the block to its end."""
    plug = host.sh(f"ls /sys/class/net/{BRIDGE}/brif").strip()
    count = f"cat /sys/class/net/{plug}/statistics/rx_packets"
    with host.newt_meanwhile("flood", POSTGRES, "5432", str(FLOOD_SECONDS), str(PPS)):
        _wait_for_packets(host, count)
        before, started = int(host.sh(count)), time.monotonic()
        yield
        rate = (int(host.sh(count)) - before) / (time.monotonic() - started)
    if rate < ENOUGH_PPS:
        raise RuntimeError(f"newt sent {rate:.0f} packets a second: too few to show anything")


def _wait_for_packets(host: Host, count: str) -> None:
    at_first, deadline = int(host.sh(count)), time.monotonic() + 10
    while int(host.sh(count)) < at_first + 100:
        if time.monotonic() > deadline:
            raise RuntimeError("newt's flood does not begin")
        time.sleep(0.02)


def _outlived(cage: Cage) -> float:
    """How long after the revocation was done a packet of newt's connection still arrived, in
    seconds; negative when the last one came before."""
    host = cage.host
    command = [*PYTHON, "-c", _LAST_PACKET, GITEA, str(GITEA_PORT)]
    talk = ["talk", "tcp", GITEA, str(GITEA_PORT), str(TALK_SECONDS)]
    with host.lab["gitea"].popen(command, stdin=subprocess.PIPE) as listener:
        assert listener.stdout is not None
        if listener.stdout.readline() != "ready\n":
            raise RuntimeError("nobody listens at gitea")
        with host.newt_meanwhile(*talk):
            if listener.stdout.readline() != "heard\n":
                raise RuntimeError("newt's connection was not there before it was revoked")
            cage.allow(*fillers(1))
            revoked = time.monotonic()
            time.sleep(WATCH_SECONDS)
            said, _ = listener.communicate("end\n", timeout=10)
    return float(said) - revoked
