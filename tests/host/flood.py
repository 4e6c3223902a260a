"""A flood from newt to a forbidden target, for tests that no packet passes meanwhile."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from tests.host.rig import BRIDGE, POSTGRES, Host, Wire

PPS = 4000
ENOUGH = 2000  # packets a second, below which a flood shows nothing


@contextlib.contextmanager
def flooded(host: Host) -> Iterator[Wire]:
    """A flood from newt to a forbidden target while the block runs, and what left the NAS of it."""
    plug = host.sh(f"ls /sys/class/net/{BRIDGE}/brif").strip()
    count = f"cat /sys/class/net/{plug}/statistics/rx_packets"
    flood = ["flood", POSTGRES, "5432", "120", str(PPS)]
    with host.tapped() as wire, host.newt_meanwhile(*flood):
        before, started = int(host.sh(count)), time.monotonic()
        yield wire
        rate = (int(host.sh(count)) - before) / (time.monotonic() - started)
    assert rate > ENOUGH, "newt did not send what it should: this showed nothing"
