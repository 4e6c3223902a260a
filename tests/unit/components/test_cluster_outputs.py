"""The outputs of a cluster's stack: those of a Docker host, as far as names go."""

from __future__ import annotations

import shlex

from newt_tunnel.cluster import ClusterError
from tests.unit.components.k3s_home import WITH_KUBECONFIG, Cluster, deploy
from tests.unit.components.recording import Recording


def _registered(recording: Recording, name: str) -> set[str]:
    return set(recording.registered_outputs[recording.named(name).urn])


def test_the_tunnels_outputs_are_called_as_those_of_a_docker_host(
    k3s_home: Recording, nas: Recording
) -> None:
    assert _registered(k3s_home, "newt-tunnel") == _registered(nas, "newt-tunnel")


def test_rows_of_reach_and_proof_have_the_same_cells_on_both_platforms(
    k3s_home: Recording, nas: Recording
) -> None:
    for output in ("reach", "proof"):
        ours, theirs = (recording.stack_outputs[output] for recording in (k3s_home, nas))
        assert {frozenset(row) for row in ours} == {frozenset(row) for row in theirs}


def test_reach_lists_every_rule_with_the_key_it_comes_from(k3s_home: Recording) -> None:
    rows = k3s_home.stack_outputs["reach"]
    found = [
        (row["name"], row["destination"], row["port"], row["protocol"], row["origin"])
        for row in rows
    ]
    dns = "kube-system/k8s-app=kube-dns"
    assert found == [
        ("dns", dns, "53", "tcp", "dns"),
        ("dns", dns, "53", "udp", "dns"),
        ("gitea", "gitea/app.kubernetes.io/component=gitea", "3000", "tcp", "egress"),
        ("homeassistant", "homeassistant/app=ha", "http (8123)", "tcp", "egress"),
        ("pangolin", "203.0.113.10", "443", "tcp", "pangolin.ports"),
        ("pangolin", "203.0.113.10", "51820", "udp", "pangolin.ports"),
        ("printer", "10.0.1.200", "631", "tcp", "egress"),
    ]


def test_the_host_is_the_context_or_says_that_there_is_a_kubeconfig(k3s_home: Recording) -> None:
    assert k3s_home.stack_outputs["host"] == "k3s-home"
    changes = {"kubernetes.context": None}
    assert deploy(changes, given=WITH_KUBECONFIG).stack_outputs["host"] == "kubeconfig"


def test_firewall_says_where_newt_is_caged_and_by_which_rules(k3s_home: Recording) -> None:
    found = dict(k3s_home.stack_outputs["firewall"])
    assert len(found.pop("digest")) == 16
    assert found == {
        "policy": "newt-tunnel-netpol",
        "deny": "newt-tunnel-deny",
        "namespace": "newt-tunnel",
    }


def test_verify_lists_commands_that_are_whole_when_they_are_pasted(k3s_home: Recording) -> None:
    policy, logs, knock, comment = (
        shlex.split(command, comments=True) for command in k3s_home.stack_outputs["verify"]
    )
    assert comment == []
    kubectl = ["kubectl", "--context", "k3s-home", "--namespace", "newt-tunnel"]
    assert policy == [*kubectl, "describe", "networkpolicy", "newt-tunnel-netpol"]
    assert logs[:6] == [*kubectl, "logs"]
    assert knock[:7] == [*kubectl, "exec", "deploy/newt-newt-newt"]
    assert "must fail" in k3s_home.stack_outputs["verify"][-1]
    assert knock[-6:] == ["nc", "-w", "3", "10.43.0.10", "9153", "</dev/null"]


def test_a_preview_shows_what_the_look_at_the_cluster_found(
    k3s_home: Recording, k3s_preview: Recording
) -> None:
    for output in ("reach", "host", "firewall", "verify"):
        assert k3s_preview.stack_outputs[output] == k3s_home.stack_outputs[output]


def test_a_preview_without_a_cluster_claims_no_reach() -> None:
    unreachable = Cluster(ClusterError("k3s-home: the cluster cannot be reached"))
    assert deploy(cluster=unreachable, preview=True).stack_outputs["reach"] == []
