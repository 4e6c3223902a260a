"""The resource `docker:index/remoteImage:RemoteImage`, and the pull that a container needs too.

An image that the host has by tag, digest or id is never pulled. Pulls are anonymous: there is no
`registryAuth` in the stand-in.
"""

import base64
from typing import Any

from typing_extensions import override

from tests.standins.docker.attributes import flag, text
from tests.standins.docker.bridged import Draft, Work
from tests.standins.docker.engine_api import DockerError, Engine
from tests.standins.docker.schema import IMAGE
from tests.standins.values import Properties

ANONYMOUS = base64.urlsafe_b64encode(b"{}").decode()


class RemoteImage(Work):
    """The work on the host."""

    schema = IMAGE
    own_name = False

    @override
    def create(self, engine: Engine, draft: Draft) -> None:
        """Pulls what is missing."""
        name = text(draft.wanted, "name")
        image = _found(engine, name)
        draft.identity = image["Id"] + name
        found = self.read(engine, draft.identity, draft.wanted)
        if found:
            draft.identity, draft.found = found

    @override
    def read(
        self, engine: Engine, identity: str, state: Properties
    ) -> tuple[str, Properties] | None:
        """By name: a tag that was moved gives another identity."""
        name = text(state, "name")
        try:
            image = _local_image(engine, name)
        except DockerError as error:
            raise DockerError(
                f'resourceDockerImageRead: error looking up local image "{name}": {error}',
                error.status,
            ) from error
        if image is None:
            return None
        digest = _digest(name, image.get("RepoDigests") or [])
        return image["Id"] + name, {"imageId": image["Id"], "repoDigest": digest}

    @override
    def update(
        self, engine: Engine, identity: str, state: Properties, wanted: Properties
    ) -> tuple[str, Properties]:
        """Only options differ; the image is looked up again."""
        _found(engine, text(wanted, "name"))
        return self.read(engine, identity, wanted) or (identity, {})

    @override
    def delete(self, engine: Engine, identity: str, state: Properties) -> None:
        """Removes the name from the host, unless it is to be kept."""
        name = text(state, "name")
        if flag(state, "keepLocally") or _local_image(engine, name) is None:
            return
        force = "1" if flag(state, "forceRemove") else "0"
        try:
            engine.delete(f"/images/{name}", force=force)
        except DockerError as error:
            raise DockerError(f"Unable to remove Docker image: {error}", error.status) from error


def _found(engine: Engine, name: str) -> dict[str, Any]:
    try:
        return find_image(engine, name)
    except DockerError as error:
        message = f"Unable to read Docker image into resource: {error}"
        raise DockerError(message, error.status) from error


def find_image(engine: Engine, name: str) -> dict[str, Any]:
    """The image as the host lists it, pulled if it was missing."""
    image = _local_image(engine, name)
    if image is None:
        _pull(engine, name)
        image = _local_image(engine, name)
    if image is None:
        raise DockerError(f"unable to find or pull image {name}")
    return image


def _local_image(engine: Engine, name: str) -> dict[str, Any] | None:
    images: list[dict[str, Any]] = engine.get("/images/json")
    try:
        identity = engine.get(f"/images/{name}/json")["Id"]
    except DockerError as error:
        if error.not_found:
            return None
        raise DockerError(f"unable to inspect image {name}: {error}", error.status) from error
    return next((image for image in images if image["Id"] == identity), None)


def _pull(engine: Engine, name: str) -> None:
    repository, tag = _reference(name)
    try:
        # What goes wrong while layers are fetched is in the stream, which is not read: the look-up
        # that follows notices.
        engine.request(
            "POST",
            "/images/create",
            {"fromImage": repository, "tag": tag},
            headers={"X-Registry-Auth": ANONYMOUS},
        )
    except DockerError as error:
        message = f"unable to pull image {name}: error pulling image {name}: {error}"
        raise DockerError(message, error.status) from error


def _reference(name: str) -> tuple[str, str]:
    """Repository and tag; a digest wins over a tag."""
    rest, _, digest = name.partition("@")
    slash = rest.rfind("/")
    repository, colon, tag = rest[slash + 1 :].partition(":")
    repository = rest[: slash + 1] + repository
    repository = repository.removeprefix("docker.io/").removeprefix("library/")
    return repository, digest or (tag if colon else "latest")


def _digest(name: str, digests: list[str]) -> str:
    if len(digests) < 2:
        return digests[0] if digests else ""
    repository = name.partition(":")[0]
    return next((digest for digest in digests if digest.startswith(repository)), digests[0])
