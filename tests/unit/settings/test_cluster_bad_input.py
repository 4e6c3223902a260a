"""Wrong stack files of a cluster: one line per problem, and all of them at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.settings.example import ABSENT, cluster_problems

PODS = {"name": "web", "namespace": "web", "labels": {"app": "web"}, "port": 8080}
SERVICE = {"name": "web", "service": "web/web", "port": 80}
BLOCK = {"name": "web", "cidr": "10.0.7.0/24", "port": 80}

# (what is written, the line's key, the line's value or None where it is not repeated, its remedy)
Case = tuple[dict[str, Any], str, str | None, str]


def egress(usual: dict[str, Any], **keys: Any) -> dict[str, Any]:
    whole = {**usual, **keys}
    return {"egress": [{key: value for key, value in whole.items() if value is not ABSENT}]}


def kubernetes(**keys: Any) -> dict[str, Any]:
    return {f"kubernetes.{key.replace('__', '.')}": value for key, value in keys.items()}


PLATFORM: list[Case] = [
    (
        {"docker": {"address": "10.0.1.10"}},
        "docker",
        None,
        "belongs to platform: docker, and this stack has platform: kubernetes; remove it",
    ),
    ({"sshPrivateKey": "x"}, "sshPrivateKey", None, "belongs to platform: docker"),
    ({"kubernets": {}}, "kubernets", None, "did you mean kubernetes?"),
    ({"platform": "k3s"}, "platform", "k3s", "write one of docker, kubernetes"),
    ({"newt": {"capabilities": ["NET_RAW"]}}, "newt.capabilities", None, "Pod Security"),
    ({"newt.logLevel": "FATAL"}, "newt.logLevel", "FATAL", "write one of DEBUG, INFO, WARN, ERROR"),
    ({"newt.logLevel": "fatal"}, "newt.logLevel", "fatal", "write one of DEBUG, INFO, WARN, ERROR"),
    ({"dns": "10.43.0.10"}, "dns", "10.43.0.10", "write `cluster`, `none`, `any`, or a list"),
    ({"dns": []}, "dns", "[]", "write `none`"),
    ({"dns": ["cluster", "cluster"]}, "dns", "[cluster, cluster]", "write each once"),
    ({"dns": ["dns.lan"]}, "dns[0]", "dns.lan", "is not an address"),
    ({"dns": ["cluster", "127.0.0.53"]}, "dns[1]", "127.0.0.53", "newt itself"),
    (
        {
            "dns": "none",
            "pangolin": {"endpoint": "https://203.0.113.10"},
            "egress": [{"name": "a", "host": "nas.lan", "port": 80}],
        },
        "egress[0].host",
        "nas.lan",
        "with dns: none newt cannot look it up; write its address",
    ),
    (
        {"dns": "none"},
        "pangolin.endpoint",
        "https://pangolin.example.com",
        "newt's pod cannot look it up; write dns: cluster",
    ),
    ({"pangolin": {"endpoint": "https://[::1]"}}, "pangolin.endpoint", "https://[::1]", "loopback"),
    (
        {"pangolin": {"endpoint": "https://[fd00::1]"}},
        "pangolin.addresses",
        "(missing)",
        "fd00::1 is not public; if that is meant write [fd00::1]",
    ),
    (
        {"pangolin.addresses": ["203.0.113.10", "fe80::1"]},
        "pangolin.addresses[1]",
        "fe80::1",
        "is link-local",
    ),
]

NAMES: list[Case] = [
    (egress(PODS, namespace="Web"), "egress[0].namespace", "Web", "lower-case letters"),
    (egress(PODS, namespace="a" * 64), "egress[0].namespace", "a" * 64, "up to 63"),
    (egress(PODS, namespace="web_1"), "egress[0].namespace", "web_1", "lower-case letters"),
    (egress(PODS, labels={"app": "a b"}), "egress[0].labels", "a b", "no value for the label app"),
    (egress(PODS, labels={"app": True}), "egress[0].labels", "true", "put it in quotes"),
    (egress(PODS, labels={"app": 1}), "egress[0].labels", "1", "put it in quotes"),
    (egress(PODS, labels={"-app": "a"}), "egress[0].labels", "-app", "is not the key of a label"),
    (egress(PODS, labels={"A/b/c": "a"}), "egress[0].labels", "A/b/c", "not the key of a label"),
    (egress(PODS, labels={"/app": "a"}), "egress[0].labels", "/app", "is not the key of a label"),
    (egress(PODS, labels="app=web"), "egress[0].labels", "app=web", "write it like {app: gitea}"),
    (
        egress(BLOCK, labels={"app": "web"}),
        "egress[0].labels",
        "{app}",
        "has no `namespace`",
    ),
    (egress(SERVICE, service="web"), "egress[0].service", "web", "has no namespace"),
    (
        egress(SERVICE, service="web.shop.svc.cluster.local"),
        "egress[0].service",
        "web.shop.svc.cluster.local",
        "write the Service's namespace first: shop/web",
    ),
    (egress(SERVICE, service="a/b/c"), "egress[0].service", "a/b/c", "is not NAMESPACE/NAME"),
    (egress(SERVICE, service="Shop/web"), "egress[0].service", "Shop/web", "NAMESPACE/NAME"),
    (egress(SERVICE, service=80), "egress[0].service", "80", "like gitea/gitea"),
    (egress(SERVICE, name="dns"), "egress[0].name", "dns", "choose another"),
    (egress(SERVICE, name="node-ssh"), "egress[0].name", "node-ssh", "choose another"),
    (egress(SERVICE, name="web-"), "egress[0].name", "web-", "first and last"),
]

TARGETS: list[Case] = [
    (egress(SERVICE, service=ABSENT), "egress[0].service", "(missing)", "write the target, `serv"),
    (
        egress(SERVICE, host="10.0.1.7"),
        "egress[0].host",
        "10.0.1.7",
        "is set together with service web",
    ),
    (
        egress(PODS, cidr="10.0.1.0/24"),
        "egress[0].cidr",
        "10.0.1.0/24",
        "set together with namespace web",
    ),
    (
        egress(SERVICE, namespace="web"),
        "egress[0].namespace",
        "web",
        "is set together with service",
    ),
    (egress(SERVICE, port="80-90"), "egress[0].port", "80-90", "a Service has single ports"),
    (egress(BLOCK, port="http"), "egress[0].port", "http", "write a number"),
    (egress(PODS, port="HTTP"), "egress[0].port", "HTTP", "up to 15 lower-case letters"),
    (egress(PODS, port="a" * 16), "egress[0].port", "a" * 16, "up to 15 lower-case letters"),
    (egress(PODS, port=["http", "http"]), "egress[0].port", "[http, http]", "names http twice"),
    (egress(PODS, port=0), "egress[0].port", "0", "ports go from 1 to 65535"),
    (egress(PODS, port=[]), "egress[0].port", "[]", "write the ports"),
    (egress(PODS, port=[80, "1-90"]), "egress[0].port", "[80, 1-90]", "which overlap"),
    (egress(PODS, port=ABSENT), "egress[0].port", "(missing)", "write the port"),
    (egress(PODS, protocol="sctp"), "egress[0].protocol", "sctp", "write TCP or UDP"),
    (egress(PODS, wide=True), "egress[0].cidr", "(missing)", "remove `wide`"),
    (egress(PODS, reason="a\nb"), "egress[0].reason", '"a\\nb"', "is not a plain remark"),
    (
        egress(BLOCK, cidr=ABSENT, host="web.shop.svc.cluster.local"),
        "egress[0].host",
        "web.shop.svc.cluster.local",
        "write `service: shop/web`",
    ),
    (
        egress(BLOCK, cidr=ABSENT, host="localhost"),
        "egress[0].host",
        "localhost",
        "is newt's own pod",
    ),
    ({"egress": ["shop/web:80:tcp"]}, "egress[0].host", "shop/web", "write it as `service: shop/w"),
    (
        egress(BLOCK, cidr=ABSENT, host="::ffff:10.0.1.7"),
        "egress[0].host",
        "::ffff:10.0.1.7",
        "write it as IPv4",
    ),
    (
        egress(SERVICE, service="newt-tunnel/web"),
        "egress[0].service",
        "newt-tunnel/web",
        "is in newt's own namespace",
    ),
    (
        egress(PODS, namespace="newt-tunnel"),
        "egress[0].namespace",
        "newt-tunnel",
        "is in newt's own namespace",
    ),
]

BLOCKS: list[Case] = [
    *(
        (egress(BLOCK, cidr=block), "egress[0].cidr", block, "or `wide: true` if it is meant")
        for block in (
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "8.0.0.0/7",
            "fc00::/7",
            "fd00::/8",
            "2000::/3",
            # All of IPv4, or a whole network of it, through NAT64 or 6to4.
            "64:ff9b::/96",
            "64:ff9b::/64",
            "64:ff9b::/97",
            "64:ff9b::a00:0/104",
            "64:ff9b:1::/48",
            "2002::/16",
            "2002:a00::/24",
        )
    ),
    *(
        (egress(BLOCK, cidr=block), "egress[0].cidr", block, what)
        for block, what in (
            ("64:ff9b::a9fe:0/112", "is link-local"),
            ("64:ff9b::7f00:1/128", "is loopback"),
            ("2002:7f00::/24", "is loopback"),
            ("::a00:107/128", "is an IPv4 address in IPv6 notation"),
        )
    ),
    (
        egress(BLOCK, cidr="169.254.0.0/16", wide=True),
        "egress[0].cidr",
        "169.254.0.0/16",
        "is link-local",
    ),
    (egress(BLOCK, cidr="fe80::/64"), "egress[0].cidr", "fe80::/64", "is link-local"),
    (egress(BLOCK, cidr="10.0.1.7/24"), "egress[0].cidr", "10.0.1.7/24", "10.0.1.0/24 for the bl"),
    (egress(BLOCK, cidr="fd00:1::7/64"), "egress[0].cidr", "fd00:1::7/64", "fd00:1::/64 for the b"),
    (egress(BLOCK, cidr="10.0.1.7"), "egress[0].cidr", "10.0.1.7", "write 10.0.1.7/32"),
    (egress(BLOCK, cidr="fd00::7"), "egress[0].cidr", "fd00::7", "write fd00::7/128"),
    (egress(BLOCK, cidr="fd00::/129"), "egress[0].cidr", "fd00::/129", "N from 0 to 128"),
    (egress(BLOCK, cidr="lan/24"), "egress[0].cidr", "lan/24", "is not a block of addresses"),
    (egress(BLOCK, cidr="fd00::%eth0/64"), "egress[0].cidr", "fd00::%eth0/64", "not a block"),
]

CLUSTER: list[Case] = [
    (kubernetes(context="a b"), "kubernetes.context", "a b", "kubectl config get-contexts"),
    (kubernetes(namespace="kube-system"), "kubernetes.namespace", "kube-system", "of its own"),
    (kubernetes(namespace="default"), "kubernetes.namespace", "default", "of its own"),
    (kubernetes(namespace="Newt"), "kubernetes.namespace", "Newt", "lower-case letters"),
    (kubernetes(namespace="n" * 56), "kubernetes.namespace", "n" * 56, "write at most 55"),
    (kubernetes(chart__version="*"), "kubernetes.chart.version", "*", "pin one, like 1.5.0"),
    (kubernetes(chart__version="^1.5.0"), "kubernetes.chart.version", "^1.5.0", "pin one"),
    (kubernetes(chart__version="~1.5"), "kubernetes.chart.version", "~1.5", "pin one"),
    (kubernetes(chart__version="1.x"), "kubernetes.chart.version", "1.x", "pin one"),
    (kubernetes(chart__version=">=1.5.0"), "kubernetes.chart.version", ">=1.5.0", "pin one"),
    (kubernetes(chart__version=1.5), "kubernetes.chart.version", "1.5", "three numbers"),
    (kubernetes(chart__version="latest"), "kubernetes.chart.version", "latest", "three numbers"),
    (kubernetes(chart__name="New t"), "kubernetes.chart.name", "New t", "lower-case letters"),
    (
        kubernetes(chart__repository="http://charts.example.com"),
        "kubernetes.chart.repository",
        "http://charts.example.com",
        "write https://",
    ),
    (
        kubernetes(chart__repository="charts.example.com"),
        "kubernetes.chart.repository",
        "charts.example.com",
        "is not a chart repository",
    ),
    (
        kubernetes(chart__repository="https://u:hunter2@charts.example.com"),
        "kubernetes.chart.repository",
        "https://...@charts.example.com",
        "is not a chart repository",
    ),
    (kubernetes(storage__size="64"), "kubernetes.storage.size", "64", "write it like 64Mi"),
    (kubernetes(storage__class="A b"), "kubernetes.storage.class", "A b", "get storageclass"),
    (kubernetes(storage__enabled="maybe"), "kubernetes.storage.enabled", "maybe", "true or false"),
    (
        kubernetes(clusterDns__labels={}),
        "kubernetes.clusterDns.labels",
        "{}",
        "would open DNS to every pod",
    ),
    (kubernetes(clusterDns__port="dns"), "kubernetes.clusterDns.port", "dns", "is not a port"),
    (kubernetes(gateCanary="grafana"), "kubernetes.gateCanary", "grafana", "ADDRESS:PORT or"),
    (kubernetes(gateCanary="10.43.0.10:0"), "kubernetes.gateCanary", "10.43.0.10:0", "1 to 65535"),
    (
        kubernetes(gateCanary="10.43.0.300:9153"),
        "kubernetes.gateCanary",
        "10.43.0.300:9153",
        "is not an address",
    ),
    (kubernetes(acceptNodeAccess=1), "kubernetes.acceptNodeAccess", "1", "write true or false"),
    ({"kubernetes": "k3s-home"}, "kubernetes", "k3s-home", "is not a section"),
]

BETWEEN: list[Case] = [
    (
        {"egress": [PODS, {**PODS, "port": 8081}]},
        "egress[1].name",
        "web",
        "is the name of egress[0] as well",
    ),
    (
        {"egress": [PODS, {**PODS, "name": "again"}]},
        "egress[1]",
        "again, web/app=web 8080/tcp",
        "repeats what egress[0] (web) allows",
    ),
    (
        {"egress": [SERVICE, {**SERVICE, "name": "again", "port": [80, 81]}]},
        "egress[1]",
        "again, web/web 80/tcp",
        "repeats egress[0] (web)",
    ),
    (
        {"egress": [SERVICE], "mustNotReach": [{**SERVICE, "name": "never"}]},
        "mustNotReach[0]",
        "never, web/web 80/tcp",
        "overlaps with egress[0] (web), which newt may reach",
    ),
    (
        {"egress": [PODS], "mustNotReach": [{**PODS, "name": "never", "labels": {"tier": "x"}}]},
        "mustNotReach[0]",
        "never (web/tier=x 8080/tcp)",
        "overlaps with egress[0]: web",
    ),
    (
        {"egress": [BLOCK], "mustNotReach": [{"name": "a", "host": "10.0.7.1", "port": 80}]},
        "mustNotReach[0]",
        "a (10.0.7.1 80/tcp)",
        "overlaps with egress[0]: web (10.0.7.0/24 80/tcp)",
    ),
]

CASES = [*PLATFORM, *NAMES, *TARGETS, *BLOCKS, *CLUSTER, *BETWEEN]


@pytest.mark.parametrize(
    ("changes", "key", "value", "remedy"),
    [pytest.param(*case, id=f"{case[1]}: {case[2]}"[:60]) for case in CASES],
)
def test_a_wrong_value_is_one_line_with_key_value_and_remedy(
    changes: dict[str, Any], key: str, value: str | None, remedy: str
) -> None:
    lines = cluster_problems({"mustNotReach": [], **changes})
    assert len(lines) == 1, "\n".join(lines)
    start = f"{key}: " if value is None else f"{key}: {value}: "
    assert lines[0].startswith(start), lines[0]
    assert remedy in lines[0][len(start) :], lines[0]


def test_contradicting_labels_are_no_overlap() -> None:
    never = {**PODS, "name": "never", "labels": {"app": "db"}}
    assert cluster_problems({"egress": [PODS], "mustNotReach": [never]}) == []


def test_all_problems_of_a_file_are_reported_together() -> None:
    lines = cluster_problems(
        {
            "dns": ["dns.lan"],
            "newt": {"logLevel": "FATAL", "capabilities": ["NET_RAW"]},
            "egress": [
                {**PODS, "namespace": "Web"},
                {**SERVICE, "service": "web"},
                {**BLOCK, "name": "c", "cidr": "0.0.0.0/0"},
                {**PODS, "name": "d", "namespace": "newt-tunnel"},
            ],
            "kubernetes.chart.version": "*",
            "docker": {},
        }
    )
    assert [line.split(": ")[0] for line in lines] == [
        "newt.logLevel",
        "newt.capabilities",
        "dns[0]",
        "egress[0].namespace",
        "egress[1].service",
        "egress[2].cidr",
        "kubernetes.chart.version",
        "docker",
        "egress[3].namespace",
    ]


def test_problems_speak_neither_of_docker_nor_in_pydantics_words() -> None:
    for changes, *_ in [*NAMES, *TARGETS, *BLOCKS, *CLUSTER, *BETWEEN]:
        for line in cluster_problems(changes):
            for word in ("Docker", "bridge", "pydantic", "Input should", "validation error"):
                assert word not in line, line
