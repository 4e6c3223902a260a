"""The resource `docker:index/container:Container`.

Owns its life on the host: create, connect, upload, start, wait; what an update really changes
(memory, CPU shares and set, restart policy, nothing else); stop and remove. What Docker is asked to
make is in `container_spec`, what is read back in `container_state`.
"""

import base64
import io
import tarfile
import time
from pathlib import Path

from typing_extensions import override

from tests.standins.docker.attributes import flag, number, objects, strings, text, without_empty
from tests.standins.docker.bridged import Draft, Work
from tests.standins.docker.container_spec import MEGABYTE, megabytes, specification
from tests.standins.docker.container_state import attributes_of
from tests.standins.docker.engine_api import DockerError, Engine
from tests.standins.docker.image import find_image
from tests.standins.docker.schema import CONTAINER
from tests.standins.resource import Failure
from tests.standins.values import Properties

WAIT_PAUSE_SECONDS = 1
# The attributes that reach a running container; any other is an update in state only.
UPDATABLE = (
    "restart",
    "maxRetryCount",
    "cpuShares",
    "memory",
    "memoryReservation",
    "cpuSet",
    "memorySwap",
)


class Container(Work):
    """The work on the host."""

    schema = CONTAINER
    own_name = True

    @override
    def create(self, engine: Engine, draft: Draft) -> None:
        """Creates it on the default network, moves it, uploads, starts, waits for its health."""
        wanted = draft.wanted
        image = text(wanted, "image")
        try:
            find_image(engine, image)
        except DockerError as error:
            message = f"Unable to create container with image {image}: {error}"
            raise DockerError(message, error.status) from error
        body = specification(wanted, engine.version)
        try:
            answer = engine.post("/containers/create", body, name=text(wanted, "name"))
        except DockerError as error:
            raise DockerError(f"Unable to create container: {error}", error.status) from error
        draft.identity = answer["Id"]
        _connect(engine, draft.identity, wanted)
        for upload in objects(wanted, "uploads"):
            _upload(engine, draft.identity, upload)
        if flag(wanted, "start"):
            _start(engine, draft.identity)
            if flag(wanted, "wait"):
                _wait_for_health(engine, draft.identity, number(wanted, "waitTimeout"))
        found = self.read(engine, draft.identity, wanted)
        draft.found = found[1] if found else {}

    @override
    def read(
        self, engine: Engine, identity: str, state: Properties
    ) -> tuple[str, Properties] | None:
        """As Docker inspects it. Environment and labels are not looked at, nor are networks."""
        try:
            listed = engine.get("/containers/json", all="1")
        except DockerError as error:
            message = f"error fetching container information from Docker: {error}\n"
            raise DockerError(message, error.status) from error
        if all(container["Id"] != identity for container in listed):
            return None
        return identity, attributes_of(engine.get(f"/containers/{identity}/json"), state)

    @override
    def update(
        self, engine: Engine, identity: str, state: Properties, wanted: Properties
    ) -> tuple[str, Properties]:
        """Starts what stopped, and changes what Docker can change."""
        if flag(wanted, "mustRun") and not flag(state, "mustRun") and flag(wanted, "start"):
            _start(engine, identity)
        if any(state.get(name) != wanted.get(name) for name in UPDATABLE):
            body = without_empty(
                {
                    "CpuShares": number(wanted, "cpuShares"),
                    "Memory": number(wanted, "memory") * MEGABYTE,
                    "MemoryReservation": number(wanted, "memoryReservation") * MEGABYTE,
                    "MemorySwap": megabytes(number(wanted, "memorySwap")),
                    "CpusetCpus": text(wanted, "cpuSet"),
                }
            )
            body["RestartPolicy"] = {
                "Name": text(wanted, "restart"),
                "MaximumRetryCount": number(wanted, "maxRetryCount"),
            }
            try:
                engine.post(f"/containers/{identity}/update", body)
            except DockerError as error:
                message = f"Unable to update a container: {error}"
                raise DockerError(message, error.status) from error
        return identity, {}

    @override
    def delete(self, engine: Engine, identity: str, state: Properties) -> None:
        """Stops it, at once unless there is a grace time, and removes it with anonymous volumes."""
        grace = str(max(0, number(state, "destroyGraceSeconds")))
        with _tolerating(f"Error stopping container {identity}", "no such container"):
            engine.post(f"/containers/{identity}/stop", t=grace)
        volumes = "1" if flag(state, "removeVolumes") else "0"
        gone = ("no such container", "is already in progress")
        with _tolerating(f"Error deleting container {identity}", *gone):
            engine.delete(f"/containers/{identity}", v=volumes, force="1")
        condition = "removed" if flag(state, "rm") else "not-running"
        with _tolerating(f"Error waiting for container removal '{identity}'", *gone):
            engine.post(f"/containers/{identity}/wait", condition=condition)


class _tolerating:
    """Names the step in an error, and lets those pass that mean it was done already.

    Written small because it reads as a statement, like `contextlib.suppress`.
    """

    def __init__(self, step: str, *harmless: str) -> None:
        self._step = step
        self._harmless = harmless

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, DockerError):
            return False
        if any(words in str(error).lower() for words in self._harmless):
            return True
        raise DockerError(f"{self._step}: {error}", error.status) from error


def _connect(engine: Engine, identity: str, wanted: Properties) -> None:
    networks = objects(wanted, "networksAdvanced")
    if not networks:
        return
    with _tolerating(
        "Unable to disconnect the default network", "is not connected to the network bridge"
    ):
        engine.post("/networks/bridge/disconnect", {"Container": identity, "Force": False})
    for network in networks:
        name = text(network, "name")
        driver_options = dict(
            option.split("=", 1) for option in strings(network, "driverOpts") if "=" in option
        )
        addresses = {
            "IPv4Address": text(network, "ipv4Address"),
            "IPv6Address": text(network, "ipv6Address"),
            "LinkLocalIPs": strings(network, "linkLocalIps"),
        }
        endpoint = {
            "IPAMConfig": without_empty(addresses),
            **without_empty(
                {
                    "Aliases": strings(network, "aliases"),
                    "MacAddress": text(network, "macAddress"),
                    "DriverOpts": driver_options,
                    "GwPriority": number(network, "gwPriority"),
                }
            ),
        }
        with _tolerating(f"Unable to connect to network '{name}'"):
            engine.post(
                f"/networks/{name}/connect", {"Container": identity, "EndpointConfig": endpoint}
            )


def _upload(engine: Engine, identity: str, upload: Properties) -> None:
    given = [name for name in ("content", "contentBase64", "source") if text(upload, name)]
    if len(given) != 1:
        problem = (
            "one of 'content', 'content_base64', or 'source' must be set"
            if not given
            else "only one of 'content', 'content_base64', or 'source' can be set"
        )
        raise Failure(f"error with upload content: {problem}")
    data = _content(given[0], text(upload, given[0]))
    if permissions := text(upload, "permissions"):
        mode = int(permissions, 8)
    else:
        mode = 0o744 if flag(upload, "executable") else 0o644
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(text(upload, "file"))
        member.size, member.mode, member.mtime = len(data), mode, int(time.time())
        archive.addfile(member, io.BytesIO(data))
    with _tolerating("Unable to upload volume content"):
        engine.put_archive(identity, buffer.getvalue())


def _content(kind: str, value: str) -> bytes:
    if kind == "content":
        return value.encode()
    if kind == "contentBase64":
        return base64.b64decode(value)
    try:
        return Path(value).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Failure(f"could not read file: open {value}: {reason}") from error


def _start(engine: Engine, identity: str) -> None:
    with _tolerating("Unable to start container"):
        engine.post(f"/containers/{identity}/start")


def _wait_for_health(engine: Engine, identity: str, limit: int) -> None:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        health = engine.get(f"/containers/{identity}/json")["State"].get("Health")
        if health is None:
            raise Failure(
                "you have supplied a 'wait' argument, but the container does not have a healthcheck"
                " defined. Please remove the 'wait' argument or add a 'healthcheck' attribute"
            )
        if health["Status"] == "healthy":
            return
        time.sleep(WAIT_PAUSE_SECONDS)
    raise Failure("container failed to be in healthy state")
