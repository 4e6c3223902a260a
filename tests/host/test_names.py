"""Host names: asked of the listed resolvers, every address, refreshed, never believed blindly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.rig import (
    GITEA,
    HOMEASSISTANT,
    NAS,
    POSTGRES,
    RESOLVER,
    Host,
    declare,
    rule,
)

pytestmark = pytest.mark.lab

NAME = "homeassistant.lan"
NAMED = declare(rule("homeassistant", NAME, 8123))
SECOND = "10.0.1.101"
THIRD = "10.0.1.102"

# What the tools of others print; the lab has none of them. The server must be the one asked for.
DIG = f"""
[ "$*" = "+short +time=2 +tries=2 -t A {NAME}. @{RESOLVER}" ] || exit 9
printf 'alias.lan.\\n{HOMEASSISTANT}\\n{SECOND}\\n'
"""
HOST = f"""
[ "$*" = "-W 2 -t A {NAME}. {RESOLVER}" ] || exit 1
cat <<END
Using domain server:
Name: {RESOLVER}
Address: {RESOLVER}#53
Aliases:

{NAME} is an alias for alias.lan.
alias.lan has address {HOMEASSISTANT}
alias.lan has address {SECOND}
END
"""
NSLOOKUP = f"""
[ "$*" = "-type=a {NAME}. {RESOLVER}" ] || exit 1
cat <<END
Server:		{RESOLVER}
Address:	{RESOLVER}#53

{NAME}	canonical name = alias.lan.
Name:	alias.lan
Address: {HOMEASSISTANT}
Name:	alias.lan
Address: {SECOND}

END
"""


@pytest.fixture(autouse=True)
def zone(nas: Host) -> Iterator[None]:
    yield
    nas.lab.dns.reset()


def listed(host: Host, name: str = "homeassistant") -> set[str]:
    """The addresses that the kernel's rules of that name allow."""
    rows = [line.split("\t") for line in host.egress("counters").stdout.splitlines()]
    return {
        row[4].removeprefix("-d ").removeprefix("--ctorigdst ").split(" ")[0].removesuffix("/32")
        for row in rows
        if row[3] == name
    }


@pytest.mark.parametrize("arrangement", ["iptables", "nftables"])
def test_every_address_is_printed_and_allowed_and_asked_of_the_listed_resolver(
    host: Host, arrangement: str
) -> None:
    host.lab.dns.set(NAME, [HOMEASSISTANT, SECOND, THIRD])
    mark = host.lab.dns.mark()

    said = host.apply(declare(rule("homeassistant", NAME, 8123), arrangement=arrangement)).stdout

    for address in (HOMEASSISTANT, SECOND, THIRD):
        assert f"resolved {NAME} -> {address}" in said
    assert listed(host) == {HOMEASSISTANT, SECOND, THIRD}
    assert ("A", NAME, NAS) in host.lab.dns.queries(mark)
    assert f"resolved {NAME} -> {SECOND}" in host.egress("status").stdout


@pytest.mark.parametrize(("tool", "script"), [("dig", DIG), ("host", HOST), ("nslookup", NSLOOKUP)])
def test_whichever_tool_is_there_is_asked_for_all_addresses(
    host: Host, tool: str, script: str
) -> None:
    with host.stub(tool, script):
        host.apply(NAMED)

    assert listed(host) == {HOMEASSISTANT, SECOND}


def test_without_a_tool_the_hosts_own_resolver_is_asked_with_a_warning(host: Host) -> None:
    with host.without("busybox"):
        said = host.apply(NAMED).stdout
        host.lab.dns.set(NAME, [RESOLVER])
        refused = host.refuses(NAMED)

    assert "warning: no dig, host or nslookup here" in said
    assert f"not by {RESOLVER}" in said
    assert listed(host) == {HOMEASSISTANT}
    assert f"{NAME} resolves to {RESOLVER}, which is a resolver" in refused


@pytest.mark.parametrize("without", ["", "busybox"])
@pytest.mark.parametrize("name", ["lost.lan", "lost"])
def test_a_name_is_never_tried_in_the_hosts_search_domains(
    host: Host, name: str, without: str
) -> None:
    """With busybox's nslookup, and with this host's own resolver."""
    host.lab.dns.set(f"{name}.evil.lan", [HOMEASSISTANT])
    before = host.sh("cat /etc/resolv.conf")
    host.sh("cat >/etc/resolv.conf", stdin=f"search evil.lan\noptions ndots:5\n{before}")
    mark = host.lab.dns.mark()
    try:
        assert HOMEASSISTANT in host.sh(f"getent ahostsv4 {name}"), "the search domain works"
        with host.without(*without.split()):
            said = host.refuses(declare(rule("lost", name, 80)))
    finally:
        host.sh("cat >/etc/resolv.conf", stdin=before)

    assert f"{name} does not resolve" in said
    assert ("write lost.lan or the like" in said) == (name == "lost")
    assert ("A", name, NAS) in host.lab.dns.queries(mark)


def test_this_hosts_own_file_counts_where_its_own_resolver_is_asked(host: Host) -> None:
    before = host.sh("cat /etc/hosts")
    host.sh("cat >>/etc/hosts", stdin=f"{SECOND} other lost.lan # lost.example\n")
    try:
        with host.without("busybox"):
            host.apply(declare(rule("lost", "lost.lan", 80)))
    finally:
        host.sh("cat >/etc/hosts", stdin=before)

    assert listed(host, "lost") == {SECOND}


def test_a_second_resolver_is_asked_when_the_first_is_silent(host: Host) -> None:
    host.apply(declare(rule("homeassistant", NAME, 8123), resolvers=("10.0.1.201", RESOLVER)))

    assert listed(host) == {HOMEASSISTANT}


def test_a_refresh_follows_a_changed_zone(host: Host) -> None:
    host.apply(NAMED)
    host.lab.dns.set(NAME, [SECOND])

    said = host.egress("refresh").stdout

    assert f"names changed: {NAME} {SECOND}" in said
    assert listed(host) == {SECOND}
    assert host.check()["state"] == "ok"


def test_a_refresh_without_a_change_changes_nothing(host: Host) -> None:
    host.apply(NAMED)
    was = host.snapshot()

    done = host.egress("refresh")

    assert done.stdout == ""
    assert host.snapshot() == was


def test_the_last_good_answer_is_kept_while_the_resolver_is_down(host: Host) -> None:
    host.apply(NAMED)
    was = host.rules()
    host.lab.dns.stop()
    try:
        said = host.egress("refresh").stdout
    finally:
        host.lab.dns.start()

    assert f"warning: {NAME} does not resolve now; its last good answer is kept" in said
    assert host.rules() == was


@pytest.mark.parametrize("answer", [POSTGRES, NAS, "127.0.0.1"])
def test_a_refresh_refuses_a_zone_that_turns_hostile_and_says_so_in_the_log(
    host: Host, answer: str
) -> None:
    host.apply(NAMED)
    was = host.snapshot()
    host.lab.dns.set(NAME, [HOMEASSISTANT, answer])

    done = host.egress("refresh", check=False)

    assert done.returncode != 0
    assert f"{NAME} resolves to {answer}" in done.stdout
    assert host.snapshot() == was
    logged = host.sh("journalctl --identifier newt-egress --lines 1 --output cat")
    assert f"{NAME} resolves to {answer}" in logged


NODES = {"earth.pop.example": "203.0.113.21", "mars.pop.example": "203.0.113.22"}


@pytest.mark.parametrize("answer", [[GITEA], ["198.51.100.7", "127.0.0.1"], []])
def test_one_node_that_fails_keeps_its_address_and_stops_the_refresh_of_no_other(
    host: Host, answer: list[str]
) -> None:
    """Turned inside, and gone. Both nodes are judged like the endpoint."""
    earth, mars = NODES
    for name, address in NODES.items():
        host.lab.dns.set(name, [address])
    nodes = [rule("pangolin-nodes", name, 51820, protocol="udp") for name in NODES]
    host.apply(declare(*nodes, servers=tuple(NODES)))
    assert listed(host, "pangolin-nodes") == {*NODES.values()}
    host.lab.dns.set(earth, answer)
    host.lab.dns.set(mars, ["203.0.113.23"])

    done = host.egress("refresh", check=False)

    assert listed(host, "pangolin-nodes") == {NODES[earth], "203.0.113.23"}
    assert host.check()["state"] == "ok"
    if answer:
        assert done.returncode != 0
        assert f"{earth} resolves to {answer[-1]}, which is" in done.stdout
        assert f"host names are not refreshed: {earth}" in host.egress("status").stdout
    else:
        assert f"warning: {earth} does not resolve now; its last good answer is kept" in done.stdout


@pytest.mark.parametrize("answer", [[GITEA], []])
def test_at_the_first_load_every_node_must_be_good(host: Host, answer: list[str]) -> None:
    earth, mars = NODES
    host.lab.dns.set(earth, answer)
    host.lab.dns.set(mars, [NODES[mars]])
    nodes = [rule("pangolin-nodes", name, 51820, protocol="udp") for name in NODES]

    said = host.refuses(declare(*nodes, servers=tuple(NODES)))

    assert earth in said
    assert ("of a node in pangolin.nodes" in said) == bool(answer)
    assert ("one may be left out of pangolin.nodes" in said) != bool(answer)


def test_a_refresh_repairs_what_was_flushed_and_says_so(host: Host) -> None:
    host.apply(NAMED)
    was = host.rules()
    host.sh("iptables -t mangle -F NEWT-EGRESS-nas")
    assert host.check()["state"] == "drifted"

    said = host.egress("refresh").stdout

    assert "repaired: the rules are not those that were loaded" in said
    assert host.rules() == was
    assert host.check()["state"] == "ok"


def test_a_target_that_is_listed_by_name_and_by_address_is_one_target(host: Host) -> None:
    by_name, by_address = rule("name", "gitea.lan", 3001), rule("address", GITEA, 3001)

    host.apply(declare(by_name, by_address, arrangement="nftables"))

    assert listed(host, "name") | listed(host, "address") == {GITEA}
