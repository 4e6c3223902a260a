"""The real newt under a Pangolin server that orders it to reach everything forbidden."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from tests.attack.attacks import (
    ATTACKS,
    BROADCAST,
    JELLYFIN,
    MULTICAST,
    SUBNET_BROADCAST,
    Attack,
)
from tests.host.rig import CONTAINER, IMAGE, LABEL, NETWORK, NEWT, OWNER, RESOLVER, Host
from tests.lab.registry import JELLYFIN_PORT
from tests.lab.server import HealthCheck, Target
from tests.lab.topology import DOMAIN_PANGOLIN

CONNECT_SECONDS, REPORT_SECONDS, POLL = 30, 30, 0.2
UDP_SECONDS = 0.3
#: Where newt listens inside the tunnel for what it is told to expose.
FIRST_LISTENER = 5001

_ONE_TO_MANY = (BROADCAST, MULTICAST, SUBNET_BROADCAST)
#: Raw packets newt cannot be ordered to send.
ORDERED = tuple(
    each
    for each in ATTACKS
    if each.kind in ("tcp", "udp")
    and not each.details
    and each.address not in _ONE_TO_MANY
    and ":" not in each.address
    and "{" not in each.address
)


def orders(host: Host) -> Iterator[tuple[Attack, bool]]:
    """Starts newt on its network, in place of whoever is there, and has it ordered to check all TCP
    targets and to expose all UDP targets: whether a packet to each got out."""
    lab = host.lab
    host.sh(f"docker rm --force {CONTAINER}")
    host.sh(
        f"docker run --detach --name {CONTAINER} --label {LABEL}={OWNER} --network {NETWORK} "
        f"--ip {NEWT} --dns {RESOLVER} --stop-signal KILL --cap-drop ALL "
        f"--env DISABLE_CLIENTS=true --env NEWT_ID={lab.pangolin.newt_id} "
        f"--env PANGOLIN_ENDPOINT=https://{DOMAIN_PANGOLIN} "
        f"--env NEWT_SECRET={lab.pangolin.newt_secret} {IMAGE}"
    )
    _wait(lambda: bool(lab.pangolin.status()["tunnel"]["up"]), CONNECT_SECONDS, "newt's tunnel")
    with (
        host.tapped() as wire,
        host.nas_tapped() as local,
        host.container_tapped(JELLYFIN) as published,
    ):
        _have_checked([each for each in ORDERED if each.kind == "tcp"], host)
        _have_exposed([each for each in ORDERED if each.kind == "udp"], host)
    # A process of Docker's answers at a published port, which counts as the host's own; from 29 on
    # the kernel sends such packets to the container, to whichever address they went.
    out = {*wire.ports, *local.ports}
    at_container = any(place.endswith(f":{JELLYFIN_PORT}") for place in published.ports)
    for attack in ORDERED:
        came = attack.at == JELLYFIN and at_container
        yield attack, came or f"{attack.address}:{attack.port}" in out


def _have_checked(attacks: list[Attack], host: Host) -> None:
    pangolin = host.lab.pangolin
    checks = [HealthCheck(id=n, host=a.address, port=a.port) for n, a in enumerate(attacks, 1)]
    pangolin.check(checks)
    _wait(lambda: _reported(host) >= len(checks), REPORT_SECONDS, "newt's report on all checks")
    pangolin.check([])


def _reported(host: Host) -> int:
    return sum(each["status"] != "unknown" for each in host.lab.pangolin.health())


def _have_exposed(attacks: list[Attack], host: Host) -> None:
    pangolin = host.lab.pangolin
    targets = [
        Target(listen=FIRST_LISTENER + n, target=f"{each.address}:{each.port}", protocol="udp")
        for n, each in enumerate(attacks)
    ]
    pangolin.expose(targets)
    for target in targets:
        pangolin.dial(target.listen, "udp", send="anybody?", timeout=UDP_SECONDS)
    pangolin.expose([])


def _wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(POLL)
