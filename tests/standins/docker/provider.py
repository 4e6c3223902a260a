"""The provider `docker`: host and SSH options, and nothing else of what the official one takes."""

import json
import threading

from typing_extensions import override

from tests.standins import objectdiff
from tests.standins.docker.bridged import Bridged, Work
from tests.standins.docker.container import Container
from tests.standins.docker.engine_api import DockerError, Engine, ssh_command
from tests.standins.docker.image import RemoteImage
from tests.standins.docker.network import Network
from tests.standins.docker.volume import Volume
from tests.standins.protocol import provider_pb2
from tests.standins.resource import CheckFailure, Diff, Failure
from tests.standins.server import Provider
from tests.standins.values import UNKNOWN, Properties, Value

TAKEN = ("host", "sshOpts", "disableDockerDaemonCheck")
PASSED_ALONG = ("version", "pluginDownloadURL")  # the engine's own


class Docker(Provider):
    """The package `docker`."""

    def __init__(self) -> None:
        works: dict[str, Work] = {
            "docker:index/network:Network": Network(),
            "docker:index/volume:Volume": Volume(),
            "docker:index/remoteImage:RemoteImage": RemoteImage(),
            "docker:index/container:Container": Container(),
        }
        resources = {token: Bridged(work, self._connected) for token, work in works.items()}
        super().__init__("docker", "5.1.0", resources)
        self._configuration: Properties = {}
        self._lock = threading.Lock()
        self._daemon: Engine | None = None

    @override
    def check_config(self, news: Properties) -> tuple[Properties, list[CheckFailure]]:
        """Refuses what is not implemented, and hosts that are not reached by SSH."""
        plain = _plain(news)
        failures = [
            CheckFailure(f"the stand-in for pulumi-docker has no provider option {name!r}")
            for name, value in plain.items()
            if name not in TAKEN + PASSED_ALONG and value not in ([], {}, "")
        ]
        host = plain.get("host")
        if host is not UNKNOWN:
            try:
                ssh_command(host if isinstance(host, str) else "", [])
            except DockerError as error:
                failures.append(CheckFailure(str(error)))
        return {name: _encoded(value) for name, value in plain.items()}, failures

    @override
    def diff_config(self, old_inputs: Properties, news: Properties) -> Diff:
        """Any change is an update of the provider: its resources stay."""
        return objectdiff.diff(_plain(old_inputs), _plain(news), of_inputs=True)

    @override
    def configure(self, arguments: Properties) -> None:
        """Keeps the configuration; the first operation connects."""
        self._configuration = _plain(arguments)

    @override
    def capabilities(self) -> provider_pb2.ConfigureResponse:
        """The official plugin leaves secrets to the engine."""
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    @override
    def close(self) -> None:
        """Ends the `ssh` processes."""
        with self._lock:
            if self._daemon is not None:
                self._daemon.close()

    def _connected(self) -> Engine:
        with self._lock:
            if self._daemon is None:
                self._daemon = self._connect()
            return self._daemon

    def _connect(self) -> Engine:
        host, options = self._configuration.get("host"), self._configuration.get("sshOpts")
        if not isinstance(host, str):
            raise Failure("failed to create Docker client: the provider has no host")
        given = [o for o in options if isinstance(o, str)] if isinstance(options, list) else []
        try:
            daemon = Engine(host, given)
            _ = daemon.version  # the official plugin pings first
        except DockerError as error:
            raise Failure(f"failed to create Docker client: {error}") from error
        return daemon


def _plain(properties: Properties) -> Properties:
    """A provider's inputs: whatever is not a string arrives as JSON text."""
    return {name: _decoded(name, value) for name, value in properties.items()}


def _decoded(name: str, value: Value) -> Value:
    if name in ("host", *PASSED_ALONG) or not isinstance(value, str):
        return value
    try:
        decoded: Value = json.loads(value)
    except ValueError:
        return value
    return decoded


def _encoded(value: Value) -> Value:
    """As Go's encoder writes it, so that the same options are the same text."""
    if isinstance(value, str) or value is UNKNOWN:
        return value
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
