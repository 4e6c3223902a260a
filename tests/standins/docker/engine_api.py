"""Docker's HTTP interface over `ssh … docker system dial-stdio`, as Docker's own client uses it.

Owns the SSH command line, the connections and the error texts. Each connection is one `ssh`
process; one that has answered is used again. Only `ssh://` hosts: the project has no other.
"""

import http.client
import json
import socket
import subprocess
import tempfile
import threading
import urllib.parse
from collections.abc import Mapping
from typing import IO, Any

# The newest interface version that pulumi-docker 5.1.0 speaks; an older daemon lowers it.
NEWEST_VERSION = (1, 51)
IDLE_CONNECTIONS = 2
PLACEHOLDER_HOST = "docker.example.com"  # Docker's client writes it into its error texts
END_SECONDS = 2


class DockerError(Exception):
    """The daemon refused, or could not be reached."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def not_found(self) -> bool:
        """Whether the daemon said that there is no such object."""
        return self.status == http.client.NOT_FOUND


def ssh_command(host: str, options: list[str]) -> list[str]:
    """The command that Docker's client would run for an `ssh://` host; raises DockerError."""
    url = urllib.parse.urlsplit(host)
    problem = ""
    if url.scheme != "ssh":
        problem = f"the stand-in for pulumi-docker reaches ssh:// hosts only, not {host!r}"
    elif not url.hostname:
        problem = "no host specified"
    elif url.password:
        problem = "plain-text password is not supported"
    elif url.query or url.fragment:
        problem = f"extra query or fragment after the host in {host!r}"
    if problem:
        raise DockerError(f"invalid provider host: {problem}")
    command = ["ssh", *options]
    if "ConnectTimeout" not in "".join(options):
        command.append("-o ConnectTimeout=30")
    if "-T" not in options:
        command.append("-T")
    if url.username:
        command += ["-l", url.username]
    if url.port:
        command += ["-p", str(url.port)]
    docker = ["docker"]
    if url.path.strip("/"):
        docker.append(f"--host=unix://{url.path}")
    return [*command, "--", str(url.hostname), *docker, "system", "dial-stdio"]


class _Connection(http.client.HTTPConnection):
    """HTTP over the standard streams of an `ssh` process."""

    def __init__(self, command: list[str]) -> None:
        super().__init__(PLACEHOLDER_HOST)
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None

    def connect(self) -> None:
        ours, theirs = socket.socketpair()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the connection
        # Its own session: an interrupt at the terminal must not cut a request in the middle.
        self._process = subprocess.Popen(
            self._command,
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=self._stderr,
            start_new_session=True,
        )
        theirs.close()
        self.sock = ours

    def end(self) -> None:
        """Ends the process too: `close` alone is called by http.client in the middle of things."""
        self.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        if self._stderr is not None:
            self._stderr.close()

    def ending(self) -> str:
        """Why the process is gone, in the words of Docker's client."""
        if self._process is None or self._stderr is None:
            return "EOF"
        try:
            status = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return "EOF"
        self._stderr.seek(0)
        return (
            f"command {_go_list(self._command)} has exited with exit status {status}, make sure the"
            " URL is valid, and Docker 18.09 or later is installed on the remote host: stderr="
            + self._stderr.read().decode(errors="replace")
        )


class Engine:
    """One Docker daemon."""

    def __init__(self, host: str, options: list[str]) -> None:
        self._host = host
        self._command = ssh_command(host, options)
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._version: str | None = None

    def get(self, path: str, **query: str) -> Any:
        """The answer to a GET."""
        return self.request("GET", path, query)

    def post(self, path: str, body: object = None, **query: str) -> Any:
        """The answer to a POST."""
        return self.request("POST", path, query, body)

    def delete(self, path: str, **query: str) -> Any:
        """The answer to a DELETE."""
        return self.request("DELETE", path, query)

    def put_archive(self, container: str, archive: bytes) -> None:
        """Unpacks a tar archive at a container's root."""
        query = {"path": "/", "noOverwriteDirNonDir": "true"}
        self.request("PUT", f"/containers/{container}/archive", query, archive)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The decoded answer, a stream of JSON lines as a list. Raises DockerError."""
        url = f"/v{self._negotiated()}{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        content_type, data = _body(body)
        all_headers = {**content_type, **(headers or {})}
        status, answer, _ = self._exchange(method, url, data, all_headers)
        text = answer.decode(errors="replace")
        if status >= http.client.BAD_REQUEST:
            raise DockerError(f"Error response from daemon: {_message(text)}", status)
        return _decoded(text)

    def _negotiated(self) -> str:
        with self._lock:
            known = self._version
        if known:
            return known
        try:
            _, _, headers = self._exchange("HEAD", "/_ping", None, {})
        except DockerError as error:
            raise DockerError(
                f"Error pinging Docker server, please make sure that {self._host} is reachable and"
                f" has a  '_ping' endpoint. Error: {error}"
            ) from error
        offered = headers.get("Api-Version", "1.24")
        newest = min(NEWEST_VERSION, tuple(int(part) for part in offered.split(".")))
        with self._lock:
            self._version = ".".join(map(str, newest))
            return self._version

    def _exchange(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes, Mapping[str, str]]:
        connection = self._take()
        try:
            connection.request(method, url, body, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            reason = connection.ending()
            connection.end()
            raise DockerError(
                f'error during connect: {method.capitalize()} "http://{PLACEHOLDER_HOST}{url}":'
                f" {reason}"
            ) from error
        self._give_back(connection, keep=not response.will_close)
        return response.status, answer, dict(response.getheaders())

    def _take(self) -> _Connection:
        with self._lock:
            return self._idle.pop() if self._idle else _Connection(self._command)

    def _give_back(self, connection: _Connection, *, keep: bool) -> None:
        with self._lock:
            if keep and len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.end()

    @property
    def version(self) -> tuple[int, ...]:
        """The interface version that both sides speak."""
        return tuple(int(part) for part in self._negotiated().split("."))

    def close(self) -> None:
        """Ends the `ssh` processes."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.end()


def _body(body: object) -> tuple[dict[str, str], bytes | None]:
    if isinstance(body, bytes):
        return {"Content-Type": "application/x-tar"}, body
    if body is None:
        return {}, None
    return {"Content-Type": "application/json"}, json.dumps(body).encode()


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()


def _decoded(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except ValueError:  # a stream of lines, such as a pull's progress
        return [json.loads(line) for line in text.splitlines()]


def _go_list(command: list[str]) -> str:
    return f"[{' '.join(command)}]"
