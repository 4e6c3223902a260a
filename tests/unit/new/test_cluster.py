"""`new` for a cluster: what is read through the context, and what becomes of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import pytest
import yaml

from newt_tunnel.cluster import ClusterUnreachable
from newt_tunnel.tools.new import on_kubernetes
from newt_tunnel.tools.new.cluster_facts import enforcer
from newt_tunnel.tools.new.command import NOT_WRITTEN, READY
from tests.unit.new.test_new import COMMAND
from tests.unit.new.workstation import PASSPHRASE as TYPED
from tests.unit.new.workstation import SECRET, Conversation, Workstation

WORDS = ("nas", "--context", "k3s-home")
ANSWERS = ("", "https://1.1.1.1", "2ix2t8xk22ubpfy", SECRET, "1", "3", TYPED, TYPED)


def named(namespace: str, name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}, **more}


def service(namespace: str, name: str, *ports: int, selects: bool = True) -> dict[str, Any]:
    selector = {"app": name} if selects else {}
    return named(
        namespace, name, spec={"selector": selector, "ports": [{"port": port} for port in ports]}
    )


def running(kind: str, image: str, *environment: dict[str, Any]) -> dict[str, Any]:
    containers = [{"image": image, "env": list(environment)}]
    return named("tunnel", kind, spec={"template": {"spec": {"containers": containers}}})


def from_secret(variable: str, key: str) -> dict[str, Any]:
    return {
        "name": variable,
        "valueFrom": {"secretKeyRef": {"name": "credentials", "key": key}},
    }


CLUSTER: dict[str, list[dict[str, Any]]] = {
    "/api/v1/services": [
        service("default", "kubernetes", 443, selects=False),
        service("kube-system", "kube-dns", 53),
        service("gitea", "web", 3000, 22),
        service("databases", "postgres", 5432),
        service("lan", "printer", 631, selects=False),
    ],
    "/api/v1/nodes": [{"status": {"nodeInfo": {"kubeletVersion": "v1.34.1+k3s1"}}}],
    "/apis/apps/v1/daemonsets": [],
    "/apis/apps/v1/deployments": [],
}
NEWT = running(
    "newt",
    "docker.io/fosrl/newt:1.12.0",
    {"name": "PANGOLIN_ENDPOINT", "value": "https://1.1.1.1"},
    from_secret("NEWT_ID", "id"),
    from_secret("NEWT_SECRET", "secret"),
)
SECRETS = {
    key: base64.b64encode(value.encode()).decode()
    for key, value in (("id", "2ix2t8xk22ubpfy"), ("secret", SECRET))
}


class RecordedClient:
    """Answers from ``lists``."""

    lists: ClassVar[dict[str, list[dict[str, Any]]]] = CLUSTER
    problem: Exception | None = None

    def __init__(self, context: str | None, kubeconfig: str | None) -> None:
        assert (context, kubeconfig) == ("k3s-home", None)

    def each(self, path: str, read: Callable[[Any], Any], **_: bool) -> list[Any]:
        if self.problem is not None:
            raise self.problem
        return [read(one) for one in self.lists[path]]

    def several_each(self, path: str, read: Callable[[Any], Iterable[Any]], **_: bool) -> list[Any]:
        return [found for one in self.lists[path] for found in read(one)]

    def text(self, path: str) -> str:
        assert path == "/api/v1/namespaces/tunnel/secrets/credentials"
        return json.dumps({"data": SECRETS})


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch) -> type[RecordedClient]:
    monkeypatch.setattr(RecordedClient, "lists", dict(CLUSTER))
    monkeypatch.setattr(RecordedClient, "problem", None)
    monkeypatch.setattr(on_kubernetes, "Client", RecordedClient)
    return RecordedClient


def config(workstation: Workstation) -> dict[str, Any]:
    found = yaml.safe_load(workstation.file.read_text())["config"]
    return {key.removeprefix("newt-tunnel:"): value for key, value in found.items()}


def test_eight_answers_make_the_stack_file_of_a_cluster(at_work: Workstation) -> None:
    talk = Conversation(ANSWERS)
    assert at_work.new(talk, *WORDS) == READY, talk.text
    assert config(at_work) == {
        "platform": "kubernetes",
        "pangolin": {"endpoint": "https://1.1.1.1"},
        "newtId": "2ix2t8xk22ubpfy",
        "egress": [{"name": "postgres", "service": "databases/postgres", "port": 5432}],
        "mustNotReach": [{"name": "web-22", "service": "gitea/web", "port": 22}],
        "kubernetes": {"context": "k3s-home"},
    }
    assert at_work.stored == SECRET
    assert "  enforcer   kube-router (k3s)" in talk.said
    assert [line for line in talk.said if line.startswith("  [ ]")] == [
        "  [ ]  1  postgres  databases/postgres:5432/tcp",
        "  [ ]  2  web-3000  gitea/web:3000/tcp",
        "  [ ]  3  web-22  gitea/web:22/tcp",
    ]
    assert "lan/printer selects no pods: write the addresses behind it" in talk.text


def test_a_service_and_an_address_can_be_written(at_work: Workstation) -> None:
    talk = Conversation(
        [
            COMMAND.replace("pangolin.example.com", "1.1.1.1"),
            "ha=home/assistant:80 p=10.0.1.200:631",
            "",
            TYPED,
            TYPED,
        ]
    )
    assert at_work.new(talk, *WORDS) == READY, talk.text
    assert config(at_work)["egress"] == [
        {"name": "ha", "service": "home/assistant", "port": 80},
        {"name": "p", "host": "10.0.1.200", "port": 631},
    ]


def test_a_newt_in_the_cluster_gives_its_identity(
    at_work: Workstation, cluster: type[RecordedClient]
) -> None:
    cluster.lists["/apis/apps/v1/deployments"] = [NEWT, running("web", "nginx")]
    talk = Conversation(["y", "", "", TYPED, TYPED])
    assert at_work.new(talk, *WORDS) == READY, talk.text
    assert config(at_work)["newtId"] == "2ix2t8xk22ubpfy"
    assert at_work.stored == SECRET
    assert SECRET not in talk.text + at_work.log
    assert "NEWT_ID, NEWT_SECRET (values not shown)" in talk.text
    assert any("scale deployment newt --replicas 0" in line for line in talk.said)


def test_a_cluster_that_does_not_answer_is_told_in_a_line(
    at_work: Workstation, cluster: type[RecordedClient], capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.problem = ClusterUnreachable("k3s-home", "the connection is refused")
    assert at_work.new(Conversation([]), *WORDS) == NOT_WRITTEN
    said = capsys.readouterr().err
    assert said.startswith("new: --context: k3s-home: the cluster cannot be reached")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("images", "versions", "found"),
    [
        (["quay.io/cilium/cilium:v1.17.1"], ["v1.34.1"], "Cilium"),
        (["docker.io/calico/node:v3.30.0"], ["v1.34.1"], "Calico"),
        (
            ["registry.k8s.io/networking/kube-network-policies:v0.9.2"],
            [],
            "kube-network-policies (kind)",
        ),
        ([], ["v1.34.1+k3s1"], "kube-router (k3s)"),
        (["docker.io/flannel/flannel:v0.26"], ["v1.34.1"], None),
    ],
)
def test_the_enforcer_is_known_by_its_image(
    images: list[str], versions: list[str], found: str | None
) -> None:
    assert enforcer(images, versions) == found
