"""The resource `docker:index/volume:Volume`: a change replaces it, and its data goes with it."""

from typing_extensions import override

from tests.standins.docker.attributes import (
    labels_from_map,
    labels_to_map,
    mapping,
    text,
    without_empty,
)
from tests.standins.docker.bridged import Draft, Work
from tests.standins.docker.engine_api import DockerError, Engine
from tests.standins.docker.schema import VOLUME
from tests.standins.docker.waiting import until_removed
from tests.standins.values import Properties


class Volume(Work):
    """The work on the host."""

    schema = VOLUME
    own_name = True

    @override
    def create(self, engine: Engine, draft: Draft) -> None:
        """Creates it; Docker adopts a volume that has the name already."""
        wanted = draft.wanted
        body = without_empty(
            {
                "Name": text(wanted, "name"),
                "Driver": text(wanted, "driver"),
                "DriverOpts": mapping(wanted, "driverOpts"),
                "Labels": labels_to_map(wanted),
            }
        )
        try:
            answer = engine.post("/volumes/create", body)
        except DockerError as error:
            raise DockerError(f"Unable to create volume: {error}", error.status) from error
        draft.identity = answer["Name"]
        found = self.read(engine, draft.identity, wanted)
        draft.found = found[1] if found else {}

    @override
    def read(
        self, engine: Engine, identity: str, state: Properties
    ) -> tuple[str, Properties] | None:
        """As Docker inspects it."""
        try:
            found = engine.get(f"/volumes/{identity}")
        except DockerError as error:
            if error.not_found:
                return None
            raise DockerError(f"Unable to inspect volume: {error}", error.status) from error
        return identity, {
            "name": found["Name"],
            "labels": labels_from_map(found["Labels"]),
            "driver": found["Driver"],
            "driverOpts": found["Options"] or {},
            "mountpoint": found["Mountpoint"],
        }

    @override
    def update(
        self, engine: Engine, identity: str, state: Properties, wanted: Properties
    ) -> tuple[str, Properties]:
        """Only cluster volumes can be changed, which the stand-in lacks."""
        return identity, {}

    @override
    def delete(self, engine: Engine, identity: str, state: Properties) -> None:
        """Waits while a container uses it."""
        until_removed(
            lambda: engine.delete(f"/volumes/{identity}", force="1"), "volume is in use", "in_use"
        )
