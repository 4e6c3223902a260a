"""The lab's Pangolin: starting the dummy server, and giving newt orders through it.

The server itself is the Go program in `pangolin/`. Orders go over its control socket, the way
whoever owns a Pangolin server could give them: a test of newt's cage plays that owner.
"""

import http
import http.client
import json
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .artifacts import pangolin
from .certificates import Authority
from .commands import LabError
from .network import INTERFACE
from .node import Node
from .processes import Processes
from .topology import DOMAIN_HOSTED, DOMAIN_PANGOLIN, PANGOLIN_ADDRESS

NAME = "pangolin"
NEWT_ID = "2ix2t8xk22ubpfy"
TIMEOUT = 70.0  # more than the server lets any probe take
READY_TIMEOUT = 10.0
POLL = 0.05


@dataclass(frozen=True, kw_only=True)
class Target:
    """newt listens at `listen` inside the tunnel, and dials `target` for whoever comes."""

    listen: int
    target: str  # host:port
    protocol: str = "tcp"


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    id: int
    host: str
    port: int
    mode: str = "tcp"  # or http
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class TunnelEnd:
    """A node of Pangolin's: newt is told `endpoint`, a name or an address. The heaviest that
    answers newt's ping is chosen."""

    name: str
    endpoint: str
    weight: float = 1.0


class Pangolin:
    def __init__(
        self,
        folder: Path,
        node: Node,
        processes: Processes,
        *,
        host: str = DOMAIN_PANGOLIN,
        address: str = PANGOLIN_ADDRESS,
        port: int = 443,
        tunnel_port: int = 51820,
    ) -> None:
        self._folder = folder
        self._host = host
        self._tunnel_port = tunnel_port
        self._options = [
            f"-listen={address}:{port}",
            f"-wireguard-port={tunnel_port}",
            f"-public-host={host}",
        ]
        self._node = node
        self._processes = processes
        self._socket = folder / "control.sock"
        self._secret = folder / "secret"
        self._key_file = folder / "provisioning-key"
        self.newt_id = NEWT_ID

    @property
    def newt_secret(self) -> str:
        return self._secret.read_text().strip()

    def new_provisioning_key(self) -> str:
        """A key that is good for one registration; the last one is good for nothing more."""
        key = secrets.token_hex(24)
        self._key_file.write_text(key)
        self._key_file.chmod(0o600)
        return key

    def prepare(self, authority: Authority) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._secret.write_text(secrets.token_hex(24) + "\n")
        self._secret.chmod(0o600)
        # In one certificate: which of the two newt uses is the stack file's matter.
        hosted = [DOMAIN_PANGOLIN, DOMAIN_HOSTED] if self._host == DOMAIN_PANGOLIN else []
        self._certificate, self._key = authority.issue(
            self._host, alternatives=[f"DNS:{name}" for name in hosted]
        )

    def start(self) -> None:
        self._processes.start(
            NAME,
            self._node.argv(
                [
                    str(pangolin()),
                    *self._options,
                    f"-cert={self._certificate}",
                    f"-key={self._key}",
                    f"-id={NEWT_ID}",
                    f"-secret-file={self._secret}",
                    f"-provisioning-key-file={self._key_file}",
                    f"-control={self._socket}",
                ]
            ),
        )

    def stop(self) -> None:
        self._processes.end(NAME)

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while True:
            try:
                self.status()
                return
            except OSError as error:
                if self._processes.pid(NAME) is None or time.monotonic() > deadline:
                    said = self._processes.last_words(NAME)
                    raise LabError(f"the dummy Pangolin does not answer: {said}") from error
            time.sleep(POLL)

    def status(self) -> dict[str, Any]:
        """Whether newt is connected, its tunnel and its node, its version, what it was told to
        expose."""
        answer: dict[str, Any] = self._ask("GET", "/status")
        return answer

    def connected(self) -> bool:
        return bool(self.status()["websocket"]["connected"])

    def offer(self, nodes: Sequence[TunnelEnd]) -> dict[str, Any]:
        """Where newt's tunnel may end from now on: at none of these, at the server itself."""
        answer: dict[str, Any] = self._ask("PUT", "/nodes", [asdict(each) for each in nodes])
        return answer

    def open_node(self, address: str) -> None:
        """A node at ADDRESS: every address of this machine answers pings and ends the tunnel."""
        self._node.run(["ip", "address", "replace", f"{address}/24", "dev", INTERFACE])
        # wireguard-go answers from this machine's first address; redirected packets are answered
        # from the address that they were sent to.
        rule = f"PREROUTING -p udp --dport {self._tunnel_port} -j REDIRECT"
        nat = "iptables -t nat"
        self._node.run(["sh", "-c", f"{nat} -C {rule} 2>/dev/null || {nat} -A {rule}"])

    def close_node(self, address: str) -> None:
        """The node dies: nothing is at ADDRESS any more."""
        self._node.run(["ip", "address", "delete", f"{address}/24", "dev", INTERFACE])

    def expose(self, targets: Sequence[Target]) -> dict[str, Any]:
        """Tells newt to expose exactly these."""
        answer: dict[str, Any] = self._ask("PUT", "/targets", [asdict(each) for each in targets])
        return answer

    def check(self, checks: Sequence[HealthCheck]) -> dict[str, Any]:
        """Tells newt to check exactly these: it dials them from where it is."""
        answer: dict[str, Any] = self._ask("PUT", "/healthchecks", [asdict(c) for c in checks])
        return answer

    def health(self) -> list[dict[str, Any]]:
        """What newt reports of its checks: each with `status` healthy, unhealthy or unknown."""
        answer: list[dict[str, Any]] = self._ask("GET", "/healthchecks")
        return answer

    def fetch(self, listen: int, path: str = "/", timeout: float = 5.0) -> dict[str, Any]:
        """Fetches a page through the tunnel: `status` and `body`, or `error`."""
        return self._probe("/fetch", {"listen": listen, "path": path, "timeout": timeout})

    def dial(
        self, listen: int, protocol: str = "tcp", send: str = "", timeout: float = 5.0
    ) -> dict[str, Any]:
        """Connects through the tunnel: `outcome` data, closed or silent, or `error`."""
        request = {"listen": listen, "protocol": protocol, "send": send, "timeout": timeout}
        return self._probe("/dial", request)

    def events(self) -> list[dict[str, Any]]:
        """What the server wrote down since the lab came up."""
        lines = self._processes.log(NAME).read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def _probe(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._ask("POST", path, request)
        return answer

    def _ask(self, method: str, path: str, order: Any = None) -> Any:
        connection = http.client.HTTPConnection("pangolin", timeout=TIMEOUT)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(TIMEOUT)
            connection.sock.connect(str(self._socket))
            connection.request(method, path, None if order is None else json.dumps(order))
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise LabError(f"Pangolin refused {method} {path} {order}: {answer.get('error')}")
        return answer
