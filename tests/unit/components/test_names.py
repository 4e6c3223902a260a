"""Names, type tokens and parents of everything the stack creates."""

from __future__ import annotations

from tests.unit.components.nas import PROVIDER
from tests.unit.components.recording import Recording

#: Name, type token, name of the parent.
TREE = {
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
}

LOCKED = (
    "names, types and parents make up the URN: a changed one is a new resource beside an old one "
    "to be deleted, and deleting the old firewall opens the cage; keep the old one as an alias"
)


def test_every_resource_keeps_its_name_its_type_and_its_parent(nas: Recording) -> None:
    found = {
        (
            resource.name,
            resource.type,
            nas.by_urn(resource.parent).name if resource.parent else None,
        )
        for resource in nas.resources
    }
    assert found == TREE, LOCKED


def test_the_urns_are_those_of_stacks_that_are_deployed_already(nas: Recording) -> None:
    place = "urn:pulumi:nas::newt-tunnel::newt-tunnel:docker:DockerTunnel"
    newt = f"{place}$newt-tunnel:docker:NewtContainer"
    assert nas.named("newt-tunnel-firewall-rules").urn == (
        f"{place}$newt-tunnel:docker:EgressFirewall$command:remote:Command"
        "::newt-tunnel-firewall-rules"
    ), LOCKED
    assert nas.named("newt-tunnel-newt-container").urn == (
        f"{newt}$docker:index/container:Container::newt-tunnel-newt-container"
    ), LOCKED
    assert nas.named("newt-tunnel-proof-probes").urn == (
        f"{place}$newt-tunnel:docker:EgressProof$command:remote:Command::newt-tunnel-proof-probes"
    ), LOCKED


def test_a_preview_declares_the_same_resources_as_an_update(
    nas: Recording, preview: Recording
) -> None:
    assert {resource.urn for resource in preview.resources} == {
        resource.urn for resource in nas.resources
    }


def test_a_child_is_called_after_its_component(nas: Recording) -> None:
    for resource in nas.resources:
        if resource.parent:
            parent = nas.by_urn(resource.parent)
            expected = "newt-tunnel" if parent.parent == "" else f"{parent.name}-"
            assert resource.name.startswith(expected), "two tunnels in one program must not collide"


def test_what_is_on_docker_goes_through_the_provider_of_this_host(nas: Recording) -> None:
    on_docker = [resource for resource in nas.resources if resource.type.startswith("docker:")]
    assert len(on_docker) == 4
    for resource in on_docker:
        assert resource.provider.startswith(nas.named(PROVIDER).urn), (
            f"with the default provider {resource.name} would be made on the deploying machine"
        )
