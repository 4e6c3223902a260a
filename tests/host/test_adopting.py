"""From the blog post's script to ours: its chain and its jump go, and only once ours hold.

Evidence is the wire: newt floods a forbidden target throughout.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Iterator

import pytest

from tests.host.rig import (
    ARRANGEMENTS,
    ATTACKER,
    GITEA,
    IMAGE,
    NEWT,
    PANGOLIN,
    POSTGRES,
    PRINTER,
    Host,
    Wire,
    declare,
    rule,
)

pytestmark = [pytest.mark.lab, pytest.mark.docker_user]

PRINTING = rule("printer", PRINTER, 631)
JUMP = f"-A DOCKER-USER -s {NEWT}/32 -j NEWT-EGRESS"
#: What the script does, with its chain, its jump and its order.
SCRIPT = f"""
iptables -N NEWT-EGRESS 2>/dev/null; iptables -F NEWT-EGRESS
iptables -A NEWT-EGRESS -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
iptables -A NEWT-EGRESS -p udp --dport 53 -j RETURN
iptables -A NEWT-EGRESS -p tcp --dport 53 -j RETURN
iptables -A NEWT-EGRESS -d {PANGOLIN} -j RETURN
iptables -A NEWT-EGRESS -d {GITEA} -p tcp --dport 3000 -j RETURN
iptables -A NEWT-EGRESS -j DROP
iptables -C DOCKER-USER -s $1 -j NEWT-EGRESS 2>/dev/null ||
    iptables -I DOCKER-USER -s $1 -j NEWT-EGRESS
"""
#: The script lets pass what belongs to a connection, so a port that was free once is another one.
PORT, FREE_PORT = 15002, 15001
ENOUGH = 500  # packets of a flood of 2,000 a second that a free newt gets out in a second


def run_the_script(host: Host, source: str = NEWT) -> None:
    host.nas.run(["sh", "-s", "--", source], stdin=SCRIPT)


def forget_the_script(host: Host) -> None:
    host.sh(
        "iptables -S DOCKER-USER | sed -n '/-j NEWT-EGRESS/s/^-A/-D/p' | "
        "while read -r rule; do iptables $rule; done; "
        "iptables -F NEWT-EGRESS; iptables -X NEWT-EGRESS",
        check=False,
    )


def prints(host: Host) -> bool:
    """Whether newt reaches what ours allow and the script's did not."""
    return "printer at" in host.dial((PRINTER, 631))[0]


def filter_rules(host: Host) -> str:
    return host.sh("iptables -t filter -S")


@pytest.fixture
def plain(host: Host, request: pytest.FixtureRequest) -> Iterator[Host]:
    """A plain newt, as a compose file makes it, that floods as soon as it runs; and the script."""
    port = getattr(request, "param", PORT)
    host.sh("docker network create --subnet 172.30.0.0/24 home_newt")
    folders = [f"--volume={folder}:{folder}:ro" for folder in ("/usr", "/lib", "/lib64")]
    place = ["--network=home_newt", f"--ip={NEWT}", "--stop-signal=KILL"]
    flood = ["-c", ATTACKER, "flood", POSTGRES, str(port), "120", "2000"]
    run_the_script(host)
    host.sh(
        "docker run --detach --name plain-newt --entrypoint python3 "
        + shlex.join([*place, *folders, IMAGE, *flood])
    )
    yield host
    forget_the_script(host)
    host.sh("docker rm --force plain-newt; docker network rm home_newt; :", check=False)


def end_the_plain_newt(host: Host) -> None:
    """What `docker compose down` does."""
    host.sh("docker rm --force plain-newt && docker network rm home_newt")


@contextlib.contextmanager
def nothing_forbidden_passes(host: Host) -> Iterator[Wire]:
    with host.tapped() as wire:
        yield wire
    assert wire.carried.get(POSTGRES, 0) == 0


@pytest.mark.parametrize("plain", [FREE_PORT], indirect=True)
def test_a_plain_newt_without_any_rules_floods_its_target(plain: Host) -> None:
    forget_the_script(plain)
    with plain.tapped() as wire:
        time.sleep(1)
    assert wire.carried.get(POSTGRES, 0) > ENOUGH, "the tap must see what it is to count"


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_nothing_forbidden_passes_from_the_scripts_rules_to_ours(
    plain: Host, arrangement: str
) -> None:
    with nothing_forbidden_passes(plain):
        time.sleep(0.5)
        end_the_plain_newt(plain)
        said = plain.apply(declare(PRINTING, arrangement=arrangement)).stdout
        plain.create_network()
        plain.start_flooding_newt(POSTGRES)
        time.sleep(1)
        assert prints(plain)

    assert JUMP not in filter_rules(plain)
    if arrangement != "docker-user":
        assert "removed the rules of the blog post's script" in said
        assert "NEWT-EGRESS" not in filter_rules(plain)
    assert "blog post" not in plain.egress("status").stdout
    assert "former" not in plain.check()


def test_a_refused_apply_leaves_the_scripts_rules(plain: Host) -> None:
    with nothing_forbidden_passes(plain):
        refusal = plain.refuses(declare(PRINTING))
    assert "is in use: Docker network home_newt" in refusal
    assert JUMP in filter_rules(plain)


def test_a_script_that_runs_again_at_boot_is_told_of_and_adopted_under_fire(host: Host) -> None:
    host.apply(declare(PRINTING))
    host.create_network()
    host.start_flooding_newt(POSTGRES)
    try:
        with nothing_forbidden_passes(host):
            run_the_script(host)
            said = host.egress("status").stdout
            assert "newt reaches only what both allow" in said
            assert "newt-egress adopt" in host.check()["former"]
            assert host.check()["state"] == "ok", "they narrow the cage and do not open it"
            assert not prints(host), "the script's list does not have it"

            # What loads them at boot is named.
            host.sh("mkdir -p /etc/iptables && iptables-save >/etc/iptables/rules.v4")
            with host.busybox_shell():
                said = host.egress("adopt").stdout
            assert "/etc/iptables/rules.v4 restores them at boot" in said
            assert prints(host)
        assert JUMP not in filter_rules(host)
        assert host.egress("adopt").stdout == "", "a second time there is nothing to do"
    finally:
        host.sh("rm -f /etc/iptables/rules.v4")
        forget_the_script(host)


def test_nothing_is_adopted_while_our_rules_do_not_hold(host: Host) -> None:
    try:
        run_the_script(host)
        host.sh(
            "cat >/usr/local/sbin/newt-egress && chmod 755 /usr/local/sbin/newt-egress",
            stdin=declare().files["newt-egress"],
        )
        refused = host.egress("adopt", check=False)
        assert "are the only ones, so they are kept" in refused.stdout
        host.sh("rm /usr/local/sbin/newt-egress")

        host.apply(declare())
        run_the_script(host)
        host.sh("iptables -t mangle -I NEWT-EGRESS-nas 1 -j RETURN")
        refused = host.egress("adopt", check=False)
        assert refused.returncode != 0
        assert "are kept until they are" in refused.stdout
        assert JUMP in filter_rules(host)
    finally:
        forget_the_script(host)


def test_the_rules_of_another_newt_are_left_alone_and_named(host: Host) -> None:
    try:
        run_the_script(host, "172.31.0.10")
        before = filter_rules(host)
        said = host.apply(declare()).stdout
        assert "also confine 172.31.0.10/32: they are left alone" in said
        assert filter_rules(host) == before
        run_the_script(host)
        with host.busybox_shell():
            host.egress("adopt")
        assert filter_rules(host) == before, "newt's jump alone goes"
        host.egress("remove")
        assert filter_rules(host) == before
        host.apply(declare(arrangement="docker-user"))
        host.egress("remove")
        assert filter_rules(host) == before, "our chains have another name"
    finally:
        forget_the_script(host)
