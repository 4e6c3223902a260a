"""Names, type tokens and parents of everything that the stacks create."""

from __future__ import annotations

import pytest

from tests.unit.components import examples, k3s_home, nas
from tests.unit.components.examples import Example
from tests.unit.components.recording import Recording

_POLICIES = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
#: For each stack: name, type token, name of the parent.
TREES = {
    nas.STACK: {
        ("newt-tunnel-nas", "pulumi:pulumi:Stack", None),
        ("newt-tunnel", "newt-tunnel:docker:DockerTunnel", "newt-tunnel-nas"),
        ("newt-tunnel-firewall", "newt-tunnel:docker:EgressFirewall", "newt-tunnel"),
        ("newt-tunnel-firewall-rules", "command:remote:Command", "newt-tunnel-firewall"),
        ("newt-tunnel-newt", "newt-tunnel:docker:NewtContainer", "newt-tunnel"),
        ("newt-tunnel-newt-host", "pulumi:providers:docker", "newt-tunnel-newt"),
        ("newt-tunnel-newt-network", "docker:index/network:Network", "newt-tunnel-newt"),
        ("newt-tunnel-newt-config", "docker:index/volume:Volume", "newt-tunnel-newt"),
        ("newt-tunnel-newt-image", "docker:index/remoteImage:RemoteImage", "newt-tunnel-newt"),
        ("newt-tunnel-newt-credentials", "command:remote:Command", "newt-tunnel-newt"),
        ("newt-tunnel-newt-container", "docker:index/container:Container", "newt-tunnel-newt"),
        ("newt-tunnel-proof", "newt-tunnel:docker:EgressProof", "newt-tunnel"),
        ("newt-tunnel-proof-probes", "command:remote:Command", "newt-tunnel-proof"),
    },
    k3s_home.STACK: {
        ("newt-tunnel-k3s-home", "pulumi:pulumi:Stack", None),
        ("newt-tunnel", "newt-tunnel:kubernetes:KubernetesTunnel", "newt-tunnel-k3s-home"),
        ("newt-tunnel-cluster", "pulumi:providers:kubernetes", "newt-tunnel"),
        ("newt-tunnel-egress", "newt-tunnel:kubernetes:EgressPolicy", "newt-tunnel"),
        ("newt-tunnel-egress-namespace", "kubernetes:core/v1:Namespace", "newt-tunnel-egress"),
        ("newt-tunnel-egress-deny", _POLICIES, "newt-tunnel-egress"),
        ("newt-tunnel-egress-policy", _POLICIES, "newt-tunnel-egress"),
        ("newt-tunnel-proof", "newt-tunnel:kubernetes:PolicyProof", "newt-tunnel"),
        ("newt-tunnel-proof-control", "kubernetes:core/v1:Namespace", "newt-tunnel-proof"),
        ("newt-tunnel-proof-controlling", "kubernetes:batch/v1:Job", "newt-tunnel-proof"),
        ("newt-tunnel-proof-proving", "kubernetes:batch/v1:Job", "newt-tunnel-proof"),
        ("newt-tunnel-newt", "newt-tunnel:kubernetes:NewtRelease", "newt-tunnel"),
        ("newt-tunnel-newt-credentials", "kubernetes:core/v1:Secret", "newt-tunnel-newt"),
        ("newt-tunnel-newt-config", "kubernetes:core/v1:PersistentVolumeClaim", "newt-tunnel-newt"),
        ("newt-tunnel-newt-release", "kubernetes:helm.sh/v3:Release", "newt-tunnel-newt"),
    },
}

_ON_HOST = "urn:pulumi:nas::newt-tunnel::newt-tunnel:docker:DockerTunnel"
_IN_CLUSTER = "urn:pulumi:k3s-home::newt-tunnel::newt-tunnel:kubernetes:KubernetesTunnel"
URNS = {
    nas.STACK: {
        f"{_ON_HOST}$newt-tunnel:docker:EgressFirewall$command:remote:Command"
        "::newt-tunnel-firewall-rules",
        f"{_ON_HOST}$newt-tunnel:docker:NewtContainer$docker:index/container:Container"
        "::newt-tunnel-newt-container",
        f"{_ON_HOST}$newt-tunnel:docker:EgressProof$command:remote:Command"
        "::newt-tunnel-proof-probes",
    },
    k3s_home.STACK: {
        f"{_IN_CLUSTER}$newt-tunnel:kubernetes:EgressPolicy${_POLICIES}::newt-tunnel-egress-policy",
        f"{_IN_CLUSTER}$newt-tunnel:kubernetes:NewtRelease$kubernetes:helm.sh/v3:Release"
        "::newt-tunnel-newt-release",
    },
}

LOCKED = (
    "names, types and parents make up the URN: a changed one is a new resource beside an old one "
    "to be deleted. Deleting the old firewall opens the cage, and two policies add up. Keep the "
    "old one as an alias"
)


def test_every_resource_keeps_its_name_its_type_and_its_parent(
    example: Example, deployed: Recording
) -> None:
    found = {
        (one.name, one.type, deployed.by_urn(one.parent).name if one.parent else None)
        for one in deployed.resources
    }
    assert found == TREES[example.STACK], LOCKED


def test_the_urns_are_those_of_stacks_that_are_deployed_already(
    example: Example, deployed: Recording
) -> None:
    assert {one.urn for one in deployed.resources} >= URNS[example.STACK], LOCKED


def test_a_preview_declares_the_same_resources_as_an_update(
    deployed: Recording, previewed: Recording
) -> None:
    assert {one.urn for one in previewed.resources} == {one.urn for one in deployed.resources}


def test_a_child_is_called_after_its_component(deployed: Recording) -> None:
    for resource in deployed.resources:
        if resource.parent:
            parent = deployed.by_urn(resource.parent)
            expected = "newt-tunnel" if parent.parent == "" else f"{parent.name}-"
            assert resource.name.startswith(expected), "two tunnels in one program must not collide"


@pytest.mark.parametrize(
    ("example", "prefix", "count"),
    [(nas, "docker:", 4), (k3s_home, "kubernetes:", 9)],
    indirect=["example"],
    ids=[nas.STACK, k3s_home.STACK],
)
def test_everything_on_a_platform_goes_through_the_provider_of_this_stack(
    example: Example, deployed: Recording, prefix: str, count: int
) -> None:
    there = [one for one in deployed.resources if one.type.startswith(prefix)]
    assert len(there) == count
    for resource in there:
        assert resource.provider.startswith(deployed.named(example.PROVIDER).urn), (
            f"the default provider would make {resource.name} on the deploying machine, or in "
            "whatever cluster kubectl means"
        )


def test_what_can_be_in_the_cluster_already_can_become_ours() -> None:
    deployed = examples.deployed(k3s_home)
    for name in (k3s_home.NAMESPACE, k3s_home.DENY, k3s_home.POLICY, k3s_home.RELEASE):
        assert deployed.named(name).adoptable, "an import has no parent"
