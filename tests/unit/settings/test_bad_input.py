"""Wrong stack files: one line per problem, with key, value and remedy, and all of them at once."""

from __future__ import annotations

from typing import Any

import pytest

from settings.load import judge
from tests.unit.settings.example import ABSENT, HOST_KEY, problems, stack

RSA = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7"
MISLABELLED = HOST_KEY.replace("ssh-ed25519", "ecdsa-sha2-nistp256")


def entry(**keys: Any) -> dict[str, Any]:
    """An entry that would be valid, changed."""
    whole = {"name": "web", "host": "10.0.1.77", "port": 80, **keys}
    return {key: value for key, value in whole.items() if value is not ABSENT}


def egress(**keys: Any) -> dict[str, Any]:
    return {"egress": [entry(**keys)]}


# (what is written, the line's key, the line's value or None where it is not repeated, its remedy)
Case = tuple[dict[str, Any], str, str | None, str]

TOP_LEVEL: list[Case] = [
    (
        {"kubernetes": {}},
        "kubernetes",
        None,
        "belongs to platform: kubernetes, and this stack has platform: docker",
    ),
    (
        {"kubeconfig": "apiVersion: v1"},
        "kubeconfig",
        None,
        "belongs to platform: kubernetes, and this stack has platform: docker",
    ),
    ({"platform": "podman"}, "platform", "podman", "write one of docker"),
    ({"platform": ABSENT}, "platform", "(missing)", "write where newt runs: docker"),
    ({"egres": []}, "egres", None, "unknown key, did you mean egress? valid keys: platform, "),
    ({"zzz": "value"}, "zzz", None, "newtSecret, newtProvisioningKey, sshPrivateKey"),
    ({"zz\nz": "value"}, '"zz\\nz"', None, "unknown key"),
    ({"proof": "on"}, "proof", "on", "write one of enforce, warn, off"),
    ({"newtId": "2ix2 t8xk"}, "newtId", "2ix2 t8xk", "copy the one of the site from Pangolin"),
    ({"newtId": "1e+06"}, "newtId", "1e+06", "quote it"),
    ({"docker": "10.0.1.10"}, "docker", "10.0.1.10", "is not a section; write the keys address"),
    ({"docker": ABSENT}, "docker", "(missing)", "write the section"),
    ({"egress": "gitea"}, "egress", "gitea", "is not a list"),
    ({"egress": ""}, "egress", '""', "is not a list"),
]

DNS: list[Case] = [
    ({"dns": ABSENT}, "dns", "(missing)", "like [10.0.1.53], or `none`, or `any`"),
    ({"dns": "10.0.1.53"}, "dns", "10.0.1.53", "write the resolvers as a list"),
    ({"dns": []}, "dns", "[]", "write `none`"),
    ({"dns": ["10.0.1.53", "10.0.1.53"]}, "dns", "[10.0.1.53, 10.0.1.53]", "write each once"),
    ({"dns": ["dns.lan"]}, "dns[0]", "dns.lan", "is not an IPv4 address"),
    ({"dns": ["127.0.0.53"]}, "dns[0]", "127.0.0.53", "newt itself"),
    ({"dns": ["10.0.1.53", "fd00::53"]}, "dns[1]", "fd00::53", "newt's bridge drops all IPv6"),
]

PANGOLIN: list[Case] = [
    (
        {"pangolin.endpoint": "http://p.example"},
        "pangolin.endpoint",
        "http://p.example",
        "https://",
    ),
    ({"pangolin.endpoint": "p.example.com"}, "pangolin.endpoint", "p.example.com", "https://"),
    (
        {"pangolin.endpoint": "https://p.example/api"},
        "pangolin.endpoint",
        "https://p.example/api",
        "write host and port only",
    ),
    (
        {"pangolin.endpoint": "https://p.example?x=1"},
        "pangolin.endpoint",
        "https://p.example?x=1",
        "write host and port only",
    ),
    (
        {"pangolin.endpoint": "https://admin:hunter2@p.example"},
        "pangolin.endpoint",
        "https://...@p.example",
        "newt logs in with newtId and newtSecret",
    ),
    ({"pangolin.endpoint": "https://[::1]"}, "pangolin.endpoint", "https://[::1]", "is IPv6"),
    (
        {"pangolin.endpoint": "https://p.example:70000"},
        "pangolin.endpoint",
        "https://p.example:70000",
        "ports go from 1 to 65535",
    ),
    ({"pangolin.endpoint": ABSENT}, "pangolin.endpoint", "(missing)", "write the server's URL"),
    (
        {"pangolin": {"endpoint": "https://10.0.1.5"}},
        "pangolin.addresses",
        "(missing)",
        "10.0.1.5 is not public; if that is meant write [10.0.1.5]",
    ),
    (
        {"pangolin.endpoint": "https://203.0.113.99"},
        "pangolin.addresses",
        "203.0.113.10",
        "lacks 203.0.113.99",
    ),
    ({"pangolin.addresses": []}, "pangolin.addresses", "[]", "leave the key out"),
    (
        {"pangolin.addresses": ["203.0.113.10", "203.0.113.10"]},
        "pangolin.addresses",
        "[203.0.113.10, 203.0.113.10]",
        "write each once",
    ),
    (
        {"pangolin.addresses": ["203.0.113.300"]},
        "pangolin.addresses[0]",
        "203.0.113.300",
        "four numbers from 0 to 255",
    ),
    ({"pangolin.ports": "443/tcp"}, "pangolin.ports", "443/tcp", "write it like [443/tcp, "),
    ({"pangolin.ports": ["443/tcp", 80]}, "pangolin.ports[1]", "80", "write 80/tcp or 80/udp"),
    ({"pangolin.ports": ["443/sctp"]}, "pangolin.ports[0]", "443/sctp", "write TCP or UDP"),
    ({"pangolin.ports": ["0/tcp"]}, "pangolin.ports[0]", "0/tcp", "ports go from 1 to 65535"),
    ({"pangolin.ports": ["51820/udp"]}, "pangolin.ports", "[51820/udp]", "lacks 443/tcp"),
    (
        {"pangolin.ports": ["all", "443/tcp"]},
        "pangolin.ports",
        "[all, 443/tcp]",
        "has ports and `all`",
    ),
]

ENTRIES: list[Case] = [
    (egress(host="10.0.1.300"), "egress[0].host", "10.0.1.300", "four numbers from 0 to 255"),
    (egress(host="127.1"), "egress[0].host", "127.1", "is not an IPv4 address"),
    (egress(host="0x7f000001"), "egress[0].host", "0x7f000001", "neither an IPv4 address nor"),
    (egress(host="gitea_lan"), "egress[0].host", "gitea_lan", "is not a host name"),
    (egress(host="10.0.1.0/24"), "egress[0].host", "10.0.1.0/24", "write it as `cidr:`"),
    (egress(host="fd00::1"), "egress[0].host", "fd00::1", "newt's bridge drops all IPv6"),
    (egress(host="127.0.0.1"), "egress[0].host", "127.0.0.1", "(docker.address)"),
    (egress(host="localhost"), "egress[0].host", "localhost", "(docker.address)"),
    (egress(host="0.0.0.0"), "egress[0].host", "0.0.0.0", "write the address of the target"),
    (egress(host="169.254.169.254"), "egress[0].host", "169.254.169.254", "is link-local"),
    (egress(host="224.0.0.251"), "egress[0].host", "224.0.0.251", "is multicast"),
    (egress(host="255.255.255.255"), "egress[0].host", "255.255.255.255", "broadcast"),
    (
        egress(host=ABSENT, cidr="10.0.1.200/24"),
        "egress[0].cidr",
        "10.0.1.200/24",
        "has host bits; write 10.0.1.0/24 for the block or 10.0.1.200/32 for the one address",
    ),
    (egress(host=ABSENT, cidr="10.0.1.7"), "egress[0].cidr", "10.0.1.7", "has no prefix length"),
    (egress(host=ABSENT, cidr="10.0.1.0/33"), "egress[0].cidr", "10.0.1.0/33", "N from 1 to 32"),
    (
        egress(host=ABSENT, cidr="0.0.0.0/0"),
        "egress[0].cidr",
        "0.0.0.0/0",
        "is every address",
    ),
    (egress(host=ABSENT, cidr="fd00::/8"), "egress[0].cidr", "fd00::/8", "drops all IPv6"),
    (egress(host=ABSENT, cidr="126.0.0.0/7"), "egress[0].cidr", "126.0.0.0/7", "narrower blocks"),
    (
        egress(host=ABSENT, cidr="172.16.0.0/12"),
        "egress[0].cidr",
        "172.16.0.0/12",
        "contains newt's own network, docker.subnet 172.30.0.0/24; write narrower blocks",
    ),
    (egress(cidr="10.0.1.0/24"), "egress[0].cidr", "10.0.1.0/24", "keep one of the two"),
    (egress(host=ABSENT), "egress[0].host", "(missing)", "`host: 10.0.1.50` or `cidr: "),
    (egress(port=ABSENT), "egress[0].port", "(missing)", "write the port that newt dials"),
    (egress(port=0), "egress[0].port", "0", "ports go from 1 to 65535"),
    (egress(port=70000), "egress[0].port", "70000", "ports go from 1 to 65535"),
    (egress(port=-1), "egress[0].port", "-1", "ports go from 1 to 65535"),
    (egress(port=80.5), "egress[0].port", "80.5", "is not a port"),
    (egress(port=True), "egress[0].port", "true", "is not a port"),
    (egress(port="http"), "egress[0].port", "http", "is not a port"),
    (egress(port="80,443"), "egress[0].port", "80,443", "like [80, 443]"),
    (egress(port="8010-8000"), "egress[0].port", "8010-8000", 'write "8000-8010"'),
    (egress(port=[]), "egress[0].port", "[]", "write the ports"),
    (egress(port=[80, 70000]), "egress[0].port[1]", "70000", "ports go from 1 to 65535"),
    (egress(port=[80, 443, 80]), "egress[0].port", "[80, 443, 80]", "names 80 twice"),
    (egress(port=["1-9", 5]), "egress[0].port", "[1-9, 5]", "which overlap"),
    (egress(protocol="icmp"), "egress[0].protocol", "icmp", "write TCP or UDP"),
    (egress(name="dns"), "egress[0].name", "dns", "choose another"),
    (egress(name="a b"), "egress[0].name", "a b", "is not a name"),
    (egress(name="a" * 64), "egress[0].name", "a" * 64, "up to 63 letters"),
    (egress(name=ABSENT), "egress[0].name", "(missing)", "write a name"),
    (
        egress(prot="tcp"),
        "egress[0].prot",
        None,
        "unknown key, did you mean port? valid keys: name",
    ),
    (egress(host=ABSENT, hots="10.0.1.7"), "egress[0].hots", None, "did you mean host?"),
    (
        egress(host=ABSENT, namespace="gitea"),
        "egress[0].namespace",
        None,
        "this platform is docker",
    ),
    (egress(labels={"app": "x"}), "egress[0].labels", None, "this platform is docker"),
    (egress(service="gitea"), "egress[0].service", None, "this platform is docker"),
    (
        {"egress": ["gitea.lan:3000"]},
        "egress[0]",
        "gitea.lan:3000",
        "has no protocol; write gitea.lan:3000:tcp or gitea.lan:3000:udp",
    ),
    ({"egress": ["gitea.lan"]}, "egress[0]", "gitea.lan", "write HOST:PORT:PROTOCOL"),
    ({"egress": ["fd00::1:80:tcp"]}, "egress[0]", "fd00::1:80:tcp", "write HOST:PORT:PROTOCOL"),
    ({"egress": ["[fd00::1]:80:tcp"]}, "egress[0].host", "[fd00::1]", "drops all IPv6"),
    ({"egress": ["gitea.lan:99999:tcp"]}, "egress[0].port", "99999", "ports go from 1 to 65535"),
    ({"egress": ["gitea.lan:3000:icmp"]}, "egress[0].protocol", "icmp", "write TCP or UDP"),
    ({"egress": [42]}, "egress[0]", "42", "is not an entry"),
    ({"mustNotReach": [entry(port=0)]}, "mustNotReach[0].port", "0", "ports go from 1 to 65535"),
    (
        {"mustNotReach": [entry(host="gitea.lan", namespace="x")]},
        "mustNotReach[0].namespace",
        None,
        "this platform is docker",
    ),
]

BETWEEN_ENTRIES: list[Case] = [
    (
        {"egress": [entry(), entry(host="10.0.1.78")]},
        "egress[1].name",
        "web",
        "is the name of egress[0] as well",
    ),
    (
        {"mustNotReach": [entry(name="gitea")]},
        "mustNotReach[0].name",
        "gitea",
        "is the name of egress[0] as well",
    ),
    (
        {"egress": [entry(), entry(name="again")]},
        "egress[1]",
        "again, 10.0.1.77 80/tcp",
        "repeats what egress[0] (web) allows",
    ),
    (
        {"egress": ["ha.lan:80:tcp", "ha.lan:80:TCP"]},
        "egress[1]",
        "ha.lan-80-tcp, ha.lan 80/tcp",
        "repeats what egress[0] (ha.lan-80) allows",
    ),
    (
        egress(host="10.0.1.53", port=53, protocol="udp"),
        "egress[0]",
        "web, 10.0.1.53 53/udp",
        "repeats what dns (dns) allows",
    ),
    (
        {"mustNotReach": [entry(name="git-web", host="10.0.1.50", port="1-4000")]},
        "mustNotReach[0]",
        "git-web (10.0.1.50 1-4000/tcp)",
        "overlaps with egress[0]: gitea (10.0.1.50 3000/tcp)",
    ),
    (
        {"mustNotReach": [entry(name="ha", host="homeassistant.lan", port=8123)]},
        "mustNotReach[0]",
        "ha (homeassistant.lan 8123/tcp)",
        "overlaps with egress[3]: homeassistant.lan",
    ),
    (
        {"dns": "none"},
        "egress[3].host",
        "homeassistant.lan",
        "with dns: none newt cannot look it up; write its IPv4 address",
    ),
    (
        {"dns": "none", "egress": [], "mustNotReach": ["db.lan:5432:tcp"]},
        "mustNotReach[0].host",
        "db.lan",
        "write its IPv4 address",
    ),
    (
        {"dns": "none", "egress": [], "pangolin.addresses": ABSENT},
        "pangolin.addresses",
        "(missing)",
        "with dns: none newt cannot look pangolin.example.com up",
    ),
    (
        {"egress": [entry(port=list(range(1000, 1497)))]},
        "docker.firewall",
        "iptables",
        "501 targets are more than the 500",
    ),
]

DOCKER: list[Case] = [
    ({"docker.address": ABSENT}, "docker.address", "(missing)", "the Docker host's own address"),
    ({"docker.address": "nas.lan"}, "docker.address", "nas.lan", "is not an IPv4 address"),
    ({"docker.address": "127.0.0.1"}, "docker.address", "127.0.0.1", "is loopback"),
    ({"docker.address": "10.0.1.10/24"}, "docker.address", "10.0.1.10/24", "the one address"),
    ({"docker.port": 0}, "docker.port", "0", "ports go from 1 to 65535"),
    ({"docker.port": "22-23"}, "docker.port", "22-23", "write one port"),
    ({"docker.user": "Root User"}, "docker.user", "Root User", "is not a user name"),
    ({"docker.user": "-oProxyCommand=x"}, "docker.user", "-oProxyCommand=x", "is not a user name"),
    ({"docker.sudo": "maybe"}, "docker.sudo", "maybe", "write true or false"),
    ({"docker.logDrops": "lots"}, "docker.logDrops", "lots", "write true or false"),
    (
        {"docker.logDrops": True, "docker.hook": "docker-user"},
        "docker.logDrops",
        "true",
        "write hook: prerouting",
    ),
    ({"docker.hostKey": RSA}, "docker.hostKey", RSA, "Pulumi's SSH client fails against OpenSSH 9"),
    (
        {"docker.hostKey": HOST_KEY.split()[1]},
        "docker.hostKey",
        HOST_KEY.split()[1],
        "ssh-keyscan -t ed25519 ADDRESS",
    ),
    (
        {"docker.hostKey": "SHA256:2kR5W0BhfHrcRF1jBX0VJA"},
        "docker.hostKey",
        "SHA256:2kR5W0BhfHrcRF1jBX0VJA",
        "ssh-keyscan -t ed25519 ADDRESS",
    ),
    (
        {"docker.hostKey": f"10.0.1.10 {HOST_KEY}"},
        "docker.hostKey",
        f"10.0.1.10 {HOST_KEY}"[:80] + "...",
        "write the key from `ssh-ed25519` on",
    ),
    ({"docker.hostKey": HOST_KEY[:-8]}, "docker.hostKey", HOST_KEY[:-8], "is damaged"),
    ({"docker.hostKey": "ssh-ed25519 %%%"}, "docker.hostKey", "ssh-ed25519 %%%", "is damaged"),
    (
        {"docker.hostKey": MISLABELLED},
        "docker.hostKey",
        MISLABELLED[:80] + "...",
        "holds a key of another type",
    ),
    ({"docker.subnet": "172.30.0.10/24"}, "docker.subnet", "172.30.0.10/24", "has host bits"),
    ({"docker.subnet": "8.8.8.0/24"}, "docker.subnet", "8.8.8.0/24", "is not private"),
    ({"docker.subnet": "172.30.0.0/31"}, "docker.subnet", "172.30.0.0/31", "write /16 to /30"),
    ({"docker.subnet": "fd00::/64"}, "docker.subnet", "fd00::/64", "drops all IPv6"),
    (
        {"docker.subnet": "10.0.1.0/24", "docker.newtAddress": ABSENT},
        "docker.subnet",
        "10.0.1.0/24",
        "overlaps with docker.address 10.0.1.10, dns[0] 10.0.1.53, egress[0].host 10.0.1.50",
    ),
    (
        {"docker.newtAddress": "172.31.0.10"},
        "docker.newtAddress",
        "172.31.0.10",
        "is outside docker.subnet 172.30.0.0/24; write one inside it, like 172.30.0.10",
    ),
    ({"docker.newtAddress": "172.30.0.1"}, "docker.newtAddress", "172.30.0.1", "is the gateway"),
    ({"docker.newtAddress": "172.30.0.0"}, "docker.newtAddress", "172.30.0.0", "is the network"),
    ({"docker.newtAddress": "172.30.0.255"}, "docker.newtAddress", "172.30.0.255", "broadcast"),
    (
        {"docker.bridge": "br-newt-for-the-nas"},
        "docker.bridge",
        "br-newt-for-the-nas",
        "use up to 15 letters",
    ),
    ({"docker.bridge": "docker0"}, "docker.bridge", "docker0", "of its own, like br-newt"),
    ({"docker.bridge": "br+"}, "docker.bridge", "br+", "is not a bridge name"),
    ({"docker.firewall": "ufw"}, "docker.firewall", "ufw", "write one of iptables, nftables"),
    ({"docker.hook": "input"}, "docker.hook", "input", "write one of prerouting, docker-user"),
    (
        {"docker.firewall": "nftables", "docker.hook": "docker-user"},
        "docker.hook",
        "docker-user",
        "write hook: prerouting or firewall: iptables",
    ),
    ({"docker.persistence": "yes"}, "docker.persistence", "yes", "write one of systemd, cron"),
    ({"docker.bridg": "x"}, "docker.bridg", None, "did you mean bridge?"),
    ({"docker.sshPrivateKey": "x"}, "docker.sshPrivateKey", None, "unknown key"),
]

NEWT: list[Case] = [
    ({"newt.image": "fosrl/newt"}, "newt.image", "fosrl/newt", "has no tag; pin one"),
    ({"newt.image": "fosrl/newt:latest"}, "newt.image", "fosrl/newt:latest", "pin a version"),
    ({"newt.image": "lan:5000/newt"}, "newt.image", "lan:5000/newt", "has no tag"),
    ({"newt.image": "fosrl/newt:1@md5:0"}, "newt.image", "fosrl/newt:1@md5:0", "no valid digest"),
    ({"newt.image": "Fosrl/newt:1.16.0"}, "newt.image", "Fosrl/newt:1.16.0", "is not an image"),
    ({"newt.logLevel": "TRACE"}, "newt.logLevel", "TRACE", "write one of DEBUG, INFO"),
    ({"newt.health": 2}, "newt.health", "2", "write true or false"),
    ({"newt.resources": {"memory": "128m"}}, "newt.resources.memory", "128m", "of megabytes"),
    ({"newt.resources": {"memory": 1}}, "newt.resources.memory", "1", "from 16 to"),
    ({"newt.resources": {"cpus": 0}}, "newt.resources.cpus", "0", "like 0.5"),
    ({"newt.capabilities": ["NET_ADMIN"]}, "newt.capabilities[0]", "NET_ADMIN", "of NET_RAW"),
    ({"newt.secret": "hunter2"}, "newt.secret", None, "pulumi config set --secret newtSecret"),
    ({"newt.newtId": "x"}, "newt.newtId", None, "is a top-level key"),
    ({"newt.environment": ["MTU=1280"]}, "newt.environment", "[MTU=1280]", "is not a map"),
    ({"newt.environment": {"mtu": 1}}, "newt.environment.mtu", None, "use capital letters"),
]

CASES = [*TOP_LEVEL, *DNS, *PANGOLIN, *ENTRIES, *BETWEEN_ENTRIES, *DOCKER, *NEWT]


@pytest.mark.parametrize(
    ("changes", "key", "value", "remedy"),
    [pytest.param(*case, id=f"{case[1]}: {case[2]}"[:60]) for case in CASES],
)
def test_a_wrong_value_is_one_line_with_key_value_and_remedy(
    changes: dict[str, Any], key: str, value: str | None, remedy: str
) -> None:
    lines = problems(changes)
    assert len(lines) == 1, "\n".join(lines)
    start = f"{key}: " if value is None else f"{key}: {value}: "
    assert lines[0].startswith(start), lines[0]
    assert remedy in lines[0][len(start) :], lines[0]


def test_all_problems_of_a_file_are_reported_together_and_each_once() -> None:
    lines = problems(
        {
            "dns": "none",
            "pangolin": {"endpoint": "https://pangolin.example.com", "ports": ["0/tcp"]},
            "egress": [
                entry(port=0),
                entry(name="printer", host=ABSENT, cidr="10.0.1.200/24"),
                entry(name="b", host="10.0.1.78"),
                entry(name="b", host="10.0.1.79"),
                "homeassistant.lan:8123:tcp",
                entry(name="c", host="172.30.0.7"),
            ],
            "mustNotReach": [entry(name="d", host="10.0.1.78")],
            "docker.hostKey": ABSENT,
            "docker.bridge": "docker0",
            "docker.newtAddress": "172.30.0.1",
            "newt": {"image": "fosrl/newt:latest", "environment": {"NEWT_ID": "x", "MTU": "$(id)"}},
            "proof": "maybe",
            "unknown": 1,
        }
    )
    assert [line.split(": ")[0] for line in lines] == [
        "pangolin.ports[0]",
        "newt.image",
        "newt.environment.NEWT_ID",
        "newt.environment.MTU",
        "proof",
        "egress[0].port",
        "egress[1].cidr",
        "docker.hostKey",
        "docker.newtAddress",
        "docker.bridge",
        "unknown",
        "egress[3].name",
        "pangolin.addresses",
        "egress[4].host",
        "docker.subnet",
        "mustNotReach[0]",
    ]


def test_a_key_that_was_set_without_path_is_explained() -> None:
    _, found = judge({**stack(), "docker.port": "2222"})
    (line,) = map(str, found)
    assert line.startswith("docker.port: is one key with a dot")
    assert "pulumi config rm 'docker.port'" in line
    assert "--path" in line


def test_problems_use_none_of_pydantics_words() -> None:
    for changes, *_ in CASES:
        for line in problems(changes):
            for word in ("pydantic", "Input should", "http://errors", "validation error", "type="):
                assert word not in line, line
