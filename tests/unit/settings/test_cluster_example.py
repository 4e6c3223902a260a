"""The example stack file of a cluster, and what each way of writing means."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from newt_tunnel.egress.model import HostName, Pods, PortRange, Protocol
from newt_tunnel.settings.cluster_types import ServiceRef, TargetPorts
from newt_tunnel.settings.dns import Dns
from newt_tunnel.settings.kubernetes import Canary, Chart
from newt_tunnel.settings.load import judge
from newt_tunnel.settings.stack import KubernetesSettings, Platform, Proof
from newt_tunnel.settings.targets import Meaning
from tests.unit.settings.example import ABSENT, cluster_settings, shipped


def meanings(*entries: object) -> list[Meaning]:
    return [target.meaning for target in cluster_settings({"egress": [*entries]}).egress]


def ports(*numbers: int, names: tuple[str, ...] = ()) -> TargetPorts:
    return TargetPorts(tuple(map(PortRange.single, numbers)), names)


def test_the_example_is_complete_but_for_its_secrets() -> None:
    found, wrong = judge(shipped("k3s-home"))
    assert wrong == []
    assert isinstance(found, KubernetesSettings)
    assert found.platform is Platform.KUBERNETES


def test_the_example_means_what_the_blog_post_says() -> None:
    found = cluster_settings()
    assert [(t.name, t.meaning, t.port, t.protocol) for t in found.egress] == [
        (
            "gitea",
            Pods("gitea", (("app.kubernetes.io/component", "gitea"),)),
            ports(3000),
            Protocol.TCP,
        ),
        ("homeassistant", ServiceRef("homeassistant", "homeassistant"), ports(80), Protocol.TCP),
        ("printer", IPv4Network("10.0.1.200/32"), ports(631), Protocol.TCP),
    ]
    assert [(t.name, t.meaning, t.port) for t in found.must_not_reach] == [
        ("grafana", ServiceRef("monitoring", "grafana"), ports(3000)),
        ("postgres", ServiceRef("databases", "postgres"), ports(5432)),
        ("router", IPv4Network("10.0.1.1/32"), ports(80)),
    ]
    assert found.dns == Dns(cluster=True)
    assert found.kubernetes.context == "k3s-home"


def test_what_the_example_writes_out_are_the_defaults() -> None:
    written = cluster_settings()
    omitted = cluster_settings(
        {
            "pangolin": {"endpoint": "https://pangolin.example.com"},
            "dns": ABSENT,
            "proof": ABSENT,
            "kubernetes": {"context": "k3s-home"},
        }
    )
    assert omitted.kubernetes == written.kubernetes
    assert omitted.dns == written.dns
    assert omitted.proof is Proof.ENFORCE
    kubernetes = omitted.kubernetes
    assert kubernetes.chart == Chart(
        repository="https://charts.fossorial.io", name="newt", version="1.5.0"
    )
    assert (kubernetes.storage.size, kubernetes.storage.storage_class) == ("64Mi", None)
    assert kubernetes.storage.enabled
    assert kubernetes.cluster_dns.labels == (("k8s-app", "kube-dns"),)
    assert (kubernetes.cluster_dns.namespace, kubernetes.cluster_dns.port) == ("kube-system", 53)
    assert kubernetes.gate_canary is None
    assert not kubernetes.accept_node_access


def test_settings_survive_being_written_and_read_again() -> None:
    found = cluster_settings(
        {
            "dns": ["cluster", "169.254.20.10"],
            "kubernetes.gateCanary": "[fd00::1]:9153",
            "pangolin": {"endpoint": "https://[2001:db8::10]:8443"},
            "egress": [
                {"name": "a", "namespace": "a", "labels": {"x": ""}, "port": ["http", 80]},
                {"name": "b", "cidr": "10.0.0.0/8", "wide": True, "port": 1, "reason": "Office."},
                {"name": "c", "host": "fd00::7", "port": "8000-8010", "protocol": "udp"},
            ],
        }
    )
    again, wrong = judge(found.model_dump(mode="json", by_alias=True))
    assert wrong == []
    assert again == found


def test_pods_are_meant_by_namespace_and_labels_and_their_ports_may_have_names() -> None:
    entry = {"name": "a", "namespace": "gitea", "labels": {"b": "2", "a": "1"}, "port": "http"}
    (target,) = cluster_settings({"egress": [entry]}).egress
    assert target.meaning == Pods("gitea", (("a", "1"), ("b", "2"))), "labels in any order"
    assert target.port == ports(names=("http",))


def test_a_whole_namespace_may_be_meant() -> None:
    entry = {"name": "a", "namespace": "gitea", "port": 3000}
    assert meanings(entry, {**entry, "name": "b", "port": 80, "labels": {}}) == 2 * [Pods("gitea")]


def test_an_address_may_be_of_either_family() -> None:
    assert meanings(
        {"name": "a", "host": "10.0.1.7", "port": 80},
        {"name": "b", "host": "fd00:1::7", "port": 80},
        {"name": "c", "cidr": "fd00:1::/64", "port": 81},
        {"name": "d", "host": "Nas.lan", "port": 80},
        "[fd00:1::8]:80:tcp",
        "10.0.1.8:80:tcp",
    ) == [
        IPv4Network("10.0.1.7/32"),
        IPv6Network("fd00:1::7/128"),
        IPv6Network("fd00:1::/64"),
        HostName("nas.lan"),
        IPv6Network("fd00:1::8/128"),
        IPv4Network("10.0.1.8/32"),
    ]


def test_a_short_entry_of_an_ipv6_address_gets_a_name_that_kubernetes_takes() -> None:
    (target,) = cluster_settings({"egress": ["[fd00:1::8]:80:tcp"]}).egress
    assert target.name == "fd00-1-8"


@pytest.mark.parametrize(
    "block", ["10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8", "0.0.0.0/1", "192.168.0.0/16"]
)
def test_a_whole_network_may_be_meant_where_that_is_said(block: str) -> None:
    entry = {"name": "a", "cidr": block, "port": 8443, "wide": True}
    assert str(meanings(entry)[0]) == block


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("cluster", Dns(cluster=True)),
        ("none", Dns()),
        ("any", Dns(anywhere=True, cluster=True)),
        (["169.254.20.10"], Dns((IPv4Address("169.254.20.10"),))),
        (["cluster", "fd00::53"], Dns((IPv6Address("fd00::53"),), cluster=True)),
    ],
)
def test_dns_is_the_clusters_own_nobodys_everybodys_or_a_list(written: object, meant: Dns) -> None:
    changes = {"dns": written, "pangolin.endpoint": "https://203.0.113.10"}
    assert cluster_settings(changes).dns == meant


@pytest.mark.parametrize(
    ("repository", "is_oci", "is_local"),
    [
        ("https://charts.fossorial.io", False, False),
        ("http://10.0.1.5:8080/charts", False, False),
        ("oci://ghcr.io/fosrl/helm-charts", True, False),
        ("./charts/newt", False, True),
        ("/srv/charts/newt-1.5.0.tgz", False, True),
    ],
)
def test_a_chart_may_be_in_a_repository_in_a_registry_or_in_a_folder(
    repository: str, is_oci: bool, is_local: bool
) -> None:
    chart = cluster_settings({"kubernetes.chart.repository": repository}).kubernetes.chart
    assert (chart.is_oci, chart.is_local) == (is_oci, is_local)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10.43.0.10:9153", Canary(IPv4Address("10.43.0.10"), 9153)),
        ("[fd00::a]:9153", Canary(IPv6Address("fd00::a"), 9153)),
        ("monitoring/grafana:3000", Canary(ServiceRef("monitoring", "grafana"), 3000)),
    ],
)
def test_a_canary_is_an_address_or_a_service_and_a_port(written: str, meant: Canary) -> None:
    found = cluster_settings({"kubernetes.gateCanary": written}).kubernetes.gate_canary
    assert found == meant
    assert str(found) == written
