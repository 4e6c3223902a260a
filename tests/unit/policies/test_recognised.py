"""What counts as newt, however it is written, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from newt_tunnel.cluster.pod import GATE, PROBE
from policies.newts import newts
from tests.unit.policies.judging import (
    Data,
    after,
    by_hand,
    container,
    deployment,
    findings,
    network_policy,
    release,
)
from tests.unit.policies.recorder import recorded, together

RULE = "newt-is-confined"
IMAGE = "fosrl/newt:1.16.0"
OTHER = "registry.lan/mirror/tunnel:1"


def recognised(data: Data) -> list[str]:
    return [one.name for one in newts(together(data))]


def pod(kind: str = "core/v1:Pod", **spec: Any) -> dict[str, Any]:
    return by_hand(f"kubernetes:{kind}", {"metadata": {"namespace": "newt"}, "spec": spec})


def workload(kind: str, path: tuple[str, ...], newt: dict[str, Any]) -> dict[str, Any]:
    """A workload of ``kind`` with the one container in the pods at ``path``."""
    properties: dict[str, Any] = {"spec": {"containers": [newt]}}
    for key in reversed(path):
        properties = {key: properties}
    return by_hand(f"kubernetes:{kind}", {"metadata": {"name": "tunnel"}} | properties)


TEMPLATE = ("spec", "template")
KINDS = {
    "core/v1:Pod": (),
    "core/v1:PodTemplate": ("template",),
    "core/v1:ReplicationController": TEMPLATE,
    "apps/v1:Deployment": TEMPLATE,
    "apps/v1:StatefulSet": TEMPLATE,
    "apps/v1:DaemonSet": TEMPLATE,
    "apps/v1:ReplicaSet": TEMPLATE,
    "apps/v1beta2:Deployment": TEMPLATE,
    "extensions/v1beta1:DaemonSet": TEMPLATE,
    "batch/v1:Job": TEMPLATE,
    "batch/v1:CronJob": ("spec", "jobTemplate", *TEMPLATE),
    "batch/v1beta1:CronJob": ("spec", "jobTemplate", *TEMPLATE),
}


@pytest.mark.parametrize(("kind", "path"), KINDS.items(), ids=KINDS.keys())
@pytest.mark.parametrize("patch", ["", "Patch"])
def test_newt_in_every_kind_of_workload_and_in_its_patch_is_seen_by_every_rule(
    kind: str, path: tuple[str, ...], patch: str
) -> None:
    newt = workload(
        f"{kind}{patch}",
        path,
        {
            "name": "newt",
            "image": "fosrl/newt:latest",
            "env": [
                {"name": "NEWT_SECRET", "value": "canary"},
                {"name": "DOCKER_SOCKET", "value": "tcp://proxy:2375"},
            ],
            "securityContext": {"privileged": True, "capabilities": {"add": ["NET_ADMIN"]}},
        },
    )
    for rule in (
        *(RULE, "no-plain-secret", "no-docker-socket", "no-host-network", "pinned-version"),
        *("no-added-capability", "image-has-digest"),
    ):
        assert len(findings(rule, [newt])) == 1, rule


@pytest.mark.parametrize("kind", ["containers", "initContainers", "ephemeralContainers"])
def test_a_newt_beside_another_container_is_seen(kind: str) -> None:
    app = {"name": "app", "image": "jellyfin/jellyfin:10"}
    sidecar = {"name": "tunnel", "image": IMAGE, "restartPolicy": "Always"}
    newt = pod(containers=[app])
    newt["outputs"]["spec"].setdefault(kind, []).append(sidecar)
    assert recognised([newt]) == ["bare"]
    assert len(findings(RULE, [newt])) == 1


@pytest.mark.parametrize(
    "newt",
    [
        {"image": IMAGE},
        {"image": IMAGE, "command": ["/entrypoint.sh", "newt"]},
        {"image": IMAGE, "command": ["sh", "-c", "exec newt --id x"]},
        {"image": IMAGE, "command": ["sleep", "infinity"]},
        {"image": IMAGE, "command": ["/bin/sh", "-c", f"{GATE}\nnewt"]},
        {"image": IMAGE, "command": ["/bin/sh", "-c", GATE], "args": ["newt"]},
        {"image": "registry.lan:5000/mirror/fosrl-newt:1.16.0"},
        {"image": "fosrl/pangolin-cli:0.22.0", "command": ["pangolin", "up", "site"]},
        {"image": "fosrl/pangolin-cli:0.22.0", "args": ["up", "site"]},
        # Under another image's name.
        {"image": OTHER, "command": ["newt"]},
        {"image": OTHER, "command": ["/usr/local/bin/newt", "--id", "x"]},
        {"image": OTHER, "command": ["/entrypoint.sh"], "args": ["newt"]},
        {"image": OTHER, "command": ["tini", "--", "newt"]},
        {"image": OTHER, "command": ["dumb-init", "/entrypoint.sh", "newt"]},
        {"image": OTHER, "command": ["env", "LOG_LEVEL=INFO", "newt"]},
        {"image": OTHER, "command": ["timeout", "60", "newt"]},
        {"image": OTHER, "command": ["sh", "/entrypoint.sh", "newt"]},
        {"image": OTHER, "command": ["sh", "-c", "newt --id x"]},
        {"image": OTHER, "command": ["/bin/sh", "-ec", "sleep 1; exec /usr/local/bin/newt"]},
        {"image": OTHER, "command": ["sh", "-c"], "args": ["cd /tmp && newt &\nwait"]},
        {"image": OTHER, "command": ["tini", "--", "sh", "-c", "exec tini -- newt"]},
        {"image": OTHER, "command": ["pangolin-cli", "up", "site"]},
        {"image": OTHER, "env": [{"name": "SITE_SECRET", "valueFrom": {"secretKeyRef": {}}}]},
        {"image": OTHER, "env": [{"name": "PANGOLIN_ENDPOINT", "value": "https://x"}]},
    ],
)
def test_newt_is_seen_by_its_image_its_command_line_and_its_variables(
    newt: dict[str, Any],
) -> None:
    assert recognised([pod(containers=[{"name": "tunnel", **newt}])]) == ["bare"]


@pytest.mark.parametrize(
    "other",
    [
        {"image": IMAGE, "command": ["/bin/sh", "-c", GATE]},
        {"image": IMAGE, "command": ["/bin/sh", "-c", PROBE]},
        {"image": "example/newt-exporter:1"},
        {"image": "fosrl/pangolin:1"},
        {"image": "prom/prometheus:3", "args": ["--target", "newt", "--scrape=newt:2112"]},
        {"image": OTHER, "command": ["sh", "-c", "echo newt is down; cat /etc/newt/config"]},
        {"image": OTHER, "command": ["newt-exporter"]},
    ],
)
def test_our_own_gate_and_proof_and_what_only_names_newt_are_none(other: dict[str, Any]) -> None:
    assert recognised([pod(containers=[{"name": "other", **other}])]) == []


@pytest.mark.parametrize(
    "given",
    [
        {"entrypoints": ["tini", "--"], "command": ["newt"], "image": OTHER},
        {"command": ["sh", "-c", "exec newt"], "image": OTHER},
        {"image": "fosrl/pangolin-cli:0.22.0", "command": ["up", "site"]},
        {"image": OTHER, "envs": ["SITE_SECRET=x"]},
    ],
)
def test_a_docker_container_is_seen_in_the_same_ways(given: dict[str, Any]) -> None:
    assert recognised([container(**given)]) == ["bare"]


SWARM = {
    "image": "fosrl/newt:latest",
    "env": {"NEWT_SECRET": "x", "DOCKER_SOCKET": "tcp://x:1"},
    "mounts": [{"type": "bind", "source": "/run", "target": "/host"}],
    "capAdds": ["CAP_NET_ADMIN"],
}


def test_a_service_of_a_swarm_is_seen_by_every_rule() -> None:
    spec = {"containerSpec": SWARM, "networksAdvanceds": [{"name": "newt"}, {"name": "host"}]}
    newt = by_hand("docker:index/service:Service", {"taskSpec": spec})
    place = "bare: taskSpec.containerSpec"
    assert findings("no-plain-secret", [newt])[0].startswith(f"{place}.env.NEWT_SECRET: ")
    mount, variable = findings("no-docker-socket", [newt])
    assert mount.startswith(f"{place}.mounts[0]: /run: ")
    assert variable.startswith(f"{place}.env.DOCKER_SOCKET: ")
    (line,) = findings("no-host-network", [newt])
    assert line.startswith("bare: taskSpec.networksAdvanceds[1]: host: ")
    (line,) = findings("no-added-capability", [newt])
    assert line.startswith(f"{place}.capAdds: CAP_NET_ADMIN: ")
    assert findings("pinned-version", [newt])[0].startswith(f"{place}.image: ")
    assert len(findings(RULE, [newt])) == 1


def patch_of(target: str, **container: Any) -> dict[str, Any]:
    template = {"spec": {"hostNetwork": True, "containers": [container] if container else []}}
    return by_hand(
        "kubernetes:apps/v1:DeploymentPatch",
        {"metadata": {"name": target, "namespace": "newt"}, "spec": {"template": template}},
    )


@pytest.mark.parametrize(
    "patch",
    [
        patch_of("newt-newt-newt"),
        patch_of("home-pangolin-cli"),
        patch_of("tunnel", name="newt", env=[]),
        patch_of("tunnel", name="tunnel", image=IMAGE),
    ],
)
def test_a_patch_that_does_not_repeat_newts_image_is_known_by_name(patch: dict[str, Any]) -> None:
    (line,) = findings("no-host-network", [patch])
    assert line.startswith("bare: spec.template.spec.hostNetwork: true: ")


def test_a_patch_of_something_else_is_none() -> None:
    assert recognised([patch_of("newton", name="app", image="app:1")]) == []
    whole = patch_of("newt-newt-newt") | {"type": "kubernetes:apps/v1:Deployment"}
    assert recognised([whole]) == [], "a whole workload says its image"


@pytest.mark.parametrize(
    "chart",
    [
        *("newt", "fossorial/newt", "./charts/newt", "charts/newt/", "charts/newt//", "newt/."),
        *("newt-1.5.0.tgz", "./newt-v1.5.0.tar.gz", "https://charts.fossorial.io/newt-1.5.0.tgz"),
        "https://example.com/newt-1.5.0.tgz?token=x",
        *("oci://ghcr.io/fosrl/helm-charts/newt", "oci://ghcr.io/fosrl/helm-charts/newt/"),
        *("oci://ghcr.io/fosrl/helm-charts/newt:1.5.0", "oci://localhost:5000/newt@sha256:0"),
        *("pangolin-cli", "oci://ghcr.io/fosrl/helm-charts/pangolin-cli"),
    ],
)
@pytest.mark.parametrize("kind", ["helm.sh/v3:Release", "helm.sh/v3:Chart", "helm.sh/v4:Chart"])
def test_newts_chart_is_seen_wherever_it_comes_from(chart: str, kind: str) -> None:
    newt = release(chart=chart, values={}) | {"type": f"kubernetes:{kind}"}
    assert recognised([newt]) == ["bare"]
    assert len(findings(RULE, [newt])) == 1


INSTANCES = {"newtInstances": [{"name": "main", "enabled": True, "hostNetwork": True}]}


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"newt": INSTANCES}, "values.newt"),
        ({"tunnel": INSTANCES}, "values.tunnel"),
        ({"home": {"newt": INSTANCES}}, "values.home.newt"),
        (INSTANCES, "values"),
    ],
)
def test_a_chart_that_includes_newts_is_seen_by_its_values(
    values: dict[str, Any], place: str
) -> None:
    newt = release(chart="./charts/home", name="home", values=values)
    (line,) = findings("no-host-network", [newt])
    assert line.startswith(f"bare: {place}.newtInstances[0].hostNetwork: true: ")
    for labels in ({"newt.instance": "main"}, {"app.kubernetes.io/instance": "home"}):
        selector = {"matchLabels": labels}
        assert findings(RULE, after(newt, network_policy(selector=selector))) == []
    assert (
        len(findings(RULE, after(newt, network_policy(selector={"matchLabels": {"a": "b"}})))) == 1
    )


def test_a_chart_that_includes_newts_may_have_the_same_name() -> None:
    newt = release(chart="./charts/newt", values={"newt": INSTANCES})
    (line,) = findings("no-host-network", [newt])
    assert line.startswith("bare: values.newt.newtInstances[0].hostNetwork: true: ")


def test_a_chart_that_includes_newts_without_instances_is_seen_by_the_key() -> None:
    assert recognised([release(chart="home", values={"newt": {"enabled": True}})]) == ["bare"]
    assert recognised([release(chart="home", values={"newt": True, "web": {}})]) == []
    assert recognised([release(chart="newton", values={})]) == []
    assert recognised([release(chart="newt-exporter", values={})]) == []


def test_the_labels_of_the_successors_chart_are_not_known_so_a_policy_must_select_all() -> None:
    newt = release(chart="pangolin-cli", values={}, name="home")
    selector = {"matchLabels": {"app.kubernetes.io/instance": "home"}}
    assert len(findings(RULE, after(newt, network_policy(selector=selector)))) == 1
    assert findings(RULE, after(newt, network_policy())) == []


def test_a_chart_is_judged_by_what_it_renders_where_the_engine_lists_that() -> None:
    chart = release() | {"type": "kubernetes:helm.sh/v4:Chart", "urn": "chart", "name": "chart"}
    rendered = deployment() | {"parent": "chart"}
    assert recognised([chart, rendered]) == ["bare"]
    assert recognised([chart]) == ["chart"], "a preview may not render it"
    assert findings(RULE, [chart, *after(rendered, network_policy())]) == []


def test_the_program_has_one_newt_on_each_target() -> None:
    assert recognised(recorded("nas-update")) == ["newt-tunnel-newt-container"]
    assert recognised(recorded("k3s-home-update")) == ["newt-tunnel-newt-release"]
