"""Several newts on one host: each is kept by its own list, whatever happens to the other.

Evidence is taken at the targets: both newts flood throughout, one of them what only the other may
reach.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from newt_tunnel.docker_host.docker_names import STATE_FOLDER
from newt_tunnel.egress.instance import Instance
from tests.host import second_newt
from tests.host.rig import (
    CONTAINER,
    GITEA,
    INSTANCE,
    NETWORK,
    OWNER,
    POSTGRES,
    PRINTER,
    PROGRAM,
    Host,
    declare,
    eventually,
    rule,
)
from tests.host.second_newt import declare_second

pytestmark = pytest.mark.lab

NAS, HOME = INSTANCE.name, second_newt.INSTANCE.name
MORE = rule("more", "192.0.2.9", 9)
ENOUGH = 500  # packets of a flood of 2,000 a second that a free newt gets out in a second
ARRANGED = [("iptables", "iptables"), ("nftables", "nftables"), ("iptables", "nftables")]


@pytest.fixture
def both(host: Host) -> Iterator[Host]:
    yield host
    second_newt.end(host)


@contextlib.contextmanager
def nothing_arrives(host: Host) -> Iterator[None]:
    """Of the floods, at gitea, the printer and postgres."""
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(host.tapped_at(name)) for name in ("gitea", "printer")]
        wires.append(stack.enter_context(host.tapped_at("postgres")))
        yield
    for wire, address in zip(wires, (GITEA, PRINTER, POSTGRES), strict=True):
        assert wire.carried.get(address, 0) == 0, f"{address} got packets of a flood"


def each_by_its_own_list(host: Host) -> None:
    nas = host.dial((GITEA, 3000), (PRINTER, 631))
    assert ["gitea at" in nas[0], "printer at" in nas[1]] == [True, False], nas
    home = [second_newt.answers(host, GITEA, 3000), second_newt.answers(host, PRINTER, 631)]
    assert ["gitea at" in home[0], "printer at" in home[1]] == [False, True], home


def test_a_second_newt_without_rules_floods_its_targets(both: Host) -> None:
    second_newt.create_network(both)
    with both.tapped_at("postgres") as wire:
        second_newt.start_flooding(both, POSTGRES, 5432)
        time.sleep(1)
    assert wire.carried.get(POSTGRES, 0) > ENOUGH, "the tap must see what it is to count"


@pytest.mark.parametrize(("of_nas", "of_home"), ARRANGED)
def test_each_keeps_its_list_while_the_other_is_changed_held_and_removed(
    both: Host, of_nas: str, of_home: str
) -> None:
    host = both
    host.apply(declare(arrangement=of_nas))
    host.apply(declare_second(arrangement=of_home))
    host.create_network()
    second_newt.create_network(host)
    with nothing_arrives(host):
        host.start_flooding_newt(f"{PRINTER},{POSTGRES}", port=631, seconds=120)
        second_newt.start_flooding(host, f"{GITEA},{POSTGRES}", 3000)
        each_by_its_own_list(host)

        host.apply(declare_second(MORE, arrangement=of_home))
        host.apply(declare(MORE, arrangement=of_nas))
        host.egress("refresh")
        each_by_its_own_list(host)

        host.egress("--instance", HOME, "hold")
        assert host.newt_runs()
        assert "gitea at" in host.dial((GITEA, 3000))[0]
        host.egress("--instance", HOME, "release")
        eventually(lambda: HOME in host.sh("docker ps"), "the held newt runs again")
        each_by_its_own_list(host)

        # The boot of one whose rules are damaged does not keep the other's from loading.
        host.sh(f"true >{STATE_FOLDER}/instances/{HOME}/current/declaration")
        assert host.egress("boot", check=False).returncode != 0
        assert host.check()["state"] == "ok"
        host.apply(declare_second(MORE, arrangement=of_home))

        host.sh(f"docker rm --force {CONTAINER}; docker network rm {NETWORK}")
        assert "removed" in host.egress("--instance", NAS, "remove").stdout
        assert "printer at" in second_newt.answers(host, PRINTER, 631)
        assert "gitea at" not in second_newt.answers(host, GITEA, 3000)
        time.sleep(0.5)
    status = host.egress("status").stdout
    assert f"stack {second_newt.OWNER}, instance {HOME}, " in status
    assert f"instance {NAS}" not in status
    assert status.endswith("in force\n")


def test_commands_without_a_name_are_for_all_or_say_which_there_are(both: Host) -> None:
    before = both.snapshot()
    both.apply(declare())
    both.apply(declare_second())

    status = both.egress("status").stdout
    refused = both.egress("hold", check=False)

    assert f"stack {OWNER}, instance {NAS}, " in status
    assert f"stack {second_newt.OWNER}, instance {HOME}, " in status
    assert both.egress("check").stdout.count("state=ok") == 2
    assert refused.returncode != 0
    assert f"NAME is one of {HOME} {NAS}" in refused.stdout
    both.egress("--instance", HOME, "remove")
    assert both.sh(f"test -x {PROGRAM} && echo there") == "there\n"
    both.egress("remove")
    assert both.snapshot() == before, "the last one takes the program with it"


def test_two_stacks_with_one_name_bridge_network_or_subnet_are_refused_with_a_free_value(
    both: Host,
) -> None:
    both.apply(declare())
    site = Instance("site")

    same_name = both.refuses(declare(owner="other/nas"))
    defaults = both.refuses(declare(owner="newt-tunnel/site", instance=site))
    bridge = both.refuses(declare_second(bridge="br-newt"))

    assert f"docker.instance {NAS} of stack other/nas is that of stack {OWNER}" in same_name
    assert "write docker.instance: nas-2" in same_name
    assert f"of stack newt-tunnel/site cannot be on this host beside that of stack {OWNER}" in (
        defaults
    )
    assert "write docker.instance: site" in defaults
    assert "write docker.subnet: 172.30.1.0/24" in defaults
    assert "write docker.bridge: br-newt2" in bridge


def test_a_name_that_is_slow_for_one_newt_delays_no_repair_of_the_other(both: Host) -> None:
    both.apply(declare())
    both.apply(declare_second(rule("homeassistant", "homeassistant.lan", 8123)))
    both.sh("iptables -t mangle -F NEWT-EGRESS-nas")
    both.lab.dns.stop()
    try:
        with both.nas.popen(["newt-egress", "--instance", HOME, "refresh"]) as slow:
            started = time.monotonic()
            both.egress("--instance", NAS, "refresh")
            took = time.monotonic() - started
            assert slow.poll() is None, "the look-up must still be under way"
            slow.wait()
    finally:
        both.lab.dns.start()
        both.lab.dns.reset()
    assert both.check()["state"] == "ok"
    assert took < 2


def test_an_older_program_does_not_replace_one_that_another_newt_needs(both: Host) -> None:
    both.apply(declare())
    both.sh(f"sed -i 's/^VERSION=.*/VERSION=99/' {PROGRAM}")

    both.apply(declare_second())
    assert "VERSION=99" in both.sh(f"cat {PROGRAM}")

    both.egress("--instance", HOME, "remove")
    both.apply(declare())
    assert "VERSION=99" not in both.sh(f"cat {PROGRAM}"), "nobody else needs it"
