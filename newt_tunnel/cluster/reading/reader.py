"""The questions to a cluster: lists only, and no more than the look-ups need."""

from __future__ import annotations

from collections.abc import Iterator

from newt_tunnel.cluster.reading import installed, objects
from newt_tunnel.cluster.reading.client import Client, ClusterUnreachable, name_of, values
from newt_tunnel.cluster.reading.deadline import within
from newt_tunnel.cluster.reading.installed import Installed
from newt_tunnel.cluster.reading.snapshot import API_SERVICE, Namespace, Snapshot
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.stack import KubernetesSettings

#: Seconds until the first answer, including names, credential helpers and several addresses.
FIRST_ANSWER_SECONDS = 8.0


def read(settings: KubernetesSettings, kubeconfig: str | None) -> Snapshot:
    """Read what the look-ups of ``settings`` need."""
    kubernetes = settings.kubernetes
    own = kubernetes.namespace
    client, namespaces = _first_answer(kubernetes.context, kubeconfig)
    there = {namespace.name for namespace in namespaces}
    asked = [one for one in sorted(_namespaces(settings)) if one in there]
    return Snapshot(
        context=kubernetes.context,
        namespaces=tuple(namespaces),
        services=tuple(client.each("/api/v1/services", objects.service)),
        endpoints=tuple(
            found
            for one in asked
            for found in client.several_each(
                f"/apis/discovery.k8s.io/v1/namespaces/{one}/endpointslices", objects.endpoints
            )
        ),
        pods=tuple(
            found
            for one in asked
            for found in client.several_each(f"/api/v1/namespaces/{one}/pods", objects.pod)
        ),
        # Not every user may list nodes, and not every version has the ranges of Services.
        nodes=tuple(client.each("/api/v1/nodes", objects.node, optional=True)),
        service_ranges=tuple(
            client.several_each(
                "/apis/networking.k8s.io/v1/servicecidrs", objects.service_range, optional=True
            )
        ),
        policies=tuple(
            client.each(
                f"/apis/networking.k8s.io/v1/namespaces/{own}/networkpolicies",
                objects.network_policy,
            )
        ),
        installed=installed_in(client, own) if own in there else Installed(),
    )


def installed_in(client: Client, namespace: str) -> Installed:
    """Read newt's own objects. Not every user may list all of them."""
    core = f"/api/v1/namespaces/{namespace}"
    secrets = client.known(f"{core}/secrets", lambda one: [one], metadata_only=True)
    return Installed(
        pods=client.known(f"{core}/pods", installed.pod),
        deployments=client.known(
            f"/apis/apps/v1/namespaces/{namespace}/deployments",
            lambda one: [installed.deployment(one)],
        ),
        secrets=None if secrets is None else values(secrets, installed.named),
        claims=client.known(f"{core}/persistentvolumeclaims", installed.named),
        jobs=client.known(f"/apis/batch/v1/namespaces/{namespace}/jobs", installed.named),
        revisions=None if secrets is None else values(secrets, installed.revision),
    )


def connect(settings: KubernetesSettings, kubeconfig: str | None) -> Client:
    """Connect for a look after an update. The first answer may take as long as any other."""
    return Client(settings.kubernetes.context, kubeconfig)


def _namespaces(settings: KubernetesSettings) -> Iterator[str]:
    """Return the namespaces whose pods and endpoints matter."""
    yield API_SERVICE.namespace
    yield settings.kubernetes.cluster_dns.namespace
    canary = settings.kubernetes.gate_canary
    if canary is not None and isinstance(canary.at, ServiceRef):
        yield canary.at.namespace
    for target in (*settings.egress, *settings.must_not_reach):
        if target.service is not None:
            yield target.service.namespace
        if target.namespace is not None:
            yield target.namespace


def _first_answer(context: str | None, kubeconfig: str | None) -> tuple[Client, list[Namespace]]:
    def work() -> tuple[Client, list[Namespace]]:
        client = Client(context, kubeconfig)
        return client, client.each("/api/v1/namespaces", objects.namespace)

    try:
        return within(FIRST_ANSWER_SECONDS, work)
    except TimeoutError:
        raise ClusterUnreachable(
            name_of(context), f"no answer within {FIRST_ANSWER_SECONDS:.0f} seconds"
        ) from None
