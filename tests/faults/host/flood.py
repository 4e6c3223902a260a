"""The flood on a Docker host.

newt itself floods from its first instruction: its container is a program that does nothing else, so
the flood goes on wherever Docker starts newt again. Sent packets are counted where newt's network
ends, arrivals where they arrive.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from tests.faults.flood import PORT, PPS, SECONDS, Flood, measured
from tests.host.rig import BRIDGE, GATEWAY, NAS, NEWT, OUTSIDER, POSTGRES, Host
from tests.lab.nas import Nas

#: A machine on the LAN, one outside, and the Docker host by two of its addresses. On the host
#: something listens on the flood's port, and writes down who came.
TARGETS = (POSTGRES, OUTSIDER, NAS, GATEWAY)


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
        with measured(flood, lambda: _plugs(host.nas)):
            yield flood
    watched = [target for target in TARGETS if target != GATEWAY or not rebooted]
    for target, wire in itertools.product(watched, wires):
        flood.seen(target, target, wire)
    if rebooted:  # the log does not tell the host's addresses apart
        came = [entry.time for entry in log.arrivals(mark, source=NEWT)]
        flood.arrived[NAS] += len(came)
        flood.last = max(flood.last, *came, 0.0)


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
