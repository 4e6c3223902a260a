"""The resource `docker:index/network:Network`: every change replaces it."""

from typing_extensions import override

from tests.standins.docker.attributes import (
    flag,
    labels_from_map,
    labels_to_map,
    mapping,
    objects,
    text,
    without_empty,
)
from tests.standins.docker.bridged import Draft, Work
from tests.standins.docker.engine_api import DockerError, Engine
from tests.standins.docker.schema import NETWORK
from tests.standins.docker.waiting import until_removed
from tests.standins.resource import Failure
from tests.standins.values import Properties, Value


class Network(Work):
    """The work on the host."""

    schema = NETWORK
    own_name = True

    @override
    def create(self, engine: Engine, draft: Draft) -> None:
        """Creates it; a name that exists already is an error."""
        wanted = draft.wanted
        body = {
            "Name": text(wanted, "name"),
            "CheckDuplicate": True,
            "Driver": text(wanted, "driver"),
            "Options": mapping(wanted, "options"),
            "Labels": labels_to_map(wanted),
            "Internal": flag(wanted, "internal"),
            "Attachable": flag(wanted, "attachable"),
            "Ingress": flag(wanted, "ingress"),
            "IPAM": {
                "Driver": text(wanted, "ipamDriver"),
                "Options": mapping(wanted, "ipamOptions"),
                "Config": [_ipam(config) for config in objects(wanted, "ipamConfigs")],
            },
        }
        if flag(wanted, "ipv6"):
            body["EnableIPv6"] = True
        try:
            answer = engine.post("/networks/create", body)
        except DockerError as error:
            raise DockerError(f"Unable to create network: {error}", error.status) from error
        draft.identity = answer["Id"]
        found = self.read(engine, draft.identity, wanted)
        draft.found = found[1] if found else {}

    @override
    def read(
        self, engine: Engine, identity: str, state: Properties
    ) -> tuple[str, Properties] | None:
        """Any error means that it is gone: so does the official plugin."""
        try:
            found = engine.get(f"/networks/{identity}")
        except DockerError:
            return None
        configs: list[Value] = [
            {
                "subnet": config.get("Subnet") or "",
                "ipRange": config.get("IPRange") or "",
                "gateway": config.get("Gateway") or "",
                "auxAddress": config.get("AuxiliaryAddresses") or {},
            }
            for config in found["IPAM"]["Config"] or []
        ]
        return identity, {
            "name": found["Name"],
            "labels": labels_from_map(found["Labels"]),
            "driver": found["Driver"],
            "internal": found["Internal"],
            "attachable": found["Attachable"],
            "ingress": found["Ingress"],
            "ipv6": found["EnableIPv6"],
            "ipamDriver": found["IPAM"]["Driver"],
            "ipamOptions": found["IPAM"]["Options"] or {},
            "ipamConfigs": configs,
            "scope": found["Scope"],
            "options": found["Options"] or {},
        }

    @override
    def update(
        self, engine: Engine, identity: str, state: Properties, wanted: Properties
    ) -> tuple[str, Properties]:
        """There is nothing that could be changed."""
        raise Failure("doesn't support update")

    @override
    def delete(self, engine: Engine, identity: str, state: Properties) -> None:
        """Waits while containers are on it."""
        until_removed(
            lambda: engine.delete(f"/networks/{identity}"), "has active endpoints", "pending"
        )


def _ipam(config: Properties) -> dict[str, object]:
    return without_empty(
        {
            "Subnet": text(config, "subnet"),
            "IPRange": text(config, "ipRange"),
            "Gateway": text(config, "gateway"),
            "AuxiliaryAddresses": mapping(config, "auxAddress"),
        }
    )
