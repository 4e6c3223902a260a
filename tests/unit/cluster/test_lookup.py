"""DNS, the gate's canary, the plan of the proof, and a cluster that does not answer."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from newt_tunnel.cluster import ClusterUnreachable, unresolved
from newt_tunnel.cluster.reading.snapshot import Snapshot
from tests.unit.cluster.home import (
    COREDNS,
    HOME,
    KUBE_DNS,
    PLAN,
    leads,
    looked_up,
    pod,
    port,
    service,
    with_objects,
)
from tests.unit.cluster.test_outside import DUAL
from tests.unit.settings.example import cluster_settings


def dns_rules(**changes: Any) -> list[str]:
    found = looked_up([], **changes)
    assert found.policy is not None, "\n".join(map(str, found.errors))
    return [str(rule) for rule in found.policy.allowed if rule.name == "dns"]


def without_dns(*instead: Any) -> Snapshot:
    """The cluster with other DNS pods and Services than the usual ones."""
    rest = replace(
        HOME,
        pods=tuple(pod for pod in HOME.pods if pod is not COREDNS),
        services=tuple(service for service in HOME.services if service is not KUBE_DNS),
    )
    return with_objects(*instead, of=rest)


# DNS

POD_RULES = [
    "dns (kube-system/k8s-app=kube-dns 53/udp)",
    "dns (kube-system/k8s-app=kube-dns 53/tcp)",
]


def test_dns_is_allowed_to_the_clusters_dns_pods_only() -> None:
    assert dns_rules() == POD_RULES


def test_dns_any_is_the_clusters_and_everywhere() -> None:
    everywhere = ["dns (0.0.0.0/0 53/udp)", "dns (0.0.0.0/0 53/tcp)"]
    assert dns_rules(dns="any") == [*POD_RULES, *everywhere]
    everywhere6 = ["dns (::/0 53/udp)", "dns (::/0 53/tcp)"]
    assert dns_rules(dns="any", of=DUAL) == [*POD_RULES, *everywhere, *everywhere6]


def test_dns_none_and_a_node_local_cache_need_no_dns_pods() -> None:
    assert dns_rules(dns="none", pangolin={"endpoint": "https://203.0.113.10"}) == []
    assert dns_rules(dns=["169.254.20.10"]) == [
        "dns (169.254.20.10 53/udp)",
        "dns (169.254.20.10 53/tcp)",
    ]


def test_a_dns_selector_that_matches_no_pod_is_an_error_that_says_which_does() -> None:
    found = looked_up([], kubernetes__clusterDns__labels={"k8s-app": "coredns"})
    assert found.policy is None
    (line,) = map(str, found.errors)
    assert line.startswith("kubernetes.clusterDns.labels: no pod of namespace kube-system has")
    assert "the DNS Service kube-system/kube-dns selects k8s-app=kube-dns, write those" in line


def test_without_a_dns_service_either_the_error_says_what_is_wanted() -> None:
    found = looked_up([], of=without_dns())
    assert "write namespace and labels of the DNS pods" in str(found.errors[0])


def test_dns_pods_that_listen_elsewhere_are_an_error() -> None:
    openshift = pod("kube-system/dns", "k8s-app=kube-dns", "10.42.0.2", port(5353, None, "UDP"))
    found = looked_up([], of=without_dns(openshift))
    assert str(found.errors[0]).startswith(
        "kubernetes.clusterDns.port: the DNS pods listen on 5353, not on 53"
    )


def test_the_dns_services_own_address_is_an_error() -> None:
    found = looked_up([], dns=["10.43.0.10"])
    assert "is the ClusterIP of kube-system/kube-dns" in str(found.errors[0])
    assert str(found.errors[0]).endswith("write `cluster`")


def test_a_node_local_cache_is_pointed_out() -> None:
    cache = pod("kube-system/cache", "k8s-app=node-local-dns", "10.0.1.11", host_network=True)
    found = looked_up([], of=with_objects(cache))
    assert "[cluster, 169.254.20.10]" in str(found.warnings[0])
    written = looked_up([], of=with_objects(cache), dns=["cluster", "169.254.20.10"])
    assert written.warnings == ()
    assert [probe.line for probe in written.probes if probe.name == "dns"] == [
        "reach udp 10.43.0.10 53 dns",
        "reach tcp 10.43.0.10 53 dns",
        "reach udp 169.254.20.10 53 dns",
        "reach tcp 169.254.20.10 53 dns",
    ]


# the gate's canary


def canary(of: Snapshot = HOME, egress: Any = (), **changes: Any) -> str:
    found = looked_up(egress, of=of, **changes)
    assert found.policy is not None, "\n".join(map(str, found.errors))
    return str(found.gate_canary)


def test_the_canary_is_the_dns_pods_metrics_port_behind_its_service() -> None:
    assert canary() == "10.43.0.10:9153"


def test_a_canary_without_a_name_is_known_by_its_number() -> None:
    plain = service(
        "kube-system/d", "k8s-app=kube-dns", leads(7, 53), leads(8, 9153), at="10.43.9.9"
    )
    assert canary(without_dns(COREDNS, plain)) == "10.43.9.9:8"


def test_any_other_port_that_is_shut_will_do() -> None:
    dns = pod("kube-system/d", "k8s-app=kube-dns", "10.42.0.2", port(53, "dns", "UDP"), port(8080))
    front = service("kube-system/d", "k8s-app=kube-dns", leads(80, 8080), at="10.43.9.9")
    assert canary(without_dns(dns, front)) == "10.43.9.9:80"


def test_without_a_service_the_pod_itself_is_the_canary_with_a_warning() -> None:
    found = looked_up([], of=without_dns(COREDNS))
    assert str(found.gate_canary) == "10.42.0.2:9153"
    assert "a pod's address changes" in str(found.warnings[0])
    assert "write NAMESPACE/SERVICE:PORT" in str(found.warnings[0])


def test_a_port_that_newt_may_reach_is_no_canary() -> None:
    metrics = {
        "name": "metrics",
        "namespace": "kube-system",
        "labels": {"k8s-app": "kube-dns"},
        "port": "metrics",
    }
    found = looked_up([metrics])
    assert found.policy is None
    assert "kubernetes.gateCanary: the DNS pods declare no TCP port" in str(found.errors[0])
    chosen = canary(egress=[metrics], kubernetes__gateCanary="monitoring/grafana:3000")
    assert chosen == "10.43.0.40:3000"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("monitoring/prometheus:9090", "is no Service with an address and that TCP port"),
        ("monitoring/grafana:80", "is no Service with an address and that TCP port"),
        ("gitea/gitea:80", "is something that newt may reach"),
        ("10.43.0.20:80", "is something that newt may reach"),
        ("10.42.0.3:3000", "is something that newt may reach"),
        ("10.0.1.200:631", "is something that newt may reach"),
    ],
)
def test_a_canary_that_is_allowed_or_not_there_is_an_error(written: str, said: str) -> None:
    found = looked_up(None, None, kubernetes__gateCanary=written)
    assert found.policy is None
    (line,) = map(str, found.errors)
    assert line.startswith(f"kubernetes.gateCanary: {written} {said}")


@pytest.mark.parametrize("written", ["10.43.0.40:3000", "10.42.0.5:3000", "10.0.1.1:80"])
def test_a_canary_may_be_written_as_an_address(written: str) -> None:
    assert canary(kubernetes__gateCanary=written) == written


# the proof


def test_the_plan_for_the_example_is_this() -> None:
    found = looked_up(None, None)
    assert [probe.line for probe in found.probes] == list(PLAN)


def test_a_canary_that_the_user_allows_is_not_tried() -> None:
    found = looked_up([{"name": "ssh", "host": "10.0.1.11", "port": 22}], dns="any")
    names = {probe.name for probe in found.probes}
    assert "node-ssh" not in names
    assert "foreign-resolver" not in names
    assert "node-kubelet" in names


def test_a_block_is_listed_and_not_knocked_at() -> None:
    found = looked_up([{"name": "a", "cidr": "10.0.7.0/24", "port": [80, 443]}])
    assert "reach tcp 10.0.7.0/24 80,443 a" in [probe.line for probe in found.probes]


def many(count: int) -> list[dict[str, Any]]:
    return [
        {"name": f"service-number-{n}", "host": "10.0.1.50", "port": 1000 + n} for n in range(count)
    ]


def test_a_plan_that_no_process_can_be_handed_is_an_error_that_says_what_to_do() -> None:
    found = looked_up(many(3000))
    assert found.policy is None
    (line,) = map(str, found.errors)
    assert line.startswith("egress: the proof has 30")
    assert "in 134245 bytes, and takes 131066" in line
    assert "write blocks (cidr) or port ranges" in line
    assert len(looked_up(many(2000)).probes) > 2000


def test_without_a_proof_a_list_may_be_longer() -> None:
    assert looked_up(many(3000), proof="off").policy is not None


def test_a_second_look_finds_the_same_although_pods_have_moved() -> None:
    moved = replace(
        HOME,
        pods=tuple(
            replace(pod, name=f"{pod.name}-new", addresses=(ip_network("10.42.0.99/32")[0],))
            for pod in HOME.pods
        ),
    )
    before, after = looked_up(None, None), looked_up(None, None, of=moved)
    assert (before.policy, before.probes, before.gate_canary) == (
        after.policy,
        after.probes,
        after.gate_canary,
    )


# no cluster


def test_an_unreachable_cluster_leaves_everything_unresolved_and_guesses_nothing() -> None:
    settings = cluster_settings({"egress": [{"name": "nas", "host": "nas.lan", "port": 80}]})
    why = ClusterUnreachable("k3s-home", "the connection is refused")
    found = unresolved(settings, why)
    assert (found.policy, found.probes, found.gate_canary, found.errors) == (None, (), None, ())
    assert [str(line) for line in found.warnings] == [
        f"kubernetes.context: {why}",
        "dns: not resolved: the cluster's DNS pods",
        "egress[0]: not resolved: nas (nas.lan)",
        "mustNotReach[0]: not resolved: grafana (monitoring/grafana)",
        "mustNotReach[1]: not resolved: postgres (databases/postgres)",
    ]
    assert "k3s-home" in str(why)


def test_a_canary_without_a_ready_pod_is_an_error() -> None:
    silent = tuple(
        replace(one, ready=False) if one.namespace == "monitoring" else one for one in HOME.pods
    )
    found = looked_up(
        None, None, of=replace(HOME, pods=silent), kubernetes__gateCanary="monitoring/grafana:3000"
    )
    (line,) = map(str, found.errors)
    assert "kubernetes.gateCanary: no pod behind monitoring/grafana:3000 is ready" in line


def test_without_a_proof_a_written_canary_is_tried_by_nothing_and_that_is_said() -> None:
    canary = "monitoring/grafana:3000"
    found = looked_up(None, None, proof="off", kubernetes__gateCanary=canary)
    assert "kubernetes.gateCanary: nothing tries whether it answers" in str(found.warnings[0])
    assert looked_up(None, None, kubernetes__gateCanary=canary).warnings == ()
