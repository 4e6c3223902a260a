"""Kubernetes objects through Pulumi's real engine, on a real API server.

There is no node: what became of a pod is written into its status by the test.
"""

import base64
import contextlib
import importlib.util
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.standins.controlplane import ControlPlane
from tests.standins.stack import Stack

pytestmark = pytest.mark.lab
PROGRAM = """
import importlib
import json
import pulumi
import pulumi_kubernetes as kubernetes

spec = json.load(open("spec.json"))
options = {"provider": kubernetes.Provider("cluster", **spec["provider"])}
before = []
for name, it in spec["objects"].items():
    module, _, kind = it["type"].rpartition(".")
    type_ = getattr(importlib.import_module(f"pulumi_kubernetes.{module}"), kind)
    opts = pulumi.ResourceOptions(**options, depends_on=before, **it.get("options", {}))
    if "get" in it:
        made = type_.get(name, it["get"], opts=opts)
        pulumi.export(name, made.spec)
    else:
        made = type_(name, opts=opts, **it["args"])
        pulumi.export(name, made.metadata["name"])
    before = [made]
"""
RULE = {"to": [{"ipBlock": {"cidr": "10.0.1.200/32"}}], "ports": [{"port": 631, "protocol": "TCP"}]}
POLICY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": [RULE]}
POD = {"restartPolicy": "Never", "containers": [{"name": "proof", "image": "lab/proof:1"}]}
SECONDS = 30
T = TypeVar("T")


class Project:
    """A stack in a namespace of its own."""

    def __init__(self, stack: Stack, cluster: ControlPlane, namespace: str) -> None:
        self.stack = stack
        self.cluster = cluster
        self.namespace = namespace
        self.objects: dict[str, dict[str, Any]] = {}
        self.provider: dict[str, Any] = {"kubeconfig": cluster.kubeconfig.read_text()}
        self.add("home", "core.v1.Namespace", metadata={"name": namespace})

    def add(self, name: str, kind: str, /, **args: Any) -> None:
        """Puts an object into the program, or another in its place."""
        own = {"namespace": self.namespace} if kind != "core.v1.Namespace" else {}
        args["metadata"] = {**own, **args.get("metadata", {})}
        self.objects[name] = {"type": kind, "args": args}
        self.write()

    def option(self, name: str, **options: Any) -> None:
        """Gives an object resource options."""
        self.objects[name]["options"] = options
        self.write()

    def write(self) -> None:
        """Makes the program what it is now."""
        self.stack.spec(provider=self.provider, objects=self.objects)

    def get(self, *arguments: str) -> dict[str, Any]:
        """What is in the namespace."""
        return self.cluster.get("-n", self.namespace, *arguments)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What somebody else does in the namespace."""
        return self.cluster.kubectl("-n", self.namespace, *arguments, stdin=stdin)


@pytest.fixture
def project(tmp_path: Path, plane: ControlPlane) -> Iterator[Project]:
    """An empty stack whose namespace goes away with it."""
    namespace = f"test-{secrets.token_hex(4)}"
    yield Project(Stack(tmp_path, PROGRAM, inside=plane.inside), plane, namespace)
    plane.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


@contextlib.contextmanager
def meanwhile(action: Callable[[], None]) -> Iterator[None]:
    """Does something in the background."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()
    assert not failed


def finished(project: Project, *, message: str = "", code: int = 0) -> Callable[[], None]:
    """Ends the proof's pod as a kubelet would."""

    def run() -> None:
        pod = eventually(lambda: project.get("pods")["items"])[0]["metadata"]["name"]
        ended: dict[str, Any] = {"exitCode": code, "reason": "Error" if code else "Completed"}
        status = {
            "phase": "Failed" if code else "Succeeded",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Initialized", "status": "True"},
                {
                    "type": "Ready",
                    "status": "False",
                    "reason": "PodFailed" if code else "PodCompleted",
                },
            ],
            "containerStatuses": [
                {
                    **{"name": "proof", "ready": False, "restartCount": 0},
                    **{"image": "lab/proof:1", "imageID": ""},
                    "state": {"terminated": {**ended, **({"message": message} if message else {})}},
                }
            ],
        }
        patch = json.dumps({"status": status})
        project.kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", "-p", patch)

    return run


def uids(project: Project, kind: str) -> list[str]:
    """Which objects there are."""
    return [item["metadata"]["uid"] for item in project.get(kind)["items"]]


def eventually(found: Callable[[], T]) -> T:
    """What `found` returns, once it is something."""
    deadline = time.monotonic() + SECONDS
    while not (result := found()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)
    return result


def test_a_stack_comes_up_stays_as_it_is_and_goes_away(project: Project) -> None:
    project.add("policy", "networking.v1.NetworkPolicy", metadata={"name": "netpol"}, spec=POLICY)
    project.add("secret", "core.v1.Secret", string_data={"id": "abc"})
    project.add("config", "core.v1.ConfigMap", data={"a": "b"})
    project.add("account", "core.v1.ServiceAccount", metadata={"name": "newt"})
    planned = project.stack.preview()
    assert 'name     : "netpol"' in planned
    assert "ingress" not in planned, "an empty list is not shown"
    assert re.search(r'name +: "config-[0-9a-f]{8}"', planned)
    assert re.search(r"data +: \[secret\]", planned)
    project.stack.up()
    project.stack.preview("--expect-no-changes")
    project.stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    project.stack.preview("--expect-no-changes")
    secret = project.stack.resources()["secret"]
    assert base64.b64decode(project.get("secret", secret["id"].partition("/")[2])["data"]["id"])
    assert "ciphertext" in secret["inputs"]["data"]
    assert "ciphertext" in secret["outputs"]["data"]
    project.stack.pulumi("destroy", "--yes", "--skip-preview")
    project.cluster.kubectl("get", "namespace", project.namespace, status=1)


def test_the_first_update_takes_over_the_fields_of_the_create(project: Project) -> None:
    project.add("policy", "networking.v1.NetworkPolicy", metadata={"name": "netpol"}, spec=POLICY)
    project.stack.up()
    managers = project.get("networkpolicy", "netpol", "--show-managed-fields")["metadata"]
    created = [(m["manager"], m["operation"]) for m in managers["managedFields"]]
    assert created == [("pulumi-kubernetes", "Update")]
    dns = {"ports": [{"port": 53, "protocol": "UDP"}]}
    changed = {**POLICY, "egress": [RULE, dns]}
    project.add("policy", "networking.v1.NetworkPolicy", metadata={"name": "netpol"}, spec=changed)
    said = project.stack.pulumi("up", "--yes", "--skip-preview", "--diff")
    changes = said.partition("--outputs:--")[0]
    assert "+ [1]: {" in changes, "an appended rule leaves the others alone"
    assert "~ [0]: {" not in changes
    managers = project.get("networkpolicy", "netpol", "--show-managed-fields")["metadata"]
    own = project.stack.resources()["policy"]["outputs"]["__fieldManager"]
    assert [(m["manager"], m["operation"]) for m in managers["managedFields"]] == [(own, "Apply")]


def test_a_changed_secret_is_a_new_one_under_a_new_name(project: Project) -> None:
    project.add("secret", "core.v1.Secret", string_data={"id": "one"})
    project.stack.up()
    before = project.stack.resources()["secret"]["id"]
    project.add("secret", "core.v1.Secret", string_data={"id": "two"})
    changes = project.stack.preview()
    assert "+-kubernetes:core/v1:Secret: (replace)" in changes
    assert "two" not in changes
    said = project.stack.up()
    assert said.index("secret created replacement") < said.index("secret deleted original")
    assert project.stack.resources()["secret"]["id"] != before


def test_what_exists_already_is_planned_refused_and_importable(project: Project) -> None:
    name = project.namespace
    project.cluster.kubectl("create", "namespace", name)
    project.cluster.kubectl("label", "namespace", name, "by=hand")
    assert "+ kubernetes:core/v1:Namespace: (create)" in project.stack.preview()
    said = project.stack.up(status=1)
    assert (
        f'resource "urn:pulumi:dev::standins::kubernetes:core/v1:Namespace::home" was not '
        f'successfully created by the Kubernetes API server: namespaces "{name}" already exists'
    ) in said
    assert "Adopting a resource into Pulumi: use `pulumi import`" in said
    project.option("home", import_=name)
    project.stack.up()
    labels = project.cluster.get("namespace", name)["metadata"]["labels"]
    assert "by" not in labels, "an import makes it what the program says"


def test_pulumi_import_takes_over_an_object_as_it_is(project: Project) -> None:
    project.stack.up()
    metadata = {"name": "netpol", "namespace": project.namespace, "labels": {"by": "hand"}}
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    made = {**kind, "metadata": metadata, "spec": {**POLICY, "ingress": [{}]}}
    project.kubectl("create", "-f", "-", stdin=json.dumps(made))
    said = project.stack.pulumi(
        *("import", "kubernetes:networking.k8s.io/v1:NetworkPolicy", "policy"),
        *(f"{project.namespace}/netpol", "--yes", "--skip-preview", "--protect=false"),
        *("--provider", f"cluster={project.stack.resources()['cluster']['urn']}"),
        # The built language host is too old to write a program's new lines.
        "--generate-code=false",
    )
    assert "1 imported" in said
    inputs = project.stack.resources()["policy"]["inputs"]
    assert inputs == {**made, "metadata": metadata}, "everything a program may say, and no more"
    project.add("policy", "networking.v1.NetworkPolicy", metadata=metadata, spec=made["spec"])
    project.stack.preview("--expect-no-changes")


def test_the_schema_is_one_that_the_engine_reads(project: Project) -> None:
    schema = json.loads(project.stack.pulumi("package", "get-schema", "kubernetes@4.29.0"))
    policy = schema["resources"]["kubernetes:networking.k8s.io/v1:NetworkPolicy"]
    assert policy["inputProperties"]["kind"] == {"type": "string", "const": "NetworkPolicy"}
    assert set(policy["inputProperties"]) == {"apiVersion", "kind", "metadata", "spec"}
    modules = schema["language"]["python"]["moduleNameOverrides"]
    assert all(
        importlib.util.find_spec(f"pulumi_kubernetes.{name.replace('/', '.')}")
        for name in modules.values()
    ), "an import's new lines name Python's modules"


def test_a_rule_added_by_hand_is_neither_seen_nor_repaired(project: Project) -> None:
    project.add("policy", "networking.v1.NetworkPolicy", metadata={"name": "netpol"}, spec=POLICY)
    project.stack.up()
    added = '[{"op": "add", "path": "/spec/egress/-", "value": {}}]'
    project.kubectl("patch", "networkpolicy", "netpol", "--type=json", "-p", added)
    project.stack.pulumi("refresh", "--yes", "--skip-preview")
    project.stack.preview("--expect-no-changes")
    assert len(project.get("networkpolicy", "netpol")["spec"]["egress"]) == 2


def test_a_value_changed_by_hand_is_a_conflict_unless_forced(project: Project) -> None:
    given: dict[str, Any] = {"name": "netpol"}
    project.add("policy", "networking.v1.NetworkPolicy", metadata=given, spec=POLICY)
    project.stack.up()
    given = {**given, "annotations": {"policy": "1"}}
    project.add("policy", "networking.v1.NetworkPolicy", metadata=given, spec=POLICY)
    project.stack.up()
    path = "/spec/egress/0/to/0/ipBlock/cidr"
    changed = json.dumps([{"op": "replace", "path": path, "value": "0.0.0.0/0"}])
    project.kubectl("patch", "networkpolicy", "netpol", "--type=json", "-p", changed)
    project.stack.preview("--expect-no-changes")
    said = project.stack.preview("--refresh", status=1)
    assert "server-side apply field conflict detected" in said
    assert 'conflict with "kubectl-patch" using networking.k8s.io/v1: .spec.egress' in said
    given = {**given, "annotations": {"policy": "1", "pulumi.com/patchForce": "true"}}
    project.add("policy", "networking.v1.NetworkPolicy", metadata=given, spec=POLICY)
    project.stack.pulumi("up", "--yes", "--skip-preview", "--refresh")
    live = project.get("networkpolicy", "netpol")["spec"]["egress"]
    assert live[0]["to"][0]["ipBlock"]["cidr"] == "10.0.1.200/32"


def test_a_look_up_resolves_in_a_preview(project: Project) -> None:
    project.objects["api"] = {"type": "core.v1.Service", "get": "default/kubernetes"}
    project.write()
    project.stack.up()
    shown = json.loads(project.stack.pulumi("stack", "output", "--json"))["api"]
    assert shown["ports"][0]["port"] == 443
    project.objects["api"] = {"type": "core.v1.Service", "get": "gitea/nope"}
    project.write()
    assert "resource 'gitea/nope' does not exist" in project.stack.preview(status=1)


def test_a_job_is_waited_for_until_it_is_complete(project: Project) -> None:
    spec = {"template": {"spec": POD}, "backoffLimit": 0}
    project.add("proof", "batch.v1.Job", spec=spec)
    with meanwhile(finished(project)):
        project.stack.up()
    assert project.stack.resources()["proof"]["outputs"]["status"]["succeeded"] == 1
    project.stack.preview("--expect-no-changes")


def test_a_failed_job_gives_its_pods_last_words_and_is_rerun_only_if_asked(
    project: Project,
) -> None:
    annotations = {"pulumi.com/replaceUnready": "true"}
    spec = {"template": {"spec": POD}, "backoffLimit": 0}
    project.add("proof", "batch.v1.Job", metadata={"name": "proof"}, spec=spec)
    with meanwhile(finished(project, message="grafana answered", code=1)):
        said = project.stack.up(status=1)
    assert "Resource 'proof' was created but failed to initialize" in said
    assert re.search(rf"\* \[Pod {project.namespace}/proof-\w+\]: \[Error\] grafana answered", said)
    assert "[BackoffLimitExceeded] Job has reached the specified backoff limit" in said
    first = project.get("job", "proof")["metadata"]["uid"]
    assert "[BackoffLimitExceeded]" in project.stack.up(status=1), "awaited again, not rerun"
    assert project.get("job", "proof")["metadata"]["uid"] == first
    given = {"name": "proof", "annotations": annotations}
    project.add("proof", "batch.v1.Job", metadata=given, spec=spec)

    def second() -> None:
        eventually(lambda: set(uids(project, "jobs")) - {first})
        finished(project)()

    with meanwhile(second):
        project.stack.up()
    assert project.get("job", "proof")["metadata"]["uid"] != first


def test_a_job_that_does_not_get_on_fails_after_its_time_out(project: Project) -> None:
    project.add(
        "proof", "batch.v1.Job", metadata={"name": "proof"}, spec={"template": {"spec": POD}}
    )
    project.option("proof", custom_timeouts={"create": "3s"})
    assert "'proof' timed out waiting to be Ready" in project.stack.up(status=1)


def test_a_claim_that_waits_for_its_first_pod_is_ready(project: Project) -> None:
    name = f"{project.namespace}-late"
    late = {
        **{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}},
        **{"provisioner": "none", "volumeBindingMode": "WaitForFirstConsumer"},
    }
    project.cluster.kubectl("create", "-f", "-", stdin=json.dumps(late))
    spec = {
        **{"storageClassName": name, "accessModes": ["ReadWriteOnce"]},
        "resources": {"requests": {"storage": "0.0625Gi"}},
    }
    project.add("claim", "core.v1.PersistentVolumeClaim", spec=spec)
    project.stack.up()
    project.stack.preview("--expect-no-changes")
    inputs = project.stack.resources()["claim"]["inputs"]
    assert inputs["spec"]["resources"]["requests"]["storage"] == "64Mi"
    project.cluster.kubectl("delete", "storageclass", name)


def test_a_delete_is_waited_for_and_fails_after_its_time_out(project: Project) -> None:
    project.add("config", "core.v1.ConfigMap", metadata={"name": "config"}, data={"a": "b"})
    project.option("config", custom_timeouts={"delete": "3s"})
    project.stack.up()
    held = '{"metadata": {"finalizers": ["lab/held"]}}'
    project.kubectl("patch", "configmap", "config", "--type=merge", "-p", held)
    said = project.stack.pulumi("destroy", "--yes", "--skip-preview", status=1)
    assert "finalizers might be preventing deletion (lab/held)" in said
    assert "timed out waiting for the condition" in said
    free = '{"metadata": {"finalizers": null}}'
    project.kubectl("patch", "configmap", "config", "--type=merge", "-p", free)
    project.stack.pulumi("destroy", "--yes", "--skip-preview")


def test_an_unreachable_server_lets_a_preview_pass_and_an_update_fail(project: Project) -> None:
    kubeconfig = json.loads(project.provider["kubeconfig"])
    kubeconfig["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    project.provider["kubeconfig"] = json.dumps(kubeconfig)
    project.add("policy", "networking.v1.NetworkPolicy", metadata={"name": "netpol"}, spec=POLICY)
    assert "warning" not in project.stack.preview()
    assert (
        "configured Kubernetes cluster is unreachable: unable to load schema information from the "
        'API server: Get "https://127.0.0.1:1/openapi/v2?timeout=32s": dial tcp 127.0.0.1:1: '
        "connect: connection refused"
    ) in project.stack.up(status=1)
    project.objects["api"] = {"type": "core.v1.Service", "get": "default/kubernetes"}
    project.write()
    assert "failed to read resource state due to unreachable cluster" in project.stack.preview(
        status=1
    )


def test_another_context_is_another_user(project: Project) -> None:
    project.provider["context"] = "nobody"
    project.write()
    assert (
        "configured Kubernetes cluster is unreachable: unable to load schema information from the "
        "API server: the server has asked for the client to provide credentials"
    ) in project.stack.up(status=1)
