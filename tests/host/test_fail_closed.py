"""When something fails, what was in force before stays in force: the same rules, byte for byte, the
same files, a failing exit status, and a message that names the thing.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.rig import (
    COMPLETE,
    DOCKER_USER_BACK,
    GATEWAY,
    GITEA,
    NAS,
    POSTGRES,
    RESOLVER,
    Host,
    declare,
    rule,
)

pytestmark = pytest.mark.lab

NAME = "owned.lan"
ENDPOINT = "owned.com"
NAMED = rule("owned", NAME, 8123)
GOOD = "10.0.1.100"
PUBLIC = "203.0.113.10"

ANY_NAME = {
    "127.0.0.1": "loopback",
    "0.0.0.0": "loopback",
    "169.254.169.254": "link-local",
    "224.0.0.251": "multicast",
    "255.255.255.255": "reserved",
    "172.30.0.77": "newt's own network",
    GATEWAY: "newt's own network",
    NAS: "this Docker host itself",
    "172.17.0.1": "this Docker host itself",
    RESOLVER: "is a resolver",
    POSTGRES: "mustNotReach postgres",
}
PRIVATE = (
    *("10.0.1.66", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
    *("192.0.0.8", "198.18.0.1", "198.19.255.255"),
)


@pytest.fixture(scope="module")
def guarded(nas: Host) -> Iterator[Host]:
    """A host with rules in force, which all that is refused here must leave as they are."""
    nas.apply(declare(rule("marker", "192.0.2.1", 1)))
    yield nas
    nas.reset()


@pytest.fixture(autouse=True)
def zone(nas: Host) -> Iterator[None]:
    yield
    nas.lab.dns.reset()


def test_a_name_that_does_not_resolve_is_refused(guarded: Host) -> None:
    said = guarded.refuses(declare(rule("lost", "lost.lan", 80)))

    assert f"lost.lan does not resolve (asked {RESOLVER}" in said


@pytest.mark.parametrize(("address", "reason"), ANY_NAME.items())
def test_no_name_may_resolve_to(guarded: Host, address: str, reason: str) -> None:
    guarded.lab.dns.set(NAME, [GOOD, address])

    said = guarded.refuses(declare(NAMED))

    assert f"{NAME} resolves to {address}, which " in said
    assert reason in said


def test_no_name_may_resolve_to_an_address_of_a_name_that_must_not_be_reached(
    guarded: Host,
) -> None:
    guarded.lab.dns.set(NAME, ["10.0.1.66"])
    guarded.lab.dns.set("secret.lan", ["10.0.1.66"])

    said = guarded.refuses(declare(NAMED, forbidden=(rule("secret", "secret.lan", 22),)))

    assert "resolves to 10.0.1.66, which is forbidden: mustNotReach secret.lan" in said


def test_no_name_may_resolve_to_more_addresses_than_a_host_has(guarded: Host) -> None:
    with guarded.stub("dig", "for n in $(seq 100); do echo 192.0.2.$n; done"):
        said = guarded.refuses(declare(NAMED))

    assert f"{NAME} resolves to more than 64 addresses" in said


@pytest.mark.parametrize("address", PRIVATE)
def test_pangolins_name_may_not_resolve_to_a_private_address(guarded: Host, address: str) -> None:
    guarded.lab.dns.set(ENDPOINT, [PUBLIC, address])
    pangolin = rule("pangolin", ENDPOINT, 443)

    said = guarded.refuses(declare(pangolin, servers=(ENDPOINT,), without="pangolin"))

    assert f"{ENDPOINT} resolves to {address}, which is not public" in said
    assert "pangolin.addresses" in said


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_rules_that_the_tools_do_not_take_are_refused(guarded: Host, arrangement: str) -> None:
    script = declare(arrangement=arrangement).script.replace(GITEA, "10.0.1.500")

    said = guarded.refuses(script)

    assert "10.0.1.500" in said
    assert "the rules were refused by the firewall's own tools" in said


@pytest.mark.docker_user
def test_a_docker_without_docker_user_is_refused(guarded: Host) -> None:
    guarded.sh(
        "iptables -D FORWARD -j DOCKER-USER; iptables -F DOCKER-USER; iptables -X DOCKER-USER"
    )
    try:
        said = guarded.refuses(declare(arrangement="docker-user"))
    finally:
        guarded.sh(DOCKER_USER_BACK)

    assert "no chain DOCKER-USER" in said
    assert "set docker.hook to prerouting" in said


# Something fails after the check: the n-th real load, or all of them.
FAIL_ONCE = """
case " $* " in *" --test "*) exec $real "$@" ;; esac
[ -e /run/failed-once ] && exec $real "$@"
touch /run/failed-once
echo "no luck" >&2
exit 4
"""


@pytest.mark.parametrize("tool", ["ip6tables-restore", "iptables-restore"])
def test_a_load_that_fails_on_one_family_is_undone_on_the_other(guarded: Host, tool: str) -> None:
    with guarded.stub(tool, FAIL_ONCE):
        said = guarded.refuses(declare())
    guarded.sh("rm /run/failed-once")

    assert "no luck" in said
    assert "the state before this change is restored" in said
    assert guarded.check()["state"] == "ok"


def test_a_table_that_does_not_load_leaves_the_former_arrangement(guarded: Host) -> None:
    with guarded.stub(
        "nft", 'case " $* " in *" -c "*) ;; *" -f "*) exit 1 ;; esac; exec $real "$@"'
    ):
        said = guarded.refuses(declare(arrangement="nftables"))

    assert "the state before this change is restored" in said
    assert guarded.check()["state"] == "ok"


@pytest.mark.parametrize(
    ("persistence", "folder"), [("cron", "/etc/cron.d"), ("systemd", "/etc/systemd/system")]
)
def test_persistence_that_cannot_be_written_undoes_the_rules(
    guarded: Host, persistence: str, folder: str
) -> None:
    guarded.sh(f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}")
    try:
        said = guarded.refuses(declare(persistence=persistence))
    finally:
        guarded.sh(f"umount {folder}")

    assert "persistence could not be installed; the state before this change is restored" in said
    assert guarded.check()["state"] == "ok"


def test_a_disk_that_fills_up_at_whatever_moment_changes_nothing(guarded: Host) -> None:
    with guarded.small_disk() as leave_room:
        for pages in range(0, 40, 3):
            leave_room(pages)
            was = guarded.snapshot()
            done = guarded.apply(declare(rule("more", "192.0.2.9", 9)), check=False)
            if done.returncode == 0:
                break
            assert guarded.snapshot() == was
            assert "disk full" in done.stdout
            assert guarded.check()["state"] == "ok"

    assert pages > 9, "there was room for everything from the start: this showed nothing"
    assert done.returncode == 0
    guarded.apply(declare(rule("marker", "192.0.2.1", 1)))


VAULT = "vault.lan"


@pytest.mark.parametrize("arrangement", COMPLETE)
def test_a_forbidden_name_may_not_resolve_to_what_is_allowed(
    guarded: Host, arrangement: str
) -> None:
    guarded.lab.dns.set(VAULT, ["10.0.1.66", GITEA])

    said = guarded.refuses(
        declare(forbidden=(rule("vault", VAULT, 3000),), arrangement=arrangement)
    )

    assert f"{VAULT} resolves to {GITEA}: mustNotReach vault (3000/tcp) overlaps with gitea" in said
    assert f"({GITEA} 3000/tcp), which newt may reach" in said


def test_a_refresh_keeps_the_old_rules_when_a_forbidden_name_turns_to_what_is_allowed(
    host: Host,
) -> None:
    host.lab.dns.set(VAULT, ["10.0.1.66"])
    host.apply(declare(forbidden=(rule("vault", VAULT, 3000),)))
    was = host.snapshot()
    host.lab.dns.set(VAULT, [GITEA])

    done = host.egress("refresh", check=False)

    assert done.returncode != 0
    assert "mustNotReach vault (3000/tcp) overlaps with gitea" in done.stdout
    assert host.snapshot() == was


def test_a_name_may_be_allowed_at_one_port_and_forbidden_at_another(host: Host) -> None:
    host.lab.dns.set(VAULT, [GITEA])

    host.apply(declare(rule("vault", VAULT, 8200), forbidden=(rule("vault-ssh", VAULT, 22),)))

    assert host.check()["state"] == "ok"
