"""The cluster proves itself: what a test of the `k3s-home` stack takes for granted holds."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab import Lab
from tests.lab.commands import LabError
from tests.lab.kubernetes import Cluster
from tests.lab.kubernetes.charts import CHART
from tests.lab.kubernetes.neighbours import NEIGHBOURS
from tests.lab.server import Target
from tests.lab.traces import traces

pytestmark = pytest.mark.lab

NAMESPACE = "visitor"
CLIENT = "visitor"
IMAGE = "lab/busybox:1"
NEWT_IMAGE = "fosrl/newt:1.12.5"
PROGRAM_IMAGE = "lab/pod:1"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}

SERVICES = {
    "gitea": "gitea.gitea:3000",
    "homeassistant": "homeassistant.homeassistant:80",
    "grafana": "grafana.monitoring:3000",
    "postgres": "postgres.databases:5432",
}
MACHINES = {
    "printer": "10.0.1.200:631",
    "router": "10.0.1.1:80",
    "gitea": "10.0.1.50:3000",
    "gitea over IPv6": "[fd10:1::50]:3000",
}
PANGOLIN = "pangolin.example.com:443"
METRICS = "kube-dns.kube-system:9153"
API = "kubernetes.default:443"
DOORS = [*SERVICES.values(), *MACHINES.values(), PANGOLIN, METRICS, API]
# What the policy below leaves open.
ALLOWED = [SERVICES["gitea"], SERVICES["homeassistant"], MACHINES["printer"]]

SECURE_CONTAINER = {
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "runAsGroup": 65534,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(name: str, image: str, command: list[str], **spec: Any) -> dict[str, Any]:
    container = {"name": name, "image": image, **spec.pop("container", {})}
    if command:
        container["command"] = command
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {
            "containers": [container],
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            **spec,
        },
    }


def policy(**egress: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "cage", "namespace": NAMESPACE},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], **egress},
    }


def in_namespace(name: str, port: int | str, protocol: str = "TCP") -> dict[str, Any]:
    selector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
    return {"to": [selector], "ports": [{"port": port, "protocol": protocol}]}


CAGE = policy(
    egress=[
        in_namespace("kube-system", 53, "UDP"),
        in_namespace("gitea", 3000),
        in_namespace("homeassistant", 8123),
        {"to": [{"ipBlock": {"cidr": "10.0.1.200/32"}}], "ports": [{"port": 631}]},
    ]
)


@contextmanager
def namespace(cluster: Cluster, **labels: str) -> Iterator[None]:
    """With the tests' own namespace, labelled so; afterwards it is empty."""
    metadata = {"name": NAMESPACE, "labels": labels}
    cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
    try:
        yield
    finally:
        # Pods first: none may outlive its policy. The namespace itself takes ten times as long.
        for kinds in ("deployments,pods", "networkpolicies,persistentvolumeclaims,secrets"):
            cluster.kubectl("delete", kinds, "--all", f"--namespace={NAMESPACE}")


def start(cluster: Cluster, manifest: dict[str, Any]) -> None:
    cluster.apply(json.dumps(manifest))
    cluster.wait(f"pod/{manifest['metadata']['name']}", "condition=Ready", NAMESPACE)


def opened(cluster: Cluster, doors: list[str]) -> list[str]:
    return [door for door, open_ in cluster.opens(CLIENT, NAMESPACE, doors).items() if open_]


def eventually(condition: Callable[[], bool], *, within: float, what: str) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {within:.0f} s"
        time.sleep(0.2)


@pytest.fixture(params=["enforced", "open"])
def either(request: pytest.FixtureRequest) -> Cluster:
    """Each form of the cluster."""
    name = "cluster" if request.param == "enforced" else "open_cluster"
    found: Cluster = request.getfixturevalue(name)
    return found


@pytest.fixture
def visited(either: Cluster) -> Iterator[Cluster]:
    """The cluster with a pod to knock from."""
    with namespace(either):
        start(either, pod(CLIENT, IMAGE, ["sleep", "infinity"]))
        yield either


def test_the_node_is_ready_and_so_is_all_that_runs_on_it(either: Cluster) -> None:
    nodes = json.loads(either.kubectl("get", "nodes", "--output=json"))["items"]
    conditions = {each["type"]: each["status"] for each in nodes[0]["status"]["conditions"]}
    assert [node["metadata"]["name"] for node in nodes] == [either.node.name]
    assert conditions["Ready"] == "True"
    phases = ("get", "pods", "--all-namespaces", "--output=jsonpath={.items[*].status.phase}")
    expected = ["Running"] * (len(NEIGHBOURS) + 1)  # the post's services and the DNS
    # What tests before this one put there may take a moment to go.
    eventually(
        lambda: either.kubectl(*phases).split() == expected, within=60, what="nothing else runs"
    )


def test_a_pod_reaches_every_service_and_the_lan_until_a_policy_says_otherwise(
    lab: Lab, visited: Cluster
) -> None:
    marks = {name: visited.log(name).mark() for name in SERVICES}
    printer = lab.log("printer").mark()

    eventually(lambda: opened(visited, DOORS) == DOORS, within=30, what="every door opens")

    address = visited.kubectl(
        *("get", "pod", CLIENT, f"--namespace={NAMESPACE}", "--output=jsonpath={.status.podIP}")
    )
    for name, mark in marks.items():
        assert visited.log(name).arrivals(mark, address), f"{name} did not see the pod itself"
    node = visited.layout.addresses[0]
    assert lab.log("printer").arrivals(printer, node), "on the LAN a pod has its node's address"


def test_only_with_an_enforcer_does_a_policy_do_anything(visited: Cluster) -> None:
    visited.apply(json.dumps(CAGE))

    if visited.enforcer:
        eventually(
            lambda: opened(visited, DOORS) == ALLOWED,
            within=10,
            what="everything but the allow-list is closed",
        )
        marks = {name: visited.log(name).mark() for name in ("grafana", "postgres")}
        opened(visited, DOORS)
        assert [log for log, mark in marks.items() if visited.log(log).arrivals(mark)] == []
    else:
        time.sleep(2)  # an enforcer needs less
        eventually(lambda: opened(visited, DOORS) == DOORS, within=30, what="every door opens")


def test_cilium_opens_no_port_by_a_name_that_pods_give_to_different_numbers(
    cluster: Cluster,
) -> None:
    with namespace(cluster):
        start(cluster, pod(CLIENT, IMAGE, ["sleep", "infinity"]))
        dns = in_namespace("kube-system", 53, "UDP")
        cluster.apply(json.dumps(policy(egress=[dns, in_namespace("homeassistant", "http")])))
        time.sleep(2)

        assert opened(cluster, [SERVICES["homeassistant"]]) == [], "grafana's http is 3000"


def test_under_the_enforcer_a_pod_that_connects_from_its_first_instruction_gets_nowhere(
    cluster: Cluster,
) -> None:
    mark = cluster.log("grafana").mark()
    with namespace(cluster):
        cluster.apply(json.dumps(CAGE))
        doors = ["10.43.0.1:443", _service_address(cluster, "monitoring", "grafana") + ":3000"]
        knocking = pod("knocking", PROGRAM_IMAGE, [], container={"args": ["knock", "2", *doors]})
        start(cluster, knocking)
        logs = ("logs", f"--namespace={NAMESPACE}", "knocking")
        eventually(
            lambda: cluster.kubectl(*logs).count("tried") == len(doors),
            within=20,
            what="the pod has tried long enough",
        )
        said = cluster.kubectl(*logs)

    assert said.count(" opened 0\n") == len(doors), said
    assert cluster.log("grafana").arrivals(mark) == []


def _service_address(cluster: Cluster, where: str, name: str) -> str:
    address = "--output=jsonpath={.spec.clusterIP}"
    return cluster.kubectl("get", "service", name, f"--namespace={where}", address)


def test_newts_image_runs_under_pod_security_restricted_and_keeps_a_file_on_a_volume(
    either: Cluster,
) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "config", "namespace": NAMESPACE},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "64Mi"}},
        },
    }
    volume = {"name": "config", "persistentVolumeClaim": {"claimName": "config"}}
    mount = {"name": "config", "mountPath": "/var/lib/newt"}
    command = ["sh", "-c", "newt --version >/var/lib/newt/version && exec sleep infinity"]
    secure = {"securityContext": SECURE_CONTAINER, "volumeMounts": [mount]}
    with namespace(either, **RESTRICTED):
        either.apply(json.dumps(claim))
        start(either, pod("newt", NEWT_IMAGE, command, container=secure, volumes=[volume]))
        phase = ("get", "pvc", "config", "--output=jsonpath={.status.phase}")
        read = ("exec", "newt", "--", "cat", "/var/lib/newt/version")

        assert either.kubectl(*phase, f"--namespace={NAMESPACE}") == "Bound"
        assert "1.16.0" in either.kubectl(f"--namespace={NAMESPACE}", *read)
        with pytest.raises(LabError, match=r"violates PodSecurity .restricted"):
            either.apply(json.dumps(pod("careless", NEWT_IMAGE, ["sleep", "infinity"])))


def newt_values(**more: Any) -> dict[str, Any]:
    instance = {
        "name": "newt",
        "enabled": True,
        "auth": {"existingSecretName": "newt-credentials"},
        "service": {"enabled": False, "enabledWhenAcceptClients": False},
        **more,
    }
    return {
        "global": {
            "securityContext": SECURE_CONTAINER,
            "podAnnotations": {"newt-tunnel/policy": "0123"},
            "networkPolicy": {"enabled": False},
        },
        "newtInstances": [instance],
    }


@pytest.fixture
def values(tmp_path: Path) -> Path:
    path = tmp_path / "values.json"
    path.write_text(json.dumps(newt_values()))
    return path


def test_newt_installed_from_the_chart_repository_exposes_a_service_of_the_cluster(
    lab: Lab, cluster: Cluster, values: Path
) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "newt-credentials", "namespace": NAMESPACE},
        "stringData": {
            "PANGOLIN_ENDPOINT": "https://pangolin.example.com",
            "NEWT_ID": lab.pangolin.newt_id,
            "NEWT_SECRET": lab.pangolin.newt_secret,
        },
    }
    place = f"--namespace={NAMESPACE}"
    trust = ["--ca-file", str(lab.authority.certificate)]
    source = ["newt", "newt", "--repo", lab.charts.url, "--version", "1.5.0", *trust]
    try:
        with namespace(cluster, **RESTRICTED):
            cluster.apply(json.dumps(secret))
            cluster.helm(*("install", *source, place, f"--values={values}", "--wait"))
            eventually(lab.pangolin.connected, within=30, what="newt signs in")
            lab.pangolin.expose([Target(listen=8001, target="homeassistant.homeassistant:80")])
            eventually(
                lambda: "homeassistant" in lab.pangolin.fetch(8001).get("body", ""),
                within=30,
                what="the tunnel leads to the service",
            )
            cluster.helm("uninstall", "newt", place, "--wait")
    finally:
        lab.pangolin.expose([])


def rendered(
    cluster: Cluster, values: Path, source: Sequence[str] = (str(CHART),)
) -> list[dict[str, Any]]:
    text = cluster.helm("template", "newt", *source, f"--values={values}")
    return [document for document in yaml.safe_load_all(text) if document]


def test_the_chart_uses_the_official_names_and_labels(open_cluster: Cluster, values: Path) -> None:
    account, deployment = rendered(open_cluster, values)

    assert account["metadata"]["name"] == "newt-newt-sa"
    assert deployment["metadata"]["name"] == "newt-newt-newt"
    template = deployment["spec"]["template"]
    assert template["metadata"]["labels"] == {
        "app.kubernetes.io/component": "newt",
        "app.kubernetes.io/instance": "newt",
        "newt.instance": "newt",
    }
    assert template["metadata"]["annotations"] == {"newt-tunnel/policy": "0123"}
    (container,) = template["spec"]["containers"]
    assert container["image"] == "docker.io/fosrl/newt:1.12.5"
    assert container["securityContext"] == SECURE_CONTAINER
    assert template["spec"]["automountServiceAccountToken"] is False


def test_the_chart_is_the_same_from_its_folder_the_repository_and_the_registry(
    lab: Lab, open_cluster: Cluster, values: Path
) -> None:
    repository = ["newt", "--repo", lab.charts.plain_url, "--version", "1.5.0"]
    registry = [lab.charts.oci, "--version", "1.5.0", "--plain-http"]

    from_folder = rendered(open_cluster, values)
    assert rendered(open_cluster, values, repository) == from_folder
    assert rendered(open_cluster, values, registry) == from_folder


def test_an_instance_that_is_not_enabled_renders_nothing_silently(
    open_cluster: Cluster, values: Path
) -> None:
    careless = newt_values()
    del careless["newtInstances"][0]["enabled"]
    values.write_text(json.dumps(careless))

    assert rendered(open_cluster, values) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"colour": "blue"}, "colour"),
        ({"serviceAccount": {"automountServiceAccountToken": "no"}}, "automount"),
        ({"global": {"networkPolicy": {"enabled": True}}}, "enabled"),
    ],
)
def test_the_charts_schema_refuses_what_the_chart_does_not_know(
    open_cluster: Cluster, values: Path, changed: dict[str, Any], said: str
) -> None:
    values.write_text(json.dumps({**newt_values(), **changed}))

    with pytest.raises(LabError, match=said):
        rendered(open_cluster, values)


def test_a_node_writes_none_of_the_machines_settings(open_cluster: Cluster) -> None:
    setting = "/proc/sys/kernel/panic"  # kubelet wants a reboot ten seconds after one

    assert open_cluster.node.run(["cat", setting]).stdout.strip() == "10"
    assert Path(setting).read_text().strip() != "10"
    assert open_cluster.node.run(["touch", "/etc/marked"], check=False).returncode != 0


def test_a_cluster_goes_without_remains_and_so_does_a_lab_with_a_node_in_it(lab: Lab) -> None:
    other = Lab(f"{lab.prefix[:7]}3", engine=lab.docker_engine)
    other.up()
    try:
        cluster = Cluster(other, enforcer=False)
        cluster.up()
        cluster.down()
        ours = (str(cluster.layout.folder), f"newt-tunnel-lab-{other.prefix}-{cluster.node.name}")
        assert [line for line in traces(other) if any(each in line for each in ours)] == []
        cluster.layout.folder.mkdir()
        cluster.node.power_on()
    finally:
        other.down()

    assert traces(other) == []
