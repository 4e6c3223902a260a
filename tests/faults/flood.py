"""A flood from newt to targets that are forbidden: how fast it was, and what arrived of it.

What floods, where its packets are counted and where they may arrive is for a Docker host
`host/flood.py` and for a cluster `cluster/flood.py`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from tests.host.rig import Wire, eventually

#: Packets a second: what newt tries, and below what a flood has shown nothing.
PPS, ENOUGH = 9000, 5000
SECONDS = 1800
PORT = 5001
BETWEEN_LOOKS = 0.05
#: What a container's kernel sends of itself, before newt's first packet and after its last.
A_FEW = 50

#: Per program that floods: the packets that it has sent so far. One that ended is not in it.
Look = Callable[[], Mapping[str, int]]


class Flood:
    """``sent`` packets in the ``seconds`` that newt ran; ``arrived`` counts those that came
    through, per target that was watched, and ``last`` is when the last one did."""

    def __init__(self) -> None:
        self.sent = 0
        self.seconds = 0.0
        self.arrived: Counter[str] = Counter()
        self.last = 0.0

    @property
    def arrived_everywhere(self) -> bool:
        return bool(self.arrived) and all(self.arrived.values())

    @property
    def rate(self) -> float:
        return self.sent / self.seconds if self.seconds else 0.0

    def goes_on(self) -> None:
        """Returns when newt floods: after a boot behind `docker-user` that is a minute later."""
        already = self.sent
        eventually(lambda: self.sent > already + ENOUGH, "newt floods", within=150)

    def seen(self, target: str, address: str, wire: Wire) -> None:
        """Adds what was tapped of the packets to a target, which has this address."""
        place = f"{address}:{PORT}"
        self.arrived[target] += wire.ports.get(place, 0)
        self.last = max(self.last, wire.last.get(place, 0.0))


@contextlib.contextmanager
def measured(flood: Flood, look: Look) -> Iterator[None]:
    """Counts what is sent during the block, and for how long."""
    over = threading.Event()
    meter = threading.Thread(target=_measure, args=(flood, look, over))
    meter.start()
    try:
        yield
    finally:
        over.set()
        meter.join()


def _measure(flood: Flood, look: Look, over: threading.Event) -> None:
    meter = Meter(flood, look(), time.monotonic())
    while not over.wait(BETWEEN_LOOKS):
        meter.read(look(), time.monotonic())
    meter.end()


class Meter:
    """Adds up what single looks tell. Time in which no program ran is not the flood's, but a
    program that was silent between two of its packets was slow."""

    def __init__(self, flood: Flood, programs: Mapping[str, int], now: float) -> None:
        self._flood = flood
        self._known = programs
        self._looked = now
        self._silence = 0.0

    def read(self, programs: Mapping[str, int], now: float) -> None:
        sent = sum(count - self._known.get(name, 0) for name, count in programs.items())
        if self._known.keys() - programs.keys():
            self._silence = 0.0  # newt had ended; Docker takes its plug away some time later
        if any(count > A_FEW for count in programs.values()):
            self._silence += now - self._looked
        if sent > A_FEW:
            self._flood.seconds, self._silence = self._flood.seconds + self._silence, 0.0
        self._flood.sent += sent
        self._known, self._looked = programs, now

    def end(self) -> None:
        self._flood.seconds += self._silence
