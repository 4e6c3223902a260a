"""The look at the cluster before anything is declared: what stops, what warns, what is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from newt_tunnel.cluster import OWNER as OWNER_ANNOTATION
from newt_tunnel.cluster import ClusterError
from newt_tunnel.cluster.reading.snapshot import Namespace, NetworkPolicy, Snapshot
from tests.unit.cluster.home import HOME
from tests.unit.components.k3s_home import (
    CONTROL_NAMESPACE,
    DENY,
    NAMESPACE,
    OWNER,
    POLICY,
    Cluster,
    deploy,
)
from tests.unit.components.recording import Recording


def deployed(
    by: Recording, *, owner: str = OWNER, changed: str = "", spec: Mapping[str, Any] | None = None
) -> Snapshot:
    """The cluster after the update ``by``; of the policy ``changed`` somebody has written over
    ``spec`` by hand.
    """
    policies = [by.named(name).inputs for name in (DENY, POLICY)]
    return replace(
        HOME,
        namespaces=(
            *HOME.namespaces,
            *(
                Namespace(name=name, annotations={OWNER_ANNOTATION: owner})
                for name in ("newt-tunnel", "newt-tunnel-control")
            ),
        ),
        policies=tuple(
            NetworkPolicy(
                namespace="newt-tunnel",
                name=one["metadata"]["name"],
                annotations={**one["metadata"]["annotations"], OWNER_ANNOTATION: owner},
                spec={
                    **_as_stored(one["spec"]),
                    **((spec or {}) if one["metadata"]["name"] == changed else {}),
                },
            )
            for one in policies
        ),
    )


def _as_stored(spec: object) -> Any:
    """The engine's numbers are all floats, the API server's are what they are."""
    return json.loads(json.dumps(spec), parse_float=lambda text: int(float(text)))


def test_what_was_found_is_told(k3s_home: Recording) -> None:
    assert k3s_home.messages("warning") == []
    assert (
        "egress[1]: homeassistant/homeassistant 80/tcp leads to pods homeassistant/app=ha, port "
        "http (8123)"
    ) in k3s_home.messages("info")


def test_a_second_update_finds_its_own_objects_and_says_nothing(k3s_home: Recording) -> None:
    again = deploy(cluster=Cluster(deployed(k3s_home)))
    assert again.messages("warning") == []
    assert {one.urn: one.inputs for one in again.resources} == {
        one.urn: one.inputs for one in k3s_home.resources
    }


@pytest.mark.parametrize("preview", [True, False])
def test_an_error_stops_before_anything_is_declared(preview: bool) -> None:
    recording = Recording()
    changes = {
        "egress": [
            {"name": "gone", "service": "gitea/gone", "port": 80},
            {"name": "api", "cidr": "10.43.0.1/32", "port": 443},
        ]
    }
    with pytest.raises(pulumi.RunError) as error:
        deploy(changes, preview=preview, into=recording)
    lines = str(error.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["egress[0].service", "egress[1].cidr"], (
        "all that is wrong, in one run"
    )
    assert [one.name for one in recording.resources] == ["newt-tunnel-k3s-home", "newt-tunnel"]


def test_a_cluster_that_cannot_be_reached_stops_an_update_and_names_the_context() -> None:
    recording = Recording()
    unreachable = Cluster(ClusterError("k3s-home: the cluster cannot be reached: no answer"))
    with pytest.raises(pulumi.RunError) as error:
        deploy(cluster=unreachable, into=recording)
    assert str(error.value) == (
        "kubernetes.context: k3s-home: the cluster cannot be reached: no answer"
    ), "names the cluster once"
    assert [one.name for one in recording.resources] == ["newt-tunnel-k3s-home", "newt-tunnel"]


def test_a_preview_goes_on_without_it_and_says_what_is_not_resolved() -> None:
    unreachable = Cluster(ClusterError("k3s-home: the cluster cannot be reached: no answer"))
    recording = deploy(cluster=unreachable, preview=True)
    warnings = recording.messages("warning")
    assert "kubernetes.context: k3s-home: the cluster cannot be reached: no answer" in warnings
    assert "egress[1]: not resolved: homeassistant (homeassistant/homeassistant)" in warnings
    assert "dns: not resolved: the cluster's DNS pods" in warnings


@pytest.mark.parametrize("name", [NAMESPACE, CONTROL_NAMESPACE, DENY, POLICY])
def test_what_is_there_already_stops_with_the_command_that_imports_it_by_its_name(
    k3s_home: Recording, name: str
) -> None:
    there = deployed(k3s_home)
    wanted = k3s_home.named(name).inputs["metadata"]["name"]
    foreign = replace(
        there,
        namespaces=tuple(_disowned(one) if one.name == wanted else one for one in there.namespaces),
        policies=tuple(_disowned(one) if one.name == wanted else one for one in there.policies),
    )
    with pytest.raises(pulumi.RunError) as error:
        deploy(cluster=Cluster(foreign))
    resource = k3s_home.named(name)
    assert f"pulumi import {resource.type} {name} " in str(error.value), (
        "what is imported under another name or type never becomes ours"
    )
    assert f"{OWNER_ANNOTATION}={OWNER}" in str(error.value)


def _disowned(one: Any) -> Any:
    return replace(one, annotations={})


def test_the_objects_of_another_stack_are_left_alone(k3s_home: Recording) -> None:
    recording = Recording()
    theirs = Cluster(deployed(k3s_home, owner="newt-tunnel/other"))
    with pytest.raises(pulumi.RunError, match="belongs to the stack newt-tunnel/other"):
        deploy(cluster=theirs, into=recording)
    assert [one.name for one in recording.resources] == ["newt-tunnel-k3s-home", "newt-tunnel"]


@pytest.mark.parametrize("name", ["newt-tunnel-netpol", "newt-tunnel-deny"])
def test_what_was_added_by_hand_is_told_at_the_next_preview(k3s_home: Recording, name: str) -> None:
    cluster = Cluster(deployed(k3s_home, changed=name, spec={"ingress": [{}]}))
    (warning,) = deploy(cluster=cluster, preview=True).messages("warning")
    assert warning.startswith(f"NetworkPolicy {name}: was changed by hand")
    assert "added: ingress from everywhere all ports; remove it" in warning


def test_a_changed_stack_file_is_not_taken_for_a_change_by_hand(k3s_home: Recording) -> None:
    cluster = Cluster(deployed(k3s_home))
    assert deploy({"egress": []}, cluster=cluster, preview=True).messages("warning") == []


@pytest.mark.parametrize("preview", [True, False])
def test_reasons_that_no_object_can_hold_stop_before_anything_is_declared(preview: bool) -> None:
    longest = {"port": 80, "reason": "x" * 200}
    entries = [
        {"name": f"a-host-with-a-name-{n}", "host": f"10.0.{n // 250}.{n % 250 + 2}", **longest}
        for n in range(1000)
    ]
    recording = Recording()
    changes = {"egress": entries, "mustNotReach": [], "proof": "off"}
    with pytest.raises(pulumi.RunError, match=r"egress: names, reasons .* shorten the longest"):
        deploy(changes, preview=preview, into=recording)
    assert [one.name for one in recording.resources] == ["newt-tunnel-k3s-home", "newt-tunnel"]
