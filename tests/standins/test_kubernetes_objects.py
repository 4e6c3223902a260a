"""What the stand-in for pulumi-kubernetes computes without a cluster.

`golden/kubernetes.json` was recorded from the libraries inside the plugin (k8s.io/api and
apimachinery 0.35.2, json-patch 5.9.11) by the program in `kubernetes/recorder`.
"""

import base64
import importlib
import inspect
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from tests.standins.kubernetes import awaiting, kubeconfig, patching, pods, shape, typed
from tests.standins.kubernetes.api import Api, ApiError
from tests.standins.kubernetes.cluster import Cluster, configured
from tests.standins.kubernetes.helm import resource_names
from tests.standins.kubernetes.kinds import KINDS, Kind
from tests.standins.kubernetes.kubeconfig import Access, Kubeconfig, KubeconfigError
from tests.standins.kubernetes.objects import ApiObject
from tests.standins.kubernetes.provider import Kubernetes
from tests.standins.kubernetes.release import Release
from tests.standins.kubernetes.release_inputs import REFUSED, REPOSITORY, SWITCHES, TEXTS
from tests.standins.resource import Change, Failure, Log, Operation
from tests.standins.values import UNKNOWN, Properties, Secret

GOLDEN: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "golden" / "kubernetes.json").read_text()
)
OFFLINE = Cluster(reason="there is none")
OF = {kind.name: ApiObject(kind, lambda: OFFLINE) for kind in KINDS}
RULE: Properties = {"ports": [{"port": 80}]}


def recorded(of: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", GOLDEN[of], ids=lambda case: case["name"])


def operation(name: str = "r") -> Operation:
    urn = f"urn:pulumi:s::p::kubernetes:core/v1:Namespace::{name}"
    return Operation(urn, Log(None, ""), threading.Event())


def checked(value: Properties, olds: Properties | None = None) -> Properties:
    inputs, failures = OF[str(value["kind"])].check(operation("made"), olds or {}, value)
    assert not failures
    return inputs


def policy(*egress: Any, **metadata: Any) -> Properties:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "netpol", "namespace": "newt", **metadata},
        "spec": {"podSelector": {}, "egress": list(egress)},
    }


def job(**spec: Any) -> Properties:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "proof", "namespace": "newt"},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "i:1"}]}}, **spec},
    }


def changes(old: Properties, new: Properties, **live: Any) -> dict[str, str]:
    """The diff of two programs, the first of which has been deployed."""
    inputs = checked(old)
    state = shape.state({**shape.plain(inputs), **live}, shape.plain(inputs), inputs, "v1", "m")
    diff = OF[str(old["kind"])].diff(state, inputs, checked(new, inputs), [])
    return {path: change.name for path, change in diff.detailed.items()}


@recorded("typed")
def test_inputs_are_written_as_their_go_types_write_them(case: dict[str, Any]) -> None:
    expected = {key: value for key, value in case["result"].items() if key in case["object"]}
    assert typed.written(case["object"]) == expected


@recorded("mergePatch")
def test_a_merge_patch_is_the_librarys(case: dict[str, Any]) -> None:
    patch = patching.merge_patch(case["old"], case["new"])
    assert json.dumps(patch, sort_keys=True) == json.dumps(case["result"], sort_keys=True)


@recorded("threeWay")
def test_a_three_way_patch_is_the_librarys(case: dict[str, Any]) -> None:
    patch = patching.three_way_patch(case["original"], case["modified"], case["current"])
    assert json.dumps(patch, sort_keys=True) == json.dumps(case["result"], sort_keys=True)


@recorded("pathMatches")
def test_a_path_matches_where_the_librarys_does(case: dict[str, Any]) -> None:
    assert patching.matches(case["path"], case["value"]) is case["result"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_inputs_of_a_kind_are_those_of_the_sdk(kind: Kind) -> None:
    # Not imported by name: the type checker would read the whole SDK, which takes 20 GB.
    group = (kind.group or "core").removesuffix(".k8s.io").replace(".k8s.io", "")
    module = importlib.import_module(f"pulumi_kubernetes.{group}.{kind.version}.{kind.name}")
    parameters = inspect.signature(vars(getattr(module, kind.name))["_internal_init"]).parameters
    own = {camel(name) for name in parameters if not name.startswith("_")}
    own -= {"resourceName", "opts", "apiVersion", "kind", "metadata", "self"}
    if kind.name != "Event":
        assert set(kind.inputs) == own
    assert kind.token in Path(inspect.getfile(module)).read_text()


def test_the_inputs_of_a_release_are_those_of_the_sdk() -> None:
    module = importlib.import_module("pulumi_kubernetes.helm.v3.Release")
    parameters = inspect.signature(vars(module.Release)["_internal_init"]).parameters
    own = {camel(name) for name in parameters if not name.startswith("_")} - {
        "resourceName",
        "opts",
    }
    renamed = {"disableCrdHooks": "disableCRDHooks"}
    others = {"maxHistory", "repositoryOpts", "resourceNames", "timeout", "values"}
    ignored = {"compat", "manifest"}
    ours = {*TEXTS, *SWITCHES, *REFUSED, *others, *ignored}
    assert {renamed.get(name, name) for name in own} - {"self"} == ours
    assert REPOSITORY == ("caFile", "certFile", "keyFile", "password", "repo", "username")


def camel(name: str) -> str:
    return re.sub("_([a-z0-9])", lambda match: match.group(1).upper(), name)


def test_a_name_is_made_once_and_kept() -> None:
    config: Properties = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}
    first = checked(config)
    metadata = shape.plain(first)["metadata"]
    assert re.fullmatch("made-[0-9a-f]{8}", metadata["name"])
    assert metadata["annotations"] == {"pulumi.com/autonamed": "true"}
    assert metadata["namespace"] == "default"
    assert checked(config, first) == first
    assert checked(config) != first, "a replacement gets a name of its own"


def test_an_unknown_name_is_a_name() -> None:
    inputs = checked({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": UNKNOWN}})
    assert inputs["metadata"] == {"name": UNKNOWN}


def test_the_data_of_a_secret_is_encoded_and_secret() -> None:
    secret: Properties = {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "b"}}
    inputs = checked({**secret, "data": {"c": "ZA==\n"}})
    assert inputs["data"] == Secret({"a": "Yg==", "c": "ZA==\n"})
    assert "stringData" not in inputs
    assert checked({**secret, "stringData": {}, "data": {"c": "ZA==\n"}})["data"] == Secret(
        {"c": "ZA=="}
    )


def test_a_secret_anywhere_in_a_list_makes_the_list_secret() -> None:
    inputs = checked(policy({"ports": [{"port": Secret(80)}]}))
    assert inputs["spec"] == {"podSelector": {}, "egress": Secret([RULE])}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (policy(RULE), policy(RULE), {}),
        (policy(RULE), policy(RULE, {"to": []}), {"spec.egress[1]": "ADD"}),
        (policy(RULE, RULE), policy(RULE), {"spec.egress[1]": "DELETE"}),
        (
            policy(RULE),
            policy({"ports": [{"port": 53, "protocol": "UDP"}]}),
            {
                "spec.egress[0].ports[0].port": "UPDATE",
                "spec.egress[0].ports[0].protocol": "ADD",
            },
        ),
        (policy({"ports": [{"port": 1, "endPort": 2}]}), policy({"ports": [{"port": 1}]}),
         {"spec.egress[0].ports[0].endPort": "DELETE"}),
        (policy(annotations={"a.b/c": "1"}), policy(annotations={"a.b/c": "2"}),
         {'metadata.annotations["a.b/c"]': "UPDATE"}),
        (policy(), policy(name="other"), {"metadata.name": "UPDATE_REPLACE"}),
        (policy(), policy(namespace="other"), {"metadata.namespace": "UPDATE_REPLACE"}),
        (policy(RULE), policy(RULE, labels={"a": UNKNOWN}), {"metadata.labels": "ADD"}),
        # Unknown values leave everything as it was written, so an empty list is one, too.
        (policy(), policy(labels={"a": UNKNOWN}),
         {"metadata.labels": "ADD", "spec.egress": "ADD"}),
        (policy(RULE, labels={"a": "b"}), policy(RULE, labels={"a": UNKNOWN}),
         {"metadata.labels.a": "UPDATE"}),
        (job(backoffLimit=1), job(backoffLimit=2), {"spec.backoffLimit": "UPDATE"}),
        (job(completions=1), job(completions=2), {"spec.completions": "UPDATE_REPLACE"}),
        (job(), job(template={"spec": {"containers": [{"name": "a", "image": "i:2"}]}}),
         {"spec.template.spec.containers[0].image": "UPDATE_REPLACE"}),
    ],
)  # fmt: skip
def test_a_difference_is_told_by_its_path(
    old: Properties, new: Properties, expected: dict[str, str]
) -> None:
    assert changes(old, new) == expected


def test_what_was_added_to_a_live_object_is_not_seen_and_what_was_changed_is() -> None:
    wider = {"podSelector": {"matchLabels": {"a": "b"}}, "egress": [RULE, {}]}
    assert changes(policy(RULE), policy(RULE), spec=wider) == {}
    other = {"podSelector": {}, "egress": [{"ports": [{"port": 81}]}]}
    assert changes(policy(RULE), policy(RULE), spec=other) == {
        "spec.egress[0].ports[0].port": "UPDATE"
    }
    assert changes(policy(RULE), policy(RULE), spec={"podSelector": {}}) == {"spec.egress": "ADD"}


@pytest.mark.parametrize(("named", "first"), [({"name": "s"}, True), ({}, False)])
def test_a_replaced_secret_is_deleted_first_only_where_the_name_is_given(
    named: Properties, first: bool
) -> None:
    secret: Properties = {"apiVersion": "v1", "kind": "Secret", "metadata": named}
    inputs = checked({**secret, "stringData": {"a": "b"}})
    state = shape.state(shape.plain(inputs), shape.plain(inputs), inputs, "v1", "m")
    new = checked({**secret, "stringData": {"a": "c"}}, inputs)
    message = OF["Secret"].diff(state, inputs, new, []).message()
    assert list(message.replaces) == ["data.a"]
    assert message.deleteBeforeReplace is first


class Hurried(threading.Event):
    """Waits for nothing, and remembers how long it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float | None] = []

    @override
    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        return False


class Late(Api):
    """An API server on which a namespace is missing for some time."""

    def __init__(self, refusals: int) -> None:
        super().__init__(Access("https://nowhere"))
        self.refusals = refusals

    @override
    def post(self, path: str, body: dict[str, Any], **query: str) -> dict[str, Any]:
        if self.refusals:
            self.refusals -= 1
            raise ApiError('namespaces "n" not found', 404, "NotFound", "namespaces")
        return {**body, "metadata": {**body["metadata"], "uid": "u"}}


def created(server: Api, waits: Hurried, *, preview: bool) -> tuple[str, Properties]:
    config = ApiObject(
        next(k for k in KINDS if k.name == "ConfigMap"), lambda: Cluster(reached=server)
    )
    inputs = checked({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}})
    return config.create(Operation("urn:x::a", Log(None, ""), waits), inputs, preview)


def test_a_missing_namespace_is_waited_for_but_not_in_a_preview() -> None:
    waits = Hurried()
    assert created(Late(refusals=2), waits, preview=False)[0] == "default/c"
    assert waits.waited == [1, 2]
    waits = Hurried()
    with pytest.raises(Failure, match='namespaces "n" not found'):
        created(Late(refusals=9), waits, preview=False)
    assert waits.waited == [1, 2, 4, 8, 16, 32]
    waits = Hurried()
    assert created(Late(refusals=1), waits, preview=True)[0] == ""
    assert not waits.waited


def test_a_context_that_is_missing_makes_the_cluster_unreachable() -> None:
    cluster = configured(configuration(), "nowhere", "", "", None)
    assert cluster.reached is None
    assert 'context "nowhere" does not exist' in cluster.reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (policy(annotations={"pulumi.com/waitFor": "condition=Ready"}), "waitFor"),
        ({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}, "not manage one"),
    ],
)
def test_what_is_not_implemented_is_refused(value: Properties, reason: str) -> None:
    _, failures = OF[str(value["kind"])].check(operation(), {}, value)
    assert reason in failures[0].reason


def test_ignored_changes_and_generated_names_are_refused() -> None:
    with pytest.raises(Failure, match="ignore_changes"):
        OF["NetworkPolicy"].diff({}, {}, {}, ["spec.egress[0]"])
    with pytest.raises(Failure, match="generateName"):
        OF["NetworkPolicy"].check(operation(), {}, policy(name="", generateName="a-"))


@pytest.mark.parametrize(
    "option", [{"renderYamlToDirectory": "d"}, {"enableServerSideApply": "false"}]
)
def test_a_provider_option_that_is_not_implemented_is_refused(option: Properties) -> None:
    _, failures = Kubernetes().check_config({"kubeconfig": "k", **option})
    assert failures
    taken: Properties = {"kubeconfig": "k", "context": "c", "enableServerSideApply": "true"}
    assert Kubernetes().check_config(taken) == (taken, [])


def configuration(server: str = "https://one", user: str = "admin") -> str:
    return json.dumps(
        {
            "clusters": [{"name": "one", "cluster": {"server": server}}],
            "users": [{"name": "admin", "user": {"token": "t"}}],
            "contexts": [
                {"name": "home", "context": {"cluster": "one", "user": user}},
                {"name": "away", "context": {"cluster": "none", "user": user}},
            ],
            "current-context": "home",
        }
    )


@pytest.mark.parametrize(
    ("old", "new", "replaces"),
    [
        ({"kubeconfig": configuration()}, {"kubeconfig": configuration("https://two")}, True),
        ({"kubeconfig": configuration()}, {"kubeconfig": configuration(user="x")}, False),
        ({"kubeconfig": configuration()}, {"kubeconfig": UNKNOWN}, True),
        ({"kubeconfig": Secret(configuration())}, {"kubeconfig": configuration()}, None),
    ],
)
def test_another_server_replaces_the_provider(
    old: Properties, new: Properties, replaces: bool | None
) -> None:
    diff = Kubernetes().diff_config(old, new)
    assert diff.changed is (replaces is not None)
    assert list(diff.message().replaces) == (["kubeconfig"] if replaces else [])


def test_a_kubeconfig_leads_to_a_server_and_credentials(tmp_path: Path) -> None:
    given = kubeconfig.given(configuration())
    assert given.access().server == "https://one"
    assert given.access("home").authorization == "Bearer t"
    path = tmp_path / "config"
    path.write_text(configuration())
    assert kubeconfig.given(str(path)) == given
    with pytest.raises(KubeconfigError, match='context "nowhere" does not exist'):
        given.access("nowhere")
    with pytest.raises(KubeconfigError, match="no configuration has been provided"):
        given.access("away")
    with pytest.raises(KubeconfigError, match="couldn't get version/kind"):
        kubeconfig.given("/does/not/exist")


def test_a_kubeconfig_may_hold_certificates_or_run_a_program() -> None:
    pem = base64.b64encode(b"PEM").decode()
    program = {
        "command": "sh",
        "args": ["-c", """echo '{"status": {"token": "made"}}'"""],
        "apiVersion": "client.authentication.k8s.io/v1",
    }
    users: list[dict[str, Any]] = [
        {"client-certificate-data": pem, "client-key-data": pem},
        {"exec": program},
        {"username": "u", "password": "p"},
        {"auth-provider": {"name": "oidc"}},
    ]
    found = []
    for user in users:
        document = json.loads(configuration())
        document["users"][0]["user"] = user
        found.append(Kubeconfig(document))
    assert (found[0].access().certificate, found[0].access().key) == ("PEM", "PEM")
    assert found[1].access().authorization == "Bearer made"
    assert found[2].access().authorization == "Basic dTpw"
    with pytest.raises(KubeconfigError, match="auth-provider"):
        found[3].access()


def pod(state: dict[str, Any], **status: Any) -> dict[str, Any]:
    container = {"name": "c", "ready": False, "state": state}
    conditions = [
        {"type": "PodScheduled", "status": "True"},
        {"type": "Initialized", "status": "True"},
        {"type": "Ready", "status": "False", "reason": "R", "message": status.pop("said", "")},
    ]
    statuses = {"conditions": conditions, "containerStatuses": [{**container, **status}]}
    return {"metadata": {"name": "p", "namespace": "ns"}, "status": statuses}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (pod({"terminated": {"exitCode": 1, "reason": "Error", "message": "why"}}),
         ["[Pod ns/p]: [Error] why"]),
        (pod({"terminated": {"exitCode": 1, "reason": "Error"}}),
         ['[Pod ns/p]: container "c" completed with exit code 1']),
        (pod({"waiting": {"reason": "ImagePullBackOff", "message": "m"}},
             said="containers with unready status: [c]"),
         ["[Pod ns/p]: containers with unready status: [c][ImagePullBackOff] m"]),
        (pod({"waiting": {"reason": "ContainerCreating"}}), []),
        (pod({"running": {}}), []),
        (pod({"waiting": {"reason": "CrashLoopBackOff", "message": "b"}}, lastState={"terminated":
             {"exitCode": 2, "reason": "Error", "finishedAt": "T", "message": "why"}}),
         ['[Pod ns/p]: [CrashLoopBackOff] b\ncontainer "c" terminated at T (Error: exit code 2)'
          "\nwhy"]),
    ],
)  # fmt: skip
def test_a_pod_says_what_is_wrong_in_the_plugins_words(
    found: dict[str, Any], said: list[str]
) -> None:
    assert pods.warnings(found) == said


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, (False, "")),
        ({"startTime": "T", "active": 1}, (False, "")),
        ({"startTime": "T", "conditions": [{"type": "Complete", "status": "True"}]}, (True, "")),
        ({"startTime": "T", "conditions": [{"type": "Failed", "status": "True",
          "reason": "DeadlineExceeded", "message": "m"}]}, (False, "[DeadlineExceeded] m")),
        ({"startTime": "T", "conditions": [{"type": "Failed", "status": "True",
          "reason": "PodFailurePolicy", "message": "m"}]}, (False, "")),
    ],
)  # fmt: skip
def test_a_job_is_complete_fails_or_goes_on(
    status: dict[str, Any], expected: tuple[bool, str]
) -> None:
    done, described, error = awaiting.job_progress({"metadata": {"name": "j"}, "status": status})
    assert (done, error) == expected
    assert described[0] == 'Waiting for Job "j" to start'


def release_changes(old: Properties, new: Properties) -> dict[str, str]:
    release = Release(lambda: OFFLINE)
    _, state = release.create(operation(), old, preview=True)
    diff = release.diff({**state, "status": {}, "resourceNames": {}}, old, new, [])
    return {path: change.name for path, change in diff.detailed.items()}


def test_a_release_is_compared_by_its_inputs() -> None:
    base: Properties = {"name": "n", "namespace": "ns", "chart": "c", "values": {"a": {"b": 1}}}
    assert release_changes(base, base) == {}
    more: Properties = {**base, "values": {"a": {"b": 2}, "l": [1]}}
    assert release_changes(base, more) == {"values.a.b": "UPDATE", "values.l": "ADD"}
    assert release_changes(base, {**base, "values": {}}) == {"values.a": "DELETE"}
    assert release_changes(base, {**base, "name": "m"}) == {"name": Change.UPDATE_REPLACE.name}


def test_the_objects_of_a_release_are_named_by_kind() -> None:
    manifest = (
        "---\n# Source: a\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n"
        "---\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\n  namespace: n\n"
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    )
    assert resource_names(manifest) == {
        "ConfigMap/v1": ["a", "b"],
        "Deployment.apps/apps/v1": ["n/a"],
    }
