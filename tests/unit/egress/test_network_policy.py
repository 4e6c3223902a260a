"""The rendered NetworkPolicy: what it must never contain, and how it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.egress.decide_connection import Answer, Connection, Peer, PeerPod, decide
from newt_tunnel.egress.model import Address, HostName, PolicyError
from newt_tunnel.egress.network_policy import (
    DIGEST_ANNOTATION,
    RENDERED_ANNOTATION,
    annotations_of,
    deny_all,
    digest,
    newt_policy,
)
from newt_tunnel.egress.rules import Rule
from tests.unit.egress.cluster_cases import golden, policy, rule
from tests.unit.egress.strategies import bounded, briefly, mostly, policy_of

POST = golden("k3s-home")
PODS = (
    PeerPod(namespace="shop", labels=(("app", "web"),), port_names={("http", "tcp"): 8080}),
    PeerPod(
        namespace="shop",
        labels=(("app", "web"), ("tier", "front")),
        port_names={("http", "tcp"): 80, ("http", "udp"): 8080},
    ),
    PeerPod(namespace="shop", labels=(("app", "db"),)),
    PeerPod(namespace="other", labels=(("app", "web"),), port_names={("http", "tcp"): 8080}),
)
_PODS = ("shop/app=web", "shop/app=web,tier=front", "shop/*", "other/app=web", "shop/app=db")
_BLOCKS = (
    *("10.0.1.50/32", "10.0.1.0/24", "0.0.0.0/0", "10.42.0.0/16", "fd00:1::/64", "::/0"),
    *("0.0.0.0/0-10.42.0.0/16-169.254.0.0/16", "10.0.0.0/8-10.0.1.50/32", "::/0-fe80::/10"),
)
_NUMBERS = ("80", "8080", "8000-8100", "79,8081", "1-65535")
_ADDRESSES = (
    *("10.0.1.50", "10.0.1.51", "10.42.0.7", "169.254.169.254", "10.0.0.0", "203.0.113.10"),
    *("fd00:1::7", "fe80::1", "2001:db8::10"),
)
_PORTS = (79, 80, 81, 8000, 8080, 8100, 65535)


@st.composite
def rules(draw: st.DrawFn, number: int) -> Rule:
    of_pods = draw(st.booleans())
    ports = draw(
        st.sampled_from((*_NUMBERS, "http", "http(80+8080)", "http,8080") if of_pods else _NUMBERS)
    )
    service = draw(mostly(st.sampled_from((f"{ports}/tcp", f"{ports}/udp")), st.just("all/any")))
    # Names repeat: pangolin has several rules, and so have Services without a selector.
    name = draw(st.sampled_from(("pangolin", f"entry-{number}")))
    return rule(name, draw(st.sampled_from(_PODS if of_pods else _BLOCKS)), service)


@st.composite
def policies(draw: st.DrawFn) -> Any:
    return policy_of(*(draw(rules(n)) for n in range(draw(st.integers(0, 5)))))


@st.composite
def connections(draw: st.DrawFn) -> Connection:
    protocol = draw(st.sampled_from(("tcp", "tcp", "udp", "sctp", "icmp")))
    return Connection(
        destination=ip_address(draw(st.sampled_from(_ADDRESSES))),
        protocol=protocol,
        port=None if protocol == "icmp" else draw(st.sampled_from(_PORTS)),
        peer=draw(st.sampled_from((None, None, *PODS, *PODS, *Peer))),
    )


@bounded
@given(policies(), st.lists(connections(), min_size=1, max_size=8))
def test_what_is_rendered_decides_as_the_policy_does(found: Any, several: list[Connection]) -> None:
    spec = newt_policy(found, "newt")
    for connection in several:
        wanted = decide(found, connection)
        assert interpreted(spec, connection) is wanted.answer, f"{connection}: {wanted.reason}"


@briefly
@given(policies())
def test_no_rule_has_ports_without_a_destination_or_a_destination_without_an_end(
    found: Any,
) -> None:
    for egress in newt_policy(found, "newt")["egress"]:
        assert egress["to"], "ports without `to` are open everywhere"
        assert egress.get("ports", True), "an empty list of ports is every port"
        for peer in egress["to"]:
            assert peer.keys() in (
                {"ipBlock"},
                {"namespaceSelector"},
                {"namespaceSelector", "podSelector"},
            )
            if "namespaceSelector" in peer:
                assert peer["namespaceSelector"]["matchLabels"], "an empty one is every namespace"
            assert peer.get("podSelector", {"matchLabels": 1})["matchLabels"]
        for port in egress.get("ports", ()):
            assert port["protocol"] in ("TCP", "UDP")
            assert "port" in port, "without a number it is every port"


def test_newts_policy_selects_the_instance_and_lets_nothing_in() -> None:
    spec = newt_policy(POST, "home")
    assert spec["podSelector"] == {"matchLabels": {"newt.instance": "home"}}
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec, "none is written, so none is allowed"
    assert deny_all() == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_an_added_target_is_an_added_rule_at_the_end() -> None:
    more = replace(POST, allowed=(*POST.allowed, rule("a-first", "10.0.1.3/32", "80/tcp")))
    before, after = (newt_policy(one, "newt")["egress"] for one in (POST, more))
    assert after[: len(before)] == before, "the provider compares by index"
    assert len(after) == len(before) + 1


def test_each_target_is_one_rule_in_the_order_of_the_file() -> None:
    ports = golden("ports")
    assert len(newt_policy(POST, "newt")["egress"]) == 5, "dns, pangolin and three targets"
    named = {rule.name for rule in ports.allowed}
    assert len(newt_policy(ports, "newt")["egress"]) == len(named) + 1, (
        "one more where endpoints differ in their ports"
    )


def test_every_rule_has_its_name_and_text_in_an_annotation() -> None:
    reasoned = replace(POST.allowed[-1], reason="Labels for parcels.")
    found = annotations_of(replace(POST, allowed=(*POST.allowed[:-1], reasoned)), "newt")
    assert found["egress.newt-tunnel/gitea"] == ("gitea/app.kubernetes.io/component=gitea 3000/tcp")
    assert found["egress.newt-tunnel/printer"] == "10.0.1.200 631/tcp (Labels for parcels.)"
    assert found["egress.newt-tunnel/dns"] == (
        "kube-system/k8s-app=kube-dns 53/udp, kube-system/k8s-app=kube-dns 53/tcp"
    )


def test_the_digest_changes_with_the_rules_and_with_nothing_else() -> None:
    texts = (
        "allow a 10.0.1.1/32 80/tcp",
        "allow a 10.0.1.1/32 80/udp",
        "allow a 10.0.1.2/32 80/tcp",
    )
    digests = [digest(policy(text)) for text in texts]
    assert len(set(digests)) == len(digests)
    renamed, seen = policy("allow b 10.0.1.1/32 80/tcp"), policy("allow a shop/a=b http(80)/tcp")
    assert digest(renamed) == digests[0], "a name renders nothing that is enforced"
    assert digest(seen) != digest(policy("allow a shop/a=b http(81)/tcp")), (
        "a named port is enforced by the number that was seen"
    )
    assert len(digests[0]) == 16


def test_a_named_port_is_shown_with_its_number_where_one_was_seen() -> None:
    found = annotations_of(
        policy(
            "allow web shop/app=web 80,http(8080+8081)/tcp\nallow later shop/app=later http/tcp"
        ),
        "newt",
    )
    assert found["egress.newt-tunnel/web"] == "shop/app=web 80,http (8080, 8081)/tcp"
    assert found["egress.newt-tunnel/later"] == "shop/app=later http/tcp"


def test_the_policy_carries_the_hash_that_newts_pods_carry() -> None:
    assert annotations_of(POST, "newt")[DIGEST_ANNOTATION] == digest(POST)
    assert annotations_of(POST, "other")[DIGEST_ANNOTATION] == digest(POST), "it is of the rules"


def test_the_policy_remembers_each_thing_it_was_rendered_with() -> None:
    more = replace(POST, allowed=(*POST.allowed, rule("a-first", "10.0.1.3/32", "80/tcp")))
    before, after = (annotations_of(one, "newt")[RENDERED_ANNOTATION] for one in (POST, more))
    assert after.startswith(f"{before} "), "an added target is added at the end"
    assert len(after.split()) == len(before.split()) + 1


def test_a_name_that_is_not_resolved_is_never_rendered() -> None:
    unresolved = policy_of(
        replace(rule("nas", "10.0.1.7/32", "80/tcp"), destination=HostName("nas.lan"))
    )
    for use in (lambda: newt_policy(unresolved, "newt"), lambda: decide(unresolved, ANY)):
        with pytest.raises(ValueError, match=r"nas\.lan has not been resolved"):
            use()


ANY = Connection(destination=ip_address("10.0.1.7"), protocol="tcp", port=80)


# decide, where it is not the renderer's mirror


def answer(
    text: str,
    address: str,
    peer: PeerPod | Peer | None = None,
    protocol: str = "tcp",
    port: int | None = 80,
) -> Answer:
    connection = Connection(
        destination=ip_address(address), peer=peer, protocol=protocol, port=port
    )
    return decide(policy(text), connection).answer


def test_what_the_api_does_not_promise_is_up_to_the_enforcer() -> None:
    assert answer("", "10.42.0.7", Peer.NEWT_ITSELF) is Answer.ALLOWED
    assert answer("", "10.0.1.11", Peer.OWN_NODE) is Answer.UP_TO_ENFORCER
    assert answer("", "10.0.1.11", protocol="icmp", port=None) is Answer.UP_TO_ENFORCER
    in_block = "allow lan 10.42.0.0/16 80/tcp"
    assert answer(in_block, "10.42.0.7", PODS[0]) is Answer.UP_TO_ENFORCER
    assert answer("", "10.42.0.7", PODS[0]) is Answer.DENIED
    assert answer("", "10.0.1.1") is Answer.DENIED


def test_an_allowing_rule_is_named() -> None:
    verdict = decide(
        POST, Connection(destination=ip_address("10.0.1.200"), protocol="tcp", port=631)
    )
    assert (verdict.rule, verdict.reason) == ("printer", "egress[2] allows it")


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("shop/app=web 80/tcp", "shop/app=web 80/tcp", True),
        ("shop/app=web 80/tcp", "shop/tier=front 80/tcp", True),
        ("shop/* 80/tcp", "shop/app=db 1-100/tcp", True),
        ("shop/app=web 80/tcp", "shop/app=db 80/tcp", False),
        ("shop/app=web 80/tcp", "other/app=web 80/tcp", False),
        ("shop/app=web 80/tcp", "shop/app=web 81/tcp", False),
        ("shop/app=web http(80)/tcp", "shop/app=web 80/tcp", True),
        ("shop/app=web http(80)/tcp", "shop/app=web 81/tcp", False),
        ("shop/app=web http/tcp", "shop/app=web http/tcp", True),
        ("shop/app=web http(80)/tcp", "shop/app=web admin(80+81)/tcp", True),
        ("shop/app=web http(80)/tcp", "shop/app=web all/any", True),
        ("shop/app=web 80/tcp", "10.0.0.0/8 80/tcp", False),
        ("fd00::/64 80/tcp", "fd00::7/128 80/tcp", True),
        ("fd00::/64 80/tcp", "0.0.0.0/0 80/tcp", False),
        ("0.0.0.0/0-10.0.0.0/8 80/tcp", "10.0.1.1/32 80/tcp", False),
        ("0.0.0.0/0-10.0.0.0/8 80/tcp", "10.0.0.0/7 80/tcp", True),
        ("0.0.0.0/0-10.0.0.0/8 80/tcp", "192.168.1.1/32 80/tcp", True),
        ("0.0.0.0/0-10.0.0.0/8 80/tcp", "10.0.0.0/8-10.1.0.0/16 80/tcp", False),
        ("0.0.0.0/0-10.0.0.0/8 80/tcp", "::/0-fe80::/10 80/tcp", False),
    ],
)
def test_rules_overlap_when_some_connection_could_match_both(
    one: str, other: str, overlap: bool
) -> None:
    first, second = rule("one", *one.split()), rule("other", *other.split())
    assert first.overlaps(second) is overlap
    assert second.overlaps(first) is overlap, "an overlap has no direction"


def test_only_pods_have_named_ports() -> None:
    with pytest.raises(PolicyError, match="only pods have named ports; write the number"):
        rule("nas", "10.0.1.7/32", "http/tcp")


# A NetworkPolicy as Kubernetes documents it


def interpreted(spec: Mapping[str, Any], connection: Connection) -> Answer:
    if connection.peer is Peer.NEWT_ITSELF:
        return Answer.ALLOWED
    by_address = False
    for egress in spec["egress"]:
        if not _port_matches(egress.get("ports"), connection):
            continue
        for peer in egress["to"]:
            if _selects(peer, connection.peer):
                return Answer.ALLOWED
            if _contains(peer.get("ipBlock"), connection.destination):
                if not isinstance(connection.peer, PeerPod):
                    return Answer.ALLOWED
                by_address = True
    exempt = connection.peer is Peer.OWN_NODE or connection.protocol not in ("tcp", "udp", "sctp")
    return Answer.UP_TO_ENFORCER if by_address or exempt else Answer.DENIED


def _port_matches(ports: list[dict[str, Any]] | None, connection: Connection) -> bool:
    if ports is None:
        return True
    return any(
        port["protocol"].lower() == connection.protocol
        and connection.port is not None
        and any(first <= connection.port <= last for first, last in _ends(port, connection))
        for port in ports
    )


def _ends(port: Mapping[str, Any], connection: Connection) -> Iterator[tuple[int, int]]:
    if isinstance(port["port"], int):
        yield port["port"], port.get("endPort", port["port"])
    elif isinstance(connection.peer, PeerPod):
        number = connection.peer.port_names.get((port["port"], connection.protocol))
        if number is not None:
            yield number, number


def _selects(peer: Mapping[str, Any], other: PeerPod | Peer | None) -> bool:
    if "namespaceSelector" not in peer or not isinstance(other, PeerPod):
        return False
    namespace = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    wanted = peer.get("podSelector", {}).get("matchLabels", {})
    return bool(namespace == other.namespace and wanted.items() <= dict(other.labels).items())


def _contains(block: Mapping[str, Any] | None, address: Address) -> bool:
    return (
        block is not None
        and address in ip_network(block["cidr"])
        and not any(address in ip_network(hole) for hole in block.get("except", ()))
    )
