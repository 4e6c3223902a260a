"""The official Python client, reduced to lists: the only module that talks to an API server.

The client is imported when it is used, because a Docker stack does not install it. Errors name the
question, and never quote a kubeconfig or an answer, which may hold secrets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, TypeVar

import yaml

from newt_tunnel.cluster.reading.installed import Object

_CONNECT_SECONDS = 3.0
_READ_SECONDS = 20.0
#: The user's own cluster under its own name, where no context is written.
_UNNAMED = "the kubeconfig's current context"
_USUAL_FILE = "~/.kube/config"
_OK, _FORBIDDEN, _NOT_FOUND = 200, 403, 404
_JSON = "application/json"
#: The API server then sends metadata only, and no Secret's content.
_METADATA = f"{_JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_Value = TypeVar("_Value")


class ClusterError(Exception):
    """The cluster could not be read; the text says why."""


class ClusterUnreachable(ClusterError):
    """No API server answered in time, or it refused the connection."""

    def __init__(self, cluster: str, reason: str) -> None:
        super().__init__(
            f"{cluster}: the cluster cannot be reached: {reason}; check that it runs and that this "
            "machine reaches it"
        )


class ClusterUnreadable(ClusterError):
    """The cluster answers, but a question fails."""

    def __init__(self, cluster: str, what: str, reason: str) -> None:
        super().__init__(f"{cluster}: {what} cannot be read: {reason}")


def name_of(context: str | None) -> str:
    """Return the cluster's name in messages."""
    return context or _UNNAMED


class Client:
    """One cluster, by its context in the kubeconfig."""

    def __init__(self, context: str | None, kubeconfig: str | None) -> None:
        client: Any = import_module("kubernetes.client")
        config: Any = import_module("kubernetes.config")
        self._name = name_of(context)
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
            # The error may quote the file.
            whose = "the kubeconfig" if kubeconfig is not None else "this machine's kubeconfig"
            raise ClusterUnreadable(
                self._name, whose, "it is missing, is no kubeconfig, or has no such context"
            ) from None
        self._api: Any = client.ApiClient(configuration)

    def text(self, path: str) -> str:
        """Read a resource that is no object, like a pod's log."""
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
        """Read a list in which an object may have none or several values."""
        return [found for item in self._items(path, optional=optional) for found in read_one(item)]

    def known(
        self,
        path: str,
        read_one: Callable[[Object], Iterable[_Value]],
        *,
        metadata_only: bool = False,
    ) -> tuple[_Value, ...] | None:
        """Read a list, or return None if this user may not list them."""
        items = self._listed(path, _METADATA if metadata_only else _JSON, optional=True)
        return None if items is None else values(items, read_one)

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


def values(
    items: Iterable[Object], read_one: Callable[[Object], Iterable[_Value]]
) -> tuple[_Value, ...]:
    return tuple(found for item in items for found in read_one(item))


def _reason(problem: BaseException) -> str:
    """Return a text of our own: the client's errors quote addresses, headers and files."""
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
