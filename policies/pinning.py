"""Checks that newt does not change by itself: images with a version, charts with an exact one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.charts import is_release
from policies.kinds import IMAGES
from policies.newt_resources import image_texts, is_image, is_newt
from policies.reasons import reason_for
from policies.view import UNKNOWN, Resource, Violation

#: Tags that are regularly moved to another image, and incomplete versions.
_MOVING = re.compile(r"latest|stable|edge|nightly|dev|main|master|v?[0-9]+(\.[0-9]+)?")
_EXACT = re.compile(r"v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_LOCAL = re.compile(r"\.{0,2}/")


def unpinned(resource: Resource) -> Iterator[Violation]:
    if not (is_newt(resource) or is_image(resource)):
        return
    for name, image in image_texts(resource):
        tag = _tag(image)
        if "@" not in image and (tag is None or _MOVING.fullmatch(tag)):
            yield Violation(
                resource=resource,
                property=name,
                value=image,
                remedy="names whatever is newest when it is pulled: write a whole version, like "
                "fosrl/newt:1.16.0",
            )
    if is_release(resource):
        yield from _unpinned_chart(resource)


def _unpinned_chart(release: Resource) -> Iterator[Violation]:
    chart, version = release.at("chart"), release.at("version")
    # A folder is what it is. A Release without a version shows the one that its provider found.
    is_local = isinstance(chart, str) and _LOCAL.match(chart)
    if is_local or UNKNOWN in (chart, version):
        return
    if not isinstance(version, str) or not _EXACT.fullmatch(version):
        yield Violation(
            resource=release,
            property="version",
            value=version or "(missing)",
            remedy="the chart's security settings have changed from version to version: write an "
            "exact one, like 1.5.0",
        )


def without_digest(resources: list[Resource]) -> Iterator[Violation]:
    """Find images without a digest: the registry can point a tag at another image."""
    for resource in resources:
        if not (is_newt(resource) or is_image(resource)) or reason_for(resource, "image"):
            continue
        pulled = any(one.type in IMAGES for one in resource.needs)
        for name, image in image_texts(resource):
            if "@sha256:" not in image and not pulled:
                yield Violation(
                    resource=resource,
                    property=name,
                    value=image,
                    remedy="has no digest: write agent.image with @sha256:..., or say why not in "
                    "reasons.image",
                )


def _tag(image: str) -> str | None:
    """None: Docker takes `latest`."""
    last = image.partition("@")[0].rpartition("/")[2]
    return last.partition(":")[2] or None
