"""No window: while rules are swapped, moved to another arrangement or shaken by Docker, not one
packet of a flood slips through; and what newt began before there was a cage ends with it.
"""

from __future__ import annotations

import time

import pytest

from tests.host.flood import ENOUGH, flooded
from tests.host.rig import (
    ARRANGEMENTS,
    BRIDGE,
    COMPLETE,
    CONTAINER,
    NEWT,
    POSTGRES,
    PYTHON,
    Host,
    declare,
    rule,
)

pytestmark = pytest.mark.lab

SWAPS = 4
# Listens until a second passes without a packet; says then when the last one came.
LISTENER = """
import socket, sys, time
with socket.socket(type=socket.SOCK_DGRAM) as listener:
    listener.settimeout(1.0)
    listener.connect((sys.argv[1], 7777))
    listener.send(b"anybody?")
    listener.recv(2048)
    print("heard", flush=True)
    try:
        while listener.recv(2048):
            last = time.time()
    except TimeoutError:
        print(last)
"""
STORM = "for n in 1 2 3 4; do docker network create storm$n && docker network rm storm$n; done"


def test_a_flood_from_a_free_newt_arrives(host: Host) -> None:
    host.create_network()
    host.start_newt()

    with flooded(host) as wire:
        time.sleep(1)

    assert wire.carried[POSTGRES] > ENOUGH, "the tap must see what it is to count"


def test_what_the_hosts_kernel_sends_to_a_target_is_not_taken_for_newts(host: Host) -> None:
    """A target that was once reached goes on answering. When newt has gone, the host refuses."""
    host.create_network()
    host.start_newt()
    unrefused = f"PREROUTING -i {BRIDGE} -p tcp --tcp-flags RST RST -j DROP"
    host.sh(f"iptables -t mangle -I {unrefused}")
    with host.newt_meanwhile("flood", POSTGRES, "5432", "1", "20") as flood:
        flood.wait(timeout=30)
    host.sh(f"iptables -t mangle -D {unrefused}; docker rm --force {CONTAINER}")

    with host.tapped() as wire:
        time.sleep(9)  # TCP tries again after 1, 3 and 7 s

    assert wire.targets.get(POSTGRES, 0) > 0, "the kernel says that newt is unreachable"
    assert wire.carried == {}


@pytest.mark.engines
@pytest.mark.parametrize("arrangement", COMPLETE)
def test_no_packet_passes_while_rules_are_swapped_and_networks_created(
    host: Host, arrangement: str
) -> None:
    wide = declare(rule("postgres", POSTGRES, 5433), arrangement=arrangement)
    narrow = declare(arrangement=arrangement, without="gitea")
    host.apply(wide)
    host.create_network()
    host.start_newt()

    with flooded(host) as wire, host.nas.popen(["sh", "-c", STORM]) as storm:
        for swap in range(SWAPS):
            host.apply(wide if swap % 2 else narrow)
        said, _ = storm.communicate()

    assert storm.returncode == 0, said
    assert wire.carried.get(POSTGRES, 0) == 0


@pytest.mark.docker_user
def test_no_packet_passes_while_the_arrangement_changes(host: Host) -> None:
    host.apply(declare())
    host.create_network()
    host.start_newt()

    with flooded(host) as wire:
        for arrangement in ("nftables", "docker-user", "nftables", "iptables"):
            host.apply(declare(arrangement=arrangement))

    assert wire.carried.get(POSTGRES, 0) == 0


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_whom_newt_answered_before_there_was_a_cage_hears_nothing_more(
    host: Host, arrangement: str
) -> None:
    host.create_network()
    host.start_newt()
    with host.newt_meanwhile("answer", "7777", "20"):
        time.sleep(0.5)  # it listens
        with host.nas.popen([*PYTHON, "-c", LISTENER, NEWT]) as listener:
            assert listener.stdout
            assert listener.stdout.readline() == "heard\n"

            host.apply(declare(arrangement=arrangement))

            applied = time.time()
            last = float(listener.communicate(timeout=30)[0])

    assert last < applied
