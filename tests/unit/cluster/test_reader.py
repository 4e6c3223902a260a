"""Reading a cluster: through the official client, against an API server made of a dictionary."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from newt_tunnel.cluster import ClusterError, ClusterUnreachable, ClusterUnreadable, survey
from newt_tunnel.cluster.reading import reader
from newt_tunnel.cluster.reading.installed import Installed
from newt_tunnel.cluster.reading.snapshot import ContainerPort, EndpointPort, ServicePort
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.stack import KubernetesSettings
from tests.unit.settings.example import ABSENT, cluster_settings

TOKEN = "needle-in-a-kubeconfig"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"
PODS = "/api/v1/namespaces/{}/pods"
OWN = (
    *(f"/api/v1/namespaces/newt-tunnel/{kind}" for kind in ("pods", "secrets")),
    "/api/v1/namespaces/newt-tunnel/persistentvolumeclaims",
    "/apis/apps/v1/namespaces/newt-tunnel/deployments",
    "/apis/batch/v1/namespaces/newt-tunnel/jobs",
)
POLICIES = "/apis/networking.k8s.io/v1/namespaces/newt-tunnel/networkpolicies"


def named(name: str, namespace: str | None = None, **more: Any) -> dict[str, Any]:
    where = {} if namespace is None else {"namespace": namespace}
    return {"metadata": {"name": name, **where, **more}}


DNS_POD = named("coredns-1", "kube-system", labels={"k8s-app": "kube-dns"}) | {
    "spec": {
        "containers": [
            {
                "ports": [
                    {"containerPort": 53, "name": "dns", "protocol": "UDP"},
                    {"containerPort": 53, "name": "dns-tcp"},
                    {"containerPort": 9153, "name": "metrics", "protocol": "TCP"},
                ]
            }
        ],
        "initContainers": [
            {"ports": [{"containerPort": 1}]},
            {"restartPolicy": "Always", "ports": [{"containerPort": 8080}]},
        ],
    },
    "status": {
        "phase": "Running",
        "podIPs": [{"ip": "10.42.0.2"}, {"ip": "fd00:42::2"}],
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}
FINISHED = named("job-1", "kube-system", labels={"k8s-app": "kube-dns"}) | {
    "spec": {"containers": [{}]},
    "status": {"phase": "Succeeded"},
}
CLUSTER: dict[str, list[dict[str, Any]]] = {
    "/api/v1/namespaces": [named("default"), named("kube-system"), named("newt-tunnel")],
    "/api/v1/services": [
        named("kubernetes", "default")
        | {
            "spec": {
                "clusterIP": "10.43.0.1",
                "clusterIPs": ["10.43.0.1"],
                "ports": [{"name": "https", "port": 443, "targetPort": 6443}],
            }
        },
        named("kube-dns", "kube-system")
        | {
            "spec": {
                "clusterIP": "10.43.0.10",
                "clusterIPs": ["10.43.0.10", "fd00:43::a"],
                "selector": {"k8s-app": "kube-dns"},
                "ports": [
                    {"name": "dns", "port": 53, "targetPort": "dns", "protocol": "UDP"},
                    {"name": "metrics", "port": 9153, "targetPort": 9153, "protocol": "TCP"},
                ],
            }
        },
        named("lb", "ingress")
        | {
            "spec": {"clusterIPs": ["10.43.0.70"], "externalIPs": ["10.0.1.9"]},
            "status": {
                "loadBalancer": {
                    "ingress": [
                        {"ip": "10.0.1.11"},
                        {"ip": "10.0.1.12", "ipMode": "Proxy"},
                        {"hostname": "lb.example"},
                    ]
                }
            },
        },
        named("headless", "shop") | {"spec": {"clusterIP": "None", "clusterIPs": ["None"]}},
        named("alias", "shop") | {"spec": {"type": "ExternalName", "externalName": "a.example"}},
    ],
    SLICES.format("default"): [
        named("a", "default", labels={"kubernetes.io/service-name": "kubernetes"})
        | {
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.1.11"]}],
            "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
        },
        named("b", "default", labels={}) | {"endpoints": [{"addresses": ["10.0.1.12"]}]},
    ],
    SLICES.format("kube-system"): [],
    PODS.format("default"): [],
    PODS.format("kube-system"): [DNS_POD, FINISHED],
    "/api/v1/nodes": [
        named("k3s")
        | {
            "spec": {"podCIDRs": ["10.42.0.0/24"]},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": "10.0.1.11"},
                    {"type": "Hostname", "address": "k3s"},
                ]
            },
        }
    ],
    "/apis/networking.k8s.io/v1/servicecidrs": [
        named("kubernetes") | {"spec": {"cidrs": ["10.43.0.0/16"]}}
    ],
    POLICIES: [
        named("mine", "newt-tunnel", annotations={"a": "b"}) | {"spec": {"podSelector": {}}}
    ],
}


class Api(ThreadingHTTPServer):
    """Lists by path; ``answers`` replaces the status of some."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects = dict(CLUSTER)
        self.answers: dict[str, int] = {}
        self.asked: list[str] = []
        self.accepted: dict[str, str | None] = {}
        self.tokens: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.accepted[self.path] = self.headers.get("Accept")
        self.server.tokens.add(self.headers.get("Authorization"))
        there = self.path in self.server.objects
        status = self.server.answers.get(self.path, 200 if there else 404)
        body: object = {"items": self.server.objects.get(self.path)}
        text = json.dumps(body if status == 200 else {"message": f"no: {TOKEN}"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def kubeconfig(url: str, context: str = "k3s-home") -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {"token": TOKEN}}],
            "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        }
    )


def small(**changes: Any) -> KubernetesSettings:
    """No targets, so that two namespaces are enough."""
    return cluster_settings({"egress": [], "mustNotReach": [], **changes})


def refused(settings: KubernetesSettings, config: str | None) -> ClusterError:
    with pytest.raises(ClusterError) as caught:
        reader.read(settings, config)
    error = caught.value
    assert "k3s-home" in str(error), "the context is named"
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    assert "needle" not in f"{error}{error!r}{error.args}"
    return error


def test_a_cluster_is_read_into_plain_values(api: Api) -> None:
    found = reader.read(small(), kubeconfig(api.url))
    assert [namespace.name for namespace in found.namespaces] == [
        "default",
        "kube-system",
        "newt-tunnel",
    ]
    assert str(found.api_service) == "10.43.0.1:443"
    assert [str(contact) for contact in found.api] == ["10.0.1.11:6443"]
    dns = found.service(ServiceRef("kube-system", "kube-dns"))
    assert dns is not None
    assert dns.addresses == (ip_address("10.43.0.10"), ip_address("fd00:43::a"))
    assert dns.ports[0] == ServicePort(port=53, target="dns", protocol="UDP", name="dns")
    assert dns.selector == (("k8s-app", "kube-dns"),)
    (balanced,) = found.services_of("ingress")
    assert balanced.balancers == (ip_address("10.0.1.9"), ip_address("10.0.1.11"))
    headless, alias = found.services_of("shop")
    assert (headless.addresses, headless.external_name) == ((), None)
    assert alias.external_name == "a.example"
    (pod,) = found.pods
    assert pod.ready, "and the finished one is left out"
    assert pod.addresses == (ip_address("10.42.0.2"), ip_address("fd00:42::2"))
    assert [port.port for port in pod.ports] == [53, 53, 9153, 8080], "sidecars count"
    assert pod.ports[1] == ContainerPort(port=53, protocol="TCP", name="dns-tcp")
    (slice_,) = found.endpoints
    assert slice_.ports == (EndpointPort(port=6443, protocol="TCP", name="https"),)
    (node,) = found.nodes
    assert node.addresses == (ip_address("10.0.1.11"),)
    assert found.pod_ranges[0] == ip_network("10.42.0.0/24")
    assert found.service_ranges == (ip_network("10.43.0.0/16"),)
    (policy,) = found.policies
    assert (policy.name, policy.annotations, policy.spec) == (
        "mine",
        {"a": "b"},
        {"podSelector": {}},
    )


def test_the_token_is_used_and_only_lists_are_asked_for(api: Api) -> None:
    reader.read(small(), kubeconfig(api.url))
    assert api.tokens == {f"Bearer {TOKEN}"}
    assert sorted(api.asked) == sorted((*CLUSTER, *OWN))


def test_of_secrets_only_the_metadata_is_asked_for(api: Api) -> None:
    reader.read(small(), kubeconfig(api.url))
    secrets, *others = sorted(OWN, key=lambda path: not path.endswith("/secrets"))
    assert "as=PartialObjectMetadataList" in (api.accepted[secrets] or "")
    assert {api.accepted[path] for path in others} == {"application/json"}


def test_newts_own_objects_are_read_where_that_is_allowed(api: Api) -> None:
    nothing = reader.read(small(), kubeconfig(api.url)).installed
    assert nothing == Installed(), "forbidden is not the same as none"
    for path in OWN:
        api.objects[path] = []
    there = reader.read(small(), kubeconfig(api.url)).installed
    assert (there.pods, there.secrets, there.revisions) == ((), (), ())


def test_namespaces_of_targets_are_read_where_they_exist(api: Api) -> None:
    api.objects["/api/v1/namespaces"] = [*CLUSTER["/api/v1/namespaces"], named("gitea")]
    api.objects |= {SLICES.format("gitea"): [], PODS.format("gitea"): []}
    reader.read(cluster_settings(), kubeconfig(api.url))
    assert PODS.format("gitea") in api.asked
    assert PODS.format("homeassistant") not in api.asked, "there is no such namespace"


def test_a_survey_reads_and_looks_up(api: Api) -> None:
    found = survey(small(), kubeconfig(api.url))
    assert found.policy is not None
    assert str(found.gate_canary) == "10.43.0.10:9153"


def test_this_machines_own_kubeconfig_is_used_where_none_is_given(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config"
    file.write_text(kubeconfig(api.url))
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert reader.read(small(), None).context == "k3s-home"


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("path", ["/api/v1/nodes", "/apis/networking.k8s.io/v1/servicecidrs"])
def test_nodes_and_service_ranges_are_read_where_that_is_possible(
    api: Api, path: str, status: int
) -> None:
    api.answers[path] = status
    assert reader.read(small(), kubeconfig(api.url)).pods


def test_what_may_not_be_listed_is_named(api: Api) -> None:
    api.answers["/api/v1/services"] = 403
    error = refused(small(), kubeconfig(api.url))
    assert isinstance(error, ClusterUnreadable)
    assert "services cannot be read: this user may not list them" in str(error)


def test_an_api_that_does_not_know_us_is_named(api: Api) -> None:
    api.answers["/api/v1/namespaces"] = 401
    assert "it answers 401" in str(refused(small(), kubeconfig(api.url)))


def test_something_else_than_an_api_is_named(api: Api) -> None:
    api.objects["/api/v1/namespaces"] = None  # type: ignore[assignment]  # a wrong server's answer
    found = reader.read  # items: null is an empty list to the API's own clients
    assert found(small(), kubeconfig(api.url)).namespaces == ()
    del api.objects["/api/v1/namespaces"]
    assert "it answers 404" in str(refused(small(), kubeconfig(api.url)))


def test_a_refused_connection_is_an_error_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{unused.getsockname()[1]}"
        started = time.monotonic()
        error = refused(small(), kubeconfig(url))
    assert isinstance(error, ClusterUnreachable)
    assert "the connection is refused" in str(error)
    assert time.monotonic() - started < 5


def test_a_server_that_never_answers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reader.FIRST_ANSWER_SECONDS < 10
    monkeypatch.setattr(reader, "FIRST_ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        error = refused(small(), kubeconfig(url))
    assert "no answer within" in str(error)
    assert time.monotonic() - started < 5


def test_a_certificate_of_somebody_else_is_named(api: Api) -> None:
    error = refused(small(), kubeconfig(api.url.replace("http://", "https://")))
    assert "TLS fails" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        f"token: {TOKEN}",
        f"{{ {TOKEN}",
        TOKEN,
        "",
        f"[{TOKEN}]",
        kubeconfig("http://127.0.0.1:1", context="other"),
    ],
)
def test_a_kubeconfig_that_is_none_is_never_repeated(
    text: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        error = refused(small(), text)
    assert "the kubeconfig cannot be read: it is missing, is no kubeconfig, or" in str(error)
    assert "needle" not in caplog.text
    assert "needle" not in "".join(capfd.readouterr())


def test_without_a_context_the_current_one_of_the_kubeconfig_is_used(api: Api) -> None:
    settings = small(**{"kubernetes.context": ABSENT})
    assert reader.read(settings, kubeconfig(api.url, "whatever")).context is None
