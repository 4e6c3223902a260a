"""A host with the cage of a former release is taken over by the next update of its own stack:
nothing forbidden passes meanwhile, what newt may reach it reaches, and nothing is left behind.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from newt_tunnel.docker_host.docker_names import STATE_FOLDER
from newt_tunnel.egress.instance import Instance
from tests.attack.machines import choose_backend, legacy
from tests.host import second_newt
from tests.host.former_cage import former_script, set_up
from tests.host.moments import KILL, after_a_load, after_moving
from tests.host.rig import CONTAINER, CREDENTIALS, GITEA, POSTGRES, STATE, Host, declare
from tests.host.second_newt import declare_second
from tests.host.test_backends import backend

pytestmark = pytest.mark.lab

OF_THEN = [
    *("newt-egress.service", "newt-egress-refresh.service", "newt-egress-refresh.timer"),
    *("newt-egress.conf", "newt_guard", "NEWT-EGRESS", "NEWT-INGRESS"),
]
MOMENTS = {
    "when the change was announced": ("mv", after_moving(f"{STATE}/pending", KILL)),
    "after the rules": ("iptables-restore", after_a_load(KILL)),
    "when the program was replaced": ("mv", after_moving("/usr/local/sbin/newt-egress", KILL)),
    "after the renames": ("mv", after_moving(f"{STATE}/current", KILL)),
    "when the former cage was gone": ("mv", after_moving(f"{STATE_FOLDER}/retired", KILL)),
}


@contextlib.contextmanager
def postgres_gets_nothing(host: Host) -> Iterator[None]:
    with host.tapped_at("postgres") as wire:
        yield
    assert wire.carried.get(POSTGRES, 0) == 0


def container(host: Host) -> str:
    return host.sh(f"docker container inspect -f '{{{{.Id}}}} {{{{.State.Pid}}}}' {CONTAINER}")


def reaches_gitea(host: Host) -> bool:
    return "gitea at" in host.dial((GITEA, 3000))[0]


def is_taken_over(host: Host) -> None:
    assert host.check()["state"] == "ok"
    left = (host.rules() + host.files()).split()
    assert not [word for word in left if word.rpartition("/")[2] in OF_THEN]


@pytest.mark.parametrize("arrangement", ["iptables", "legacy", "nftables", "docker-user"])
def test_nothing_forbidden_passes_while_the_former_cage_is_taken_over(
    host: Host, arrangement: str
) -> None:
    with contextlib.ExitStack() as stack:
        if arrangement == "legacy":
            stack.enter_context(legacy(host))
        declared = declare(
            arrangement="iptables" if arrangement == "legacy" else arrangement,
            persistence="systemd",
        )
        set_up(host, declared)
        host.sh("newt-egress credentials file", stdin='{"id":"of-then"}')
        host.create_network()
        host.start_flooding_newt(POSTGRES, f"--volume={CREDENTIALS}:/etc/newt:ro")
        newt = container(host)
        with postgres_gets_nothing(host):
            time.sleep(0.5)
            assert host.check()["state"] == "ok", "a preview reads the former program, too"
            assert reaches_gitea(host)
            host.apply(declared)
            assert reaches_gitea(host)
            host.egress("refresh")
            time.sleep(0.5)
        is_taken_over(host)
        assert container(host) == newt, "newt was replaced"
        store = "newt-egress --instance nas credentials file"
        again = host.sh(store, stdin='{"id":"of-then"}').split()[-1]
        assert host.check()["credentials"].split()[0] == again, "the revision is inherited"
        host.sh(store, stdin='{"id":"of-now"}')
        inside = f"docker exec {CONTAINER} cat /etc/newt/config.json"
        assert "of-now" in host.sh(inside), "the mount is the folder that is written"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_take_over_that_is_killed_leaves_a_cage_and_is_finished_by_the_next_update(
    host: Host, moment: str
) -> None:
    declared = declare(persistence="systemd")
    set_up(host, declared)
    host.create_network()
    host.start_flooding_newt(POSTGRES)
    tool, script = MOMENTS[moment]
    with postgres_gets_nothing(host):
        with host.stub(tool, script):
            assert host.apply(declared, check=False).returncode != 0, "it was not killed"
        host.egress("refresh")
        host.egress("gate")
        assert reaches_gitea(host)
        host.apply(declared)
        assert reaches_gitea(host)
    is_taken_over(host)
    assert host.sh(f"ls {STATE}").split() == ["current"]


def test_a_take_over_on_a_full_disk_changes_nothing(host: Host) -> None:
    set_up(host, declare())
    with host.small_disk(STATE_FOLDER) as leave_room:
        leave_room(0)
        was = host.rules()
        done = host.apply(declare(), check=False)
        assert done.returncode != 0
        assert "nothing was changed" in done.stdout
        assert host.rules() == was
        assert host.egress("status").stdout.endswith("in force\n")


def test_a_held_newt_stays_held(host: Host) -> None:
    set_up(host, declare())
    host.create_network()
    host.start_newt()
    host.egress("hold")

    host.apply(declare())

    assert host.check()["held"] == "yes"
    host.egress("start")
    assert not host.newt_runs()


def test_the_former_release_is_kept_out_afterwards(host: Host) -> None:
    set_up(host, declare())
    host.apply(declare())
    was = host.snapshot()
    for order in ("apply", "remove"):
        done = host.nas.run(
            ["sh", "-c", f"exec 2>&1; sh -s -- {order}"],
            check=False,
            stdin=former_script(declare()),
        )
        assert done.returncode != 0
        assert "a newer newt-tunnel is needed here" in done.stdout
    assert host.snapshot() == was


def test_beside_another_stacks_former_cage_nothing_is_deployed(host: Host) -> None:
    set_up(host, declare())
    refused = host.refuses(declare_second())
    assert "run pulumi up of newt-tunnel/nas with this release" in refused
    assert f"then again of {second_newt.OWNER}" in refused


def test_another_name_for_a_deployed_newt_is_refused(host: Host) -> None:
    set_up(host, declare())
    renamed = host.refuses(declare(instance=Instance("home"), names=second_newt.NAMES))
    assert "leave it out, or pulumi destroy first" in renamed

    host.apply(declare())
    renamed = host.refuses(declare(instance=Instance("home")))
    assert "as docker.instance nas: write that again, or pulumi destroy first" in renamed


def test_a_backend_of_iptables_that_changed_meanwhile_leaves_nothing_in_the_other(
    host: Host,
) -> None:
    set_up(host, declare())
    with backend(host, "legacy"):
        host.apply(declare())
        is_taken_over(host)
        choose_backend(host, "nft")
        assert "NEWT-EGRESS\n" not in host.sh("iptables -t mangle -S")
