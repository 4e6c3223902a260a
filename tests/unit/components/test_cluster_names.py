"""Names, type tokens and parents of everything that the stack of a cluster creates."""

from __future__ import annotations

from tests.unit.components.k3s_home import (
    DENY,
    NAMESPACE,
    POLICY,
    PROVIDER,
    RELEASE,
    in_cluster,
)
from tests.unit.components.recording import Recording

_POLICIES = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
#: Name, type token, name of the parent.
TREE = {
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
}

LOCKED = (
    "names, types and parents make up the URN: a changed one is a new resource beside an old one "
    "to be deleted, and two policies add up; keep the old one as an alias"
)


def test_every_resource_keeps_its_name_its_type_and_its_parent(k3s_home: Recording) -> None:
    found = {
        (one.name, one.type, k3s_home.by_urn(one.parent).name if one.parent else None)
        for one in k3s_home.resources
    }
    assert found == TREE, LOCKED


def test_the_urns_are_those_of_stacks_that_are_deployed_already(k3s_home: Recording) -> None:
    place = "urn:pulumi:k3s-home::newt-tunnel::newt-tunnel:kubernetes:KubernetesTunnel"
    assert k3s_home.named(POLICY).urn == (
        f"{place}$newt-tunnel:kubernetes:EgressPolicy${_POLICIES}::newt-tunnel-egress-policy"
    ), LOCKED
    assert k3s_home.named(RELEASE).urn == (
        f"{place}$newt-tunnel:kubernetes:NewtRelease$kubernetes:helm.sh/v3:Release"
        "::newt-tunnel-newt-release"
    ), LOCKED


def test_a_preview_declares_the_same_resources_as_an_update(
    k3s_home: Recording, k3s_preview: Recording
) -> None:
    assert {one.urn for one in k3s_preview.resources} == {one.urn for one in k3s_home.resources}


def test_a_child_is_called_after_its_component(k3s_home: Recording) -> None:
    for resource in k3s_home.resources:
        if resource.parent:
            parent = k3s_home.by_urn(resource.parent)
            expected = "newt-tunnel" if parent.parent == "" else f"{parent.name}-"
            assert resource.name.startswith(expected), "two tunnels in one program must not collide"


def test_what_is_in_the_cluster_goes_through_the_provider_of_this_cluster(
    k3s_home: Recording,
) -> None:
    assert len(in_cluster(k3s_home)) == 9
    for resource in in_cluster(k3s_home):
        assert resource.provider.startswith(k3s_home.named(PROVIDER).urn), (
            f"with the default provider {resource.name} would go to whatever kubectl means"
        )


def test_what_can_be_there_already_can_become_ours(k3s_home: Recording) -> None:
    for name in (NAMESPACE, DENY, POLICY, RELEASE):
        assert k3s_home.named(name).adoptable, "an import has no parent"
