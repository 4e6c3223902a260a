"""A flood from newt to targets that are forbidden, how fast it was, and what arrived of it.

newt itself floods from its first instruction: its container is a program that does nothing else, so
the flood goes on wherever Docker starts newt again. Sent packets are counted where newt's network
ends, arrivals where they arrive.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.host.rig import BRIDGE, GATEWAY, NAS, NEWT, OUTSIDER, POSTGRES, Host, eventually
from tests.lab.nas import Nas

#: A machine on the LAN, one outside, and the Docker host by two of its addresses. On the host
#: something listens on this port, and writes down who came.
TARGETS, PORT = (POSTGRES, OUTSIDER, NAS, GATEWAY), 5001
#: Packets a second: what newt tries, and below what a flood has shown nothing.
PPS, ENOUGH = 9000, 5000
SECONDS = 1800
BETWEEN_LOOKS = 0.05
#: What a container's kernel sends of itself, before newt's first packet and after its last.
A_FEW = 50


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


def start_flooding_newt(host: Host, *options: str) -> None:
    host.start_flooding_newt(",".join(TARGETS), *options, port=PORT, seconds=SECONDS, pps=PPS)


@contextlib.contextmanager
def flooded(host: Host, *, rebooted: bool = False) -> Iterator[Flood]:
    """Newt floods already; looks at what arrives during the block. When the host is ``rebooted``
    meanwhile, the host's own service is asked what arrived there: a tap would not live."""
    flood, log = Flood(), host.lab.log("nas")
    with contextlib.ExitStack() as taps:
        wires = [taps.enter_context(host.tapped_at(name)) for name in ("postgres", "outsider")]
        if not rebooted:
            wires.append(taps.enter_context(host.nas_tapped()))
        mark = log.mark()
        with _measured(host.nas, flood):
            yield flood
    watched = [target for target in TARGETS if target != GATEWAY or not rebooted]
    for target, wire in itertools.product(watched, wires):
        flood.arrived[target] += wire.ports.get(f"{target}:{PORT}", 0)
        flood.last = max(flood.last, wire.last.get(f"{target}:{PORT}", 0.0))
    if rebooted:  # the log does not tell the host's addresses apart
        came = [entry.time for entry in log.arrivals(mark, source=NEWT)]
        flood.arrived[NAS] += len(came)
        flood.last = max(flood.last, *came, 0.0)


@contextlib.contextmanager
def _measured(nas: Nas, flood: Flood) -> Iterator[None]:
    over = threading.Event()
    meter = threading.Thread(target=_measure, args=(nas, flood, over))
    meter.start()
    try:
        yield
    finally:
        over.set()
        meter.join()


def _measure(nas: Nas, flood: Flood, over: threading.Event) -> None:
    known, looked, pause = _plugs(nas), time.monotonic(), 0.0
    while not over.wait(BETWEEN_LOOKS):
        plugs, now = _plugs(nas), time.monotonic()
        sent = sum(count - known.get(name, 0) for name, count in plugs.items())
        if known.keys() - plugs.keys():
            pause = 0.0  # newt had ended; Docker takes its plug away some time later
        if any(count > A_FEW for count in plugs.values()):
            pause += now - looked
        if sent > A_FEW:
            flood.seconds, pause = flood.seconds + pause, 0.0
        flood.sent += sent
        known, looked = plugs, now
    flood.seconds += pause


def _plugs(nas: Nas) -> dict[str, int]:
    """Packets that came out of each container on newt's bridge; it has a new plug at each start."""
    init = nas.init_pid()
    interfaces = Path(f"/proc/{init}/root/sys/class/net")
    counted: dict[str, int] = {}
    with contextlib.suppress(OSError):  # newt, Docker or the host is just going down
        for plug in (interfaces / BRIDGE / "brif").iterdir():
            count = interfaces / plug.name / "statistics/rx_packets"
            counted[plug.name] = int(count.read_text())
    return counted
