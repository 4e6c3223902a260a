"""The example stack file, and what the layers below get from it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from newt_tunnel.egress.cage import Cage, Firewall, Hook
from newt_tunnel.egress.instance import Instance
from newt_tunnel.egress.model import EVERYWHERE, HostName, PortRange, Protocol
from newt_tunnel.egress.rules import Rule
from newt_tunnel.settings.docker import Persistence
from newt_tunnel.settings.load import judge
from newt_tunnel.settings.newt import LogLevel
from newt_tunnel.settings.policy import cage, policy
from newt_tunnel.settings.stack import Platform, Proof
from tests.unit.settings.example import ABSENT, HOST_KEY, problems, settings, shipped


def rule(name: str, target: str, port: str, origin: str) -> Rule:
    number, transport = port.split("/")
    return Rule(
        name=name,
        destination=HostName(target) if target[0].isalpha() else IPv4Network(target),
        protocol=Protocol(transport),
        ports=(PortRange.single(int(number)),),
        origin=origin,
    )


def allowed(changes: dict[str, object]) -> list[str]:
    return [str(found) for found in policy(settings(changes)).sorted_rules]


def server(changes: dict[str, object]) -> list[str]:
    return [line for line in allowed(changes) if line.startswith("pangolin ")]


def test_the_example_becomes_exactly_these_rules() -> None:
    found = policy(settings())
    assert set(found.allowed) == {
        rule("dns", "10.0.1.53", "53/udp", "dns"),
        rule("dns", "10.0.1.53", "53/tcp", "dns"),
        rule("pangolin", "203.0.113.10", "443/tcp", "pangolin.ports"),
        rule("pangolin", "203.0.113.10", "51820/udp", "pangolin.ports"),
        rule("gitea", "10.0.1.50", "3000/tcp", "egress[0]"),
        rule("printer", "10.0.1.200/32", "631/tcp", "egress[1]"),
        rule("jellyfin", "10.0.1.10", "8096/tcp", "egress[2]"),
        rule("homeassistant.lan", "homeassistant.lan", "8123/tcp", "egress[3]"),
    }
    assert set(found.forbidden) == {
        rule("router", "10.0.1.1", "80/tcp", "mustNotReach[0]"),
        rule("postgres", "10.0.1.60", "5432/tcp", "mustNotReach[1]"),
    }
    assert found.resolvers == (IPv4Address("10.0.1.53"),)
    assert not found.server_names, "its addresses are written, so nothing is left to resolution"


def test_the_example_becomes_exactly_this_cage() -> None:
    assert cage(settings(), "nas") == Cage(
        instance=Instance("nas"),
        bridge="br-newt",
        subnet=IPv4Network("172.30.0.0/24"),
        gateway=IPv4Address("172.30.0.1"),
        newt=IPv4Address("172.30.0.10"),
        host=IPv4Address("10.0.1.10"),
        firewall=Firewall.NFTABLES,
        hook=Hook.PREROUTING,
    )


def test_the_example_lacks_only_the_host_key_and_says_how_to_get_it() -> None:
    _, found = judge(shipped())
    (line,) = map(str, found)
    assert line.startswith("docker.hostKey: (missing): ")
    assert "pulumi config set --path docker.hostKey" in line
    assert "ssh-keyscan -t ed25519 ADDRESS" in line
    assert "/etc/ssh/ssh_host_ed25519_key.pub" in line, "it says what to compare the key with"


def test_everything_that_may_be_omitted_has_its_documented_default() -> None:
    required = {"address": "10.0.1.10", "hostKey": HOST_KEY}
    found = settings(
        {
            "pangolin": {"endpoint": "https://pangolin.example.com"},
            "newtId": ABSENT,
            "egress": ABSENT,
            "mustNotReach": ABSENT,
            "proof": ABSENT,
            "docker": required,
        }
    )
    assert found.platform is Platform.DOCKER
    assert found.proof is Proof.ENFORCE
    assert (found.egress, found.must_not_reach, found.newt_id) == ((), (), None)
    assert (found.pangolin.addresses, found.pangolin.ports) == (None, None)
    docker = found.docker
    assert (docker.port, docker.user, docker.sudo, docker.bridge) == (22, "root", False, "br-newt")
    assert docker.newt_address == IPv4Address("172.30.0.10")
    assert docker.persistence is Persistence.SYSTEMD
    newt = found.newt
    assert (found.image, newt.log_level) == ("fosrl/newt:1.16.0", LogLevel.INFO)
    assert (newt.health, newt.clients, newt.ssh) == (True, False, False)
    assert (newt.resources.memory, newt.resources.cpus) == (128, None)
    assert (newt.environment, newt.capabilities) == ({}, ())


def test_settings_cannot_be_changed_after_validation() -> None:
    docker = settings().docker
    with pytest.raises(ValueError, match="frozen"):
        setattr(docker, "bridge", "br-other")  # noqa: B010  # mypy refuses the plain form, rightly


def test_settings_survive_being_written_and_read_again() -> None:
    found = settings({"newt": {"capabilities": ["NET_RAW"], "environment": {"MTU": 1280}}})
    again, wrong = judge(found.model_dump(mode="json", by_alias=True))
    assert wrong == []
    assert again == found


# what each way of writing means


def test_omitted_addresses_leave_the_endpoint_to_resolution() -> None:
    found = policy(settings({"pangolin": {"endpoint": "https://Pangolin.Example.com/"}}))
    assert found.server_names == (HostName("pangolin.example.com"),)
    assert HostName("pangolin.example.com") in found.host_names


def test_an_endpoint_that_is_a_public_address_needs_no_addresses() -> None:
    found = policy(settings({"pangolin": {"endpoint": "https://203.0.113.10"}}))
    assert not found.server_names
    assert rule("pangolin", "203.0.113.10", "443/tcp", "pangolin.ports") in found.allowed


def test_a_private_endpoint_is_allowed_where_it_is_written_out() -> None:
    pangolin = {"endpoint": "https://10.0.1.5", "addresses": ["10.0.1.5"]}
    assert server({"pangolin": pangolin})[0] == "pangolin (10.0.1.5 443/tcp)"


def test_the_default_ports_follow_the_endpoint_and_the_client_mode() -> None:
    pangolin = {"endpoint": "https://pangolin.example.com:8443", "addresses": ["203.0.113.10"]}
    assert server({"pangolin": pangolin}) == [
        "pangolin (203.0.113.10 8443/tcp)",
        "pangolin (203.0.113.10 51820/udp)",
    ]
    assert server({"pangolin": pangolin, "newt": {"clients": True}}) == [
        "pangolin (203.0.113.10 8443/tcp)",
        "pangolin (203.0.113.10 21820,51820/udp)",
    ]


def test_ports_all_is_the_blog_posts_rule() -> None:
    assert server({"pangolin.ports": "all"}) == ["pangolin (203.0.113.10 all/any)"]


def test_each_written_address_of_the_server_gets_its_rules() -> None:
    lines = server({"pangolin.addresses": ["203.0.113.10", "203.0.113.11"]})
    assert [line.split()[1] for line in lines] == 2 * ["(203.0.113.10"] + 2 * ["(203.0.113.11"]


def test_dns_none_renders_no_rule_and_dns_any_opens_port_53_everywhere() -> None:
    none = policy(settings({"dns": "none", "egress": []}))
    assert not [found for found in none.allowed if found.name == "dns"]
    assert settings({"dns": "none", "egress": []}).dns.is_none
    everywhere = policy(settings({"dns": "any"}))
    dns = [found for found in everywhere.allowed if found.name == "dns"]
    assert {found.destination for found in dns} == {EVERYWHERE}
    assert everywhere.resolvers == ()


@pytest.mark.parametrize("off", ["off", "false", False])
def test_proof_off_works_however_yaml_spells_it(off: object) -> None:
    assert settings({"proof": off}).proof is Proof.OFF


@pytest.mark.parametrize(
    ("written", "ports"),
    [
        (3000, "3000"),
        ("3000", "3000"),
        ("8000-8010", "8000-8010"),
        ([443, "80", "8000-8010"], "80,443,8000-8010"),
    ],
)
def test_a_port_is_a_number_a_text_a_list_or_a_range(written: object, ports: str) -> None:
    (entry,) = settings({"egress": [{"name": "a", "host": "10.0.1.50", "port": written}]}).egress
    assert ",".join(map(str, entry.port)) == ports


@pytest.mark.parametrize("written", ["udp", "UDP", "Udp"])
def test_a_protocol_may_be_written_in_any_case(written: str) -> None:
    entry = {"name": "a", "host": "10.0.1.50", "port": 5353, "protocol": written}
    assert settings({"egress": [entry]}).egress[0].protocol is Protocol.UDP


def test_short_entries_of_one_host_get_names_that_tell_them_apart() -> None:
    found = settings(
        {
            "egress": [
                "nas.lan:80:tcp",
                "nas.lan:53:tcp",
                "nas.lan:53:udp",
                "nas.lan:8000-8010:tcp",
                "gitea.lan:3000:TCP",
                "10.0.1.7:22:tcp",
                {"name": "ha.lan", "host": "10.0.1.100", "port": 8123},
                "ha.lan:8124:tcp",
            ],
            "mustNotReach": ["nas.lan:22:tcp"],
        }
    )
    assert [entry.name for entry in (*found.egress, *found.must_not_reach)] == [
        "nas.lan-80",
        "nas.lan-53",
        "nas.lan-53-udp",
        "nas.lan-8000-8010",
        "gitea.lan",
        "10.0.1.7",
        "ha.lan",
        "ha.lan-8124",
        "nas.lan-22",
    ]


def test_newts_address_follows_the_subnet_when_it_is_not_written() -> None:
    for subnet, address in (
        ("192.168.77.0/24", "192.168.77.10"),
        ("192.168.77.0/29", "192.168.77.6"),
        ("192.168.77.0/30", "192.168.77.2"),
    ):
        changes = {"docker.subnet": subnet, "docker.newtAddress": ABSENT}
        assert settings(changes).docker.newt_address == IPv4Address(address)


def test_a_comment_after_the_host_key_is_left_out() -> None:
    found = settings({"docker.hostKey": f"{HOST_KEY} root@nas $(reboot)"})
    assert found.docker.host_key == HOST_KEY


def test_the_proof_may_try_an_address_of_newts_own_network() -> None:
    entry = {"name": "bridge-web", "host": "172.30.0.1", "port": 80}
    assert settings({"mustNotReach": [entry]}).must_not_reach[0].name == "bridge-web"


def test_values_may_come_as_text_the_way_pulumi_config_set_stores_them() -> None:
    found = settings(
        {
            "docker.port": "2222",
            "docker.sudo": "yes",
            "newt": {"resources": {"memory": "256", "cpus": "0.5"}, "logLevel": "debug"},
        }
    )
    assert (found.docker.port, found.docker.sudo) == (2222, True)
    assert (found.newt.resources.memory, found.newt.resources.cpus) == (256, 0.5)
    assert found.newt.log_level is LogLevel.DEBUG


def test_an_image_may_name_its_registry_and_its_digest() -> None:
    for image in (
        "fosrl/newt:1.16.0",
        "registry.lan:5000/fosrl/newt:1.16.0",
        f"ghcr.io/fosrl/newt:1.16.0@sha256:{'0a' * 32}",
    ):
        assert settings({"agent": {"image": image}}).image == image


def test_five_hundred_targets_still_fit_iptables() -> None:
    targets = [{"name": "many", "host": "10.9.0.1", "port": list(range(1000, 1496))}]
    assert problems({"egress": targets}) == []
