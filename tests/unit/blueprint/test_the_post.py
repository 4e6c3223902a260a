"""The blueprint of the post's services, and the post's allow-list written by hand: the same rules.

On both targets, with the example stacks and the blueprints beside them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from newt_tunnel.cluster.lookup.look_up import Lookup, look_up
from newt_tunnel.egress import iptables, network_policy, nftables, proof_plan, reach
from newt_tunnel.egress.cage import Firewall, Hook
from newt_tunnel.egress.rules import Policy
from newt_tunnel.settings.load import examine
from newt_tunnel.settings.policy import cage, policy
from newt_tunnel.settings.stack import KubernetesSettings, Settings
from tests.unit.blueprint.given import STACKS, OneText
from tests.unit.cluster.home import HOME, leads, service
from tests.unit.settings.example import ABSENT, cluster_stack, stack

BY_HAND_ON_DOCKER = [
    {"name": "gitea", "host": "10.0.1.50", "port": 3000},
    {"name": "printer", "cidr": "10.0.1.200/32", "port": 631},
    {"name": "jellyfin", "host": "10.0.1.10", "port": 8096},
    {"name": "homeassistant", "host": "homeassistant.lan", "port": 8123},
]
BY_HAND_IN_A_CLUSTER = [
    {
        "name": "gitea",
        "namespace": "gitea",
        "labels": {"app.kubernetes.io/component": "gitea"},
        "port": 3000,
    },
    {"name": "homeassistant", "namespace": "homeassistant", "labels": {"app": "ha"}, "port": 8123},
    {"name": "printer", "cidr": "10.0.1.200/32", "port": 631},
]
POSTS_SERVICES = {
    "gitea/gitea": service(
        "gitea/gitea", "app.kubernetes.io/component=gitea", leads(3000, 3000), at="10.43.0.20"
    ),
    "homeassistant/homeassistant": service(
        "homeassistant/homeassistant", "app=ha", leads(80, 8123), at="10.43.0.30"
    ),
}
#: Where Gitea's Service selects by the label that the post writes.
CLUSTER = replace(
    HOME,
    services=tuple(POSTS_SERVICES.get(str(one.ref), one) for one in HOME.services),
)
FROM_THE_BLUEPRINT = {"egress": ABSENT}


def files(name: str) -> OneText:
    return OneText((STACKS / f"blueprint.{name}.yaml").read_text())


def on_docker(changes: dict[str, Any]) -> Settings:
    judgement = examine(stack(changes), files("nas"))
    assert isinstance(judgement.settings, Settings), "\n".join(map(str, judgement.problems))
    return judgement.settings


def in_a_cluster(changes: dict[str, Any]) -> KubernetesSettings:
    judgement = examine(cluster_stack(changes), files("k3s-home"))
    assert isinstance(judgement.settings, KubernetesSettings), "\n".join(
        map(str, judgement.problems)
    )
    return judgement.settings


@pytest.fixture(scope="module")
def docker() -> tuple[Settings, Settings]:
    """By blueprint and by hand."""
    return (
        on_docker({**FROM_THE_BLUEPRINT, "blueprint": "stacks/blueprint.nas.yaml"}),
        on_docker({"egress": BY_HAND_ON_DOCKER}),
    )


def found(changes: dict[str, Any]) -> Lookup:
    return look_up(in_a_cluster(changes), CLUSTER, {})


@pytest.fixture(scope="module")
def kubernetes() -> tuple[Policy, Policy]:
    """By blueprint and by hand."""
    lookups = (
        found({**FROM_THE_BLUEPRINT, "blueprint": "stacks/blueprint.k3s-home.yaml"}),
        found({"egress": BY_HAND_IN_A_CLUSTER}),
    )
    for lookup in lookups:
        assert not lookup.errors, "\n".join(map(str, lookup.errors))
    by_blueprint, by_hand = (lookup.policy for lookup in lookups)
    assert by_blueprint is not None
    assert by_hand is not None
    return by_blueprint, by_hand


def test_the_blueprint_yields_the_posts_allow_list_on_a_docker_host(
    docker: tuple[Settings, Settings],
) -> None:
    allowed = [str(rule) for rule in policy(docker[0]).sorted_rules]
    assert allowed == [
        "dns (10.0.1.53 53/tcp)",
        "dns (10.0.1.53 53/udp)",
        "gitea (10.0.1.50 3000/tcp)",
        "homeassistant (homeassistant.lan 8123/tcp)",
        "jellyfin (10.0.1.10 8096/tcp)",
        "pangolin (203.0.113.10 443/tcp)",
        "pangolin (203.0.113.10 51820/udp)",
        "printer (10.0.1.200 631/tcp)",
    ]


@pytest.mark.parametrize("hook", Hook)
def test_the_rules_of_iptables_are_those_of_the_list_written_by_hand(
    docker: tuple[Settings, Settings], hook: Hook
) -> None:
    derived, written = (
        iptables.render(policy(one), replace(cage(one, "nas"), hook=hook)) for one in docker
    )
    assert "10.0.1.50" in derived.rules4
    assert derived == written


def test_the_rules_of_nftables_are_those_of_the_list_written_by_hand(
    docker: tuple[Settings, Settings],
) -> None:
    derived, written = (
        nftables.render(policy(one), replace(cage(one, "nas"), firewall=Firewall.NFTABLES))
        for one in docker
    )
    assert derived == written


def test_the_proof_tries_the_same(docker: tuple[Settings, Settings]) -> None:
    derived, written = (
        proof_plan.plan(policy(one), cage(one, "nas"), ssh_port=22) for one in docker
    )
    assert derived == written


def test_the_blueprint_yields_the_posts_allow_list_in_a_cluster(
    kubernetes: tuple[Policy, Policy],
) -> None:
    """With the pods' own port behind the Service's: 8123, not 80."""
    allowed = [str(rule) for rule in kubernetes[0].allowed if rule.name != "pangolin"]
    assert allowed == [
        "dns (kube-system/k8s-app=kube-dns 53/udp)",
        "dns (kube-system/k8s-app=kube-dns 53/tcp)",
        "gitea (gitea/app.kubernetes.io/component=gitea 3000/tcp)",
        "homeassistant (homeassistant/app=ha 8123/tcp)",
        "printer (10.0.1.200 631/tcp)",
    ]


def test_the_policy_of_the_cluster_is_that_of_the_list_written_by_hand(
    kubernetes: tuple[Policy, Policy],
) -> None:
    derived, written = kubernetes
    assert network_policy.newt_policy(derived, "newt") == network_policy.newt_policy(
        written, "newt"
    )
    assert network_policy.annotations_of(derived, "newt") == network_policy.annotations_of(
        written, "newt"
    )
    assert network_policy.digest(derived) == network_policy.digest(written), "newt is not rolled"


def test_the_proof_in_the_cluster_dials_the_services(kubernetes: tuple[Policy, Policy]) -> None:
    lookup = found({**FROM_THE_BLUEPRINT, "blueprint": "stacks/blueprint.k3s-home.yaml"})
    assert lookup.policy == kubernetes[0]
    dialled = {(probe.name, probe.port) for probe in lookup.probes}
    assert {("gitea", "3000"), ("homeassistant", "80"), ("printer", "631")} <= dialled


def test_what_newt_may_reach_says_which_resource_it_is_for(
    docker: tuple[Settings, Settings],
) -> None:
    rows = {row.name: row.origin for row in reach.report(policy(docker[0]))}
    assert rows["gitea"] == "blueprint.public-resources.gitea.targets"
    assert rows["printer"] == "blueprint.public-resources.printer.targets"
    assert rows["dns"] == "dns"


def test_beside_the_written_list_the_blueprint_adds_nothing() -> None:
    written = on_docker({"blueprint": "stacks/blueprint.nas.yaml"})
    assert policy(written) == policy(on_docker({}))
