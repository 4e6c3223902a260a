"""Reads a cluster with the official Python client: the only module that talks to it.

Lists only, and no more than the look-ups need. The client is imported when it is used, because a
Docker stack has none. Errors say what was asked and never what a kubeconfig or a server contained.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, TypeVar

import yaml

from newt_tunnel.cluster import installed, objects
from newt_tunnel.cluster.deadline import within
from newt_tunnel.cluster.errors import ClusterUnreachable, ClusterUnreadable
from newt_tunnel.cluster.installed import Installed
from newt_tunnel.cluster.objects import Object
from newt_tunnel.cluster.snapshot import API_SERVICE, Namespace, Snapshot
from newt_tunnel.settings.cluster_types import ServiceRef
from newt_tunnel.settings.stack import KubernetesSettings

#: Until the first answer, everything included: names, credential helpers, several addresses.
FIRST_ANSWER_SECONDS = 8.0
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 20.0
#: The user's own cluster under its own name, where no context is written.
_UNNAMED = "the kubeconfig's current context"
_USUAL_FILE = "~/.kube/config"
_OK, _FORBIDDEN, _NOT_FOUND = 200, 403, 404
_JSON = "application/json"
#: The API server leaves out all but the metadata: no Secret's content travels.
_METADATA = f"{_JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_Value = TypeVar("_Value")


def read(settings: KubernetesSettings, kubeconfig: str | None) -> Snapshot:
    """What the look-ups of ``settings`` need to know."""
    kubernetes = settings.kubernetes
    name = kubernetes.context or _UNNAMED
    own = kubernetes.namespace
    client, namespaces = _first_answer(name, kubernetes.context, kubeconfig)
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
        # Not everybody may list nodes, and not every version has the ranges of Services.
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


def installed_in(client: _Client, namespace: str) -> Installed:
    """newt's own objects. Not every user may list all of them."""
    core = f"/api/v1/namespaces/{namespace}"
    secrets = client.known(f"{core}/secrets", lambda one: [one], metadata_only=True)
    return Installed(
        pods=client.known(f"{core}/pods", installed.pod),
        deployments=client.known(
            f"/apis/apps/v1/namespaces/{namespace}/deployments",
            lambda one: [installed.deployment(one)],
        ),
        secrets=None if secrets is None else _each(secrets, installed.named),
        claims=client.known(f"{core}/persistentvolumeclaims", installed.named),
        jobs=client.known(f"/apis/batch/v1/namespaces/{namespace}/jobs", installed.named),
        revisions=None if secrets is None else _each(secrets, installed.revision),
    )


def _each(
    items: Iterable[Object], read_one: Callable[[Object], Iterable[_Value]]
) -> tuple[_Value, ...]:
    return tuple(found for item in items for found in read_one(item))


def connect(settings: KubernetesSettings, kubeconfig: str | None) -> _Client:
    """For a look after an update. The first answer may take as long as any other."""
    context = settings.kubernetes.context
    return _Client(context or _UNNAMED, context, kubeconfig)


def _namespaces(settings: KubernetesSettings) -> Iterator[str]:
    """Whose pods and endpoints matter."""
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


def _first_answer(
    name: str, context: str | None, kubeconfig: str | None
) -> tuple[_Client, list[Namespace]]:
    def work() -> tuple[_Client, list[Namespace]]:
        client = _Client(name, context, kubeconfig)
        return client, client.each("/api/v1/namespaces", objects.namespace)

    try:
        return within(FIRST_ANSWER_SECONDS, work)
    except TimeoutError:
        raise ClusterUnreachable(
            name, f"no answer within {FIRST_ANSWER_SECONDS:.0f} seconds"
        ) from None


class _Client:
    """The official client, reduced to lists."""

    def __init__(self, name: str, context: str | None, kubeconfig: str | None) -> None:
        client: Any = import_module("kubernetes.client")
        config: Any = import_module("kubernetes.config")
        self._name = name
        configuration = client.Configuration()
        # One attempt: the client's own three would take three times as long to fail.
        configuration.retries = False
        try:
            if kubeconfig is not None:
                config.load_kube_config_from_dict(
                    yaml.safe_load(kubeconfig),
                    context=context,
                    client_configuration=configuration,
                    persist_config=False,
                )
            else:
                config.load_kube_config(
                    os.environ.get("KUBECONFIG") or _USUAL_FILE,
                    context=context,
                    client_configuration=configuration,
                    persist_config=False,
                )
        except Exception:
            # Whatever it says may quote the file.
            whose = "the kubeconfig" if kubeconfig is not None else "this machine's kubeconfig"
            raise ClusterUnreadable(
                name, whose, "it is missing, is no kubeconfig, or has no such context"
            ) from None
        self._api: Any = client.ApiClient(configuration)

    def text(self, path: str) -> str:
        """A resource that is no object, like a pod's log."""
        status, body = self._get(path)
        if status != _OK:
            raise ClusterUnreadable(self._name, path.rpartition("/")[2], f"the answer is {status}")
        return body.decode(errors="replace")

    def each(
        self, path: str, read_one: Callable[[Object], _Value], *, optional: bool = False
    ) -> list[_Value]:
        return [read_one(item) for item in self._items(path, optional=optional)]

    def several_each(
        self, path: str, read_one: Callable[[Object], Iterable[_Value]], *, optional: bool = False
    ) -> list[_Value]:
        """Where an object may give none or several values."""
        return [found for item in self._items(path, optional=optional) for found in read_one(item)]

    def known(
        self,
        path: str,
        read_one: Callable[[Object], Iterable[_Value]],
        *,
        metadata_only: bool = False,
    ) -> tuple[_Value, ...] | None:
        """The same, with None where this user may not list them."""
        items = self._listed(path, _METADATA if metadata_only else _JSON, optional=True)
        return None if items is None else _each(items, read_one)

    def _items(self, path: str, *, optional: bool) -> Iterable[Any]:
        found = self._listed(path, _JSON, optional=optional)
        return () if found is None else found

    def _listed(self, path: str, accept: str, *, optional: bool) -> Iterable[Any] | None:
        what = path.rpartition("/")[2]
        status, body = self._get(path, accept)
        if optional and status in (_FORBIDDEN, _NOT_FOUND):
            return None
        if status == _FORBIDDEN:
            raise ClusterUnreadable(
                self._name, what, "this user may not list them; give it the right to"
            )
        if status != _OK:
            raise ClusterUnreachable(self._name, f"it answers {status} to a list of {what}")
        try:
            items: Iterable[Any] = json.loads(body)["items"] or ()
        except (ValueError, KeyError, TypeError):
            raise ClusterUnreachable(self._name, "what answers is no Kubernetes API") from None
        return items

    def _get(self, path: str, accept: str = _JSON) -> tuple[int, bytes]:
        request = self._api.param_serialize(
            method="GET",
            resource_path=path,
            header_params={"Accept": accept},
            auth_settings=["BearerToken"],
        )
        try:
            response = self._api.call_api(
                *request, _request_timeout=(_CONNECT_SECONDS, _READ_SECONDS)
            )
            return response.status, response.read()
        except Exception as problem:
            raise ClusterUnreachable(self._name, _reason(problem)) from None


def _reason(problem: BaseException) -> str:
    """In words of our own: the client's quote addresses, headers and files."""
    text = f"{type(problem).__name__} {problem}".lower()
    for sign, reason in (
        ("certificate verify failed", "its certificate is not signed by the kubeconfig's CA"),
        ("ssl", "TLS fails"),
        ("refused", "the connection is refused"),
        ("timed out", "no answer in time"),
        ("timeout", "no answer in time"),
        ("name resolution", "its name does not resolve"),
        ("nameresolution", "its name does not resolve"),
        ("unreachable", "there is no route to it"),
        ("no route", "there is no route to it"),
    ):
        if sign in text:
            return reason
    return f"the connection fails ({type(problem).__name__})"
