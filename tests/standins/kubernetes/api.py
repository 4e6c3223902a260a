"""Requests to one API server, and watches of what it has.

Owns the wire: TLS, JSON, the API's own errors, and the words in which Go's HTTP client describes a
failed connection (programs and people look for them). One connection per request: a stack has a
dozen objects.
"""

import contextlib
import http.client
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.standins.kubernetes.kubeconfig import Access

Object = dict[str, Any]

CONNECT_SECONDS = 30  # as Go's transport
WATCH_SECONDS = 240  # after which the server ends a watch, and it is begun anew
APPLY = "application/apply-patch+yaml"  # JSON is YAML
JSON_PATCH = "application/json-patch+json"
FIELD_MANAGER = "pulumi-kubernetes"  # of creates: an update takes the fields over


class ApiError(Exception):
    """The API server refused; the message is its own."""

    def __init__(self, message: str, code: int = 0, reason: str = "", kind: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.kind = kind  # of the object that the error is about, in the plural

    @property
    def not_found(self) -> bool:
        """Whether there is no such object."""
        return self.code == http.HTTPStatus.NOT_FOUND

    @property
    def already_exists(self) -> bool:
        """Whether a create met an object of that name."""
        return self.reason == "AlreadyExists"

    @property
    def conflict(self) -> bool:
        """Whether another field manager owns what was applied."""
        return self.reason == "Conflict"


@dataclass(frozen=True)
class Event:
    """Something happened to an object."""

    type: str
    object: Object


class Api:
    """An API server."""

    def __init__(self, access: Access, timeout: float | None = None) -> None:
        self.access = access
        self._timeout = timeout  # of a whole request; a dry run may take its time
        address = urlsplit(access.server)
        self._host = address.hostname or ""
        self._port = address.port or (443 if address.scheme == "https" else 80)
        self._root = address.path.rstrip("/")
        self._tls = _tls(access) if address.scheme == "https" else None

    def get(self, path: str, **query: str) -> Object:
        """One object, or a list of them."""
        return self._request("GET", path, query)

    def post(self, path: str, body: Object, **query: str) -> Object:
        """Creates an object."""
        return self._request("POST", path, query, body)

    def patch(self, path: str, body: Any, content_type: str, **query: str) -> Object:
        """Changes an object."""
        return self._request("PATCH", path, query, body, content_type)

    def delete(self, path: str, body: Object) -> Object:
        """Begins to remove an object."""
        return self._request("DELETE", path, {}, body)

    def watch(self, path: str, take: Callable[[Event], None], **query: str) -> "Watch":
        """Gives `take` everything that is there, and then every change; see `Watch`."""
        return Watch(self, path, take, query)

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any = None,
        content_type: str = "application/json",
    ) -> Object:
        with contextlib.closing(self.opened(method, path, query, body, content_type)) as connection:
            try:
                answer = connection.getresponse()
                return _decoded(answer.status, answer.read())
            except OSError as error:
                raise self._broken(method, path, query, error) from error

    def opened(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any = None,
        content_type: str = "application/json",
    ) -> http.client.HTTPConnection:
        """A connection on which the request has been sent."""
        url = self._root + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "User-Agent": "pulumi-kubernetes/standin"}
        if self.access.authorization:
            headers["Authorization"] = self.access.authorization
        if body is not None:
            headers["Content-Type"] = content_type
        patience = min(CONNECT_SECONDS, self._timeout or CONNECT_SECONDS)
        connection = http.client.HTTPConnection(self._host, self._port, timeout=patience)
        try:
            connection.connect()
            if self._tls is not None:
                name = self.access.server_name or self._host
                connection.sock = self._tls.wrap_socket(connection.sock, server_hostname=name)
            connection.sock.settimeout(self._timeout)
            connection.request(
                method, url, body=None if body is None else json.dumps(body), headers=headers
            )
        except OSError as error:
            connection.close()
            raise self._broken(method, path, query, error) from error
        return connection

    def _broken(self, method: str, path: str, query: Mapping[str, str], error: OSError) -> ApiError:
        """What Go's client says of a connection that failed."""
        url = self.access.server + path + (f"?{urlencode(query)}" if query else "")
        return ApiError(f'{method.capitalize()} "{url}": {self._failure(error)}')

    def _failure(self, error: OSError) -> str:
        dial = f"dial tcp {self._host}:{self._port}"
        match error:
            case ssl.SSLCertVerificationError():
                return f"tls: failed to verify certificate: x509: {error.verify_message}"
            case ConnectionRefusedError():
                return f"{dial}: connect: connection refused"
            case socket.gaierror():
                return f"dial tcp: lookup {self._host}: no such host"
            case TimeoutError() if self._timeout is None:
                return f"{dial}: i/o timeout"
            case TimeoutError():
                return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return f"{dial}: connect: {(error.strerror or str(error)).lower()}"


class Watch:
    """A background thread that hands on what happens to a collection of objects.

    First comes an ADDED for every object that is there. An ended watch is begun anew; what changed
    in between comes as MODIFIED or DELETED.
    """

    def __init__(
        self, api: Api, path: str, take: Callable[[Event], None], query: Mapping[str, str]
    ) -> None:
        self._api = api
        self._path = path
        self._handed_on = take
        self._query = dict(query)
        self._known: dict[str, Object] = {}
        self._stopped = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)  # wakes the reader

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                for event in self._watched(self._listed()):
                    self._take(event)
            except (ApiError, OSError, http.client.HTTPException, ValueError):
                # The server is away, or was told off by `__exit__`: the next round finds out.
                self._stopped.wait(1)

    def _listed(self) -> str:
        """Takes what is there now; returns the version to watch from."""
        answer = self._api.get(self._path, **self._query)
        kind = {
            "apiVersion": answer["apiVersion"],
            "kind": answer["kind"].removesuffix("List"),  # the items of a list leave it out
        }
        items = [{**kind, **item} for item in answer.get("items") or []]
        present = {item["metadata"]["uid"]: item for item in items}
        for gone in self._known.keys() - present.keys():
            self._take(Event("DELETED", self._known[gone]))
        for uid, item in present.items():
            self._take(Event("MODIFIED" if uid in self._known else "ADDED", item))
        return str(answer["metadata"]["resourceVersion"])

    def _watched(self, version: str) -> Iterator[Event]:
        query = {
            **self._query,
            "watch": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        with contextlib.closing(self._api.opened("GET", self._path, query)) as connection:
            self._connection = connection
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.OK:
                _decoded(answer.status, answer.read())
            for line in answer:
                change = json.loads(line)
                if change["type"] == "ERROR" or self._stopped.is_set():
                    return
                yield Event(change["type"], change["object"])

    def _take(self, event: Event) -> None:
        uid = event.object["metadata"]["uid"]
        if event.type == "DELETED":
            self._known.pop(uid, None)
        else:
            self._known[uid] = event.object
        self._handed_on(event)


def _decoded(status: int, body: bytes) -> Object:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    if not isinstance(answer, dict):
        answer = {}
    if status < http.HTTPStatus.BAD_REQUEST:
        return answer
    message = answer.get("message") or f"an error on the server ({status}): {body[:200]!r}"
    kind = (answer.get("details") or {}).get("kind", "")
    raise ApiError(message, status, answer.get("reason", ""), kind)


def _tls(access: Access) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=access.authority)
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if access.certificate and access.key:
        # The library reads a client's certificate from a file only.
        with tempfile.TemporaryDirectory() as directory:
            pair = Path(directory) / "client.pem"
            pair.touch(mode=0o600)
            pair.write_text(f"{access.certificate}\n{access.key}")
            context.load_cert_chain(pair)
    return context
