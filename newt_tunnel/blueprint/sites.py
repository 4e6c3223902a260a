"""The site that a target or a resource belongs to.

Without one it belongs to the newt that applies the blueprint, which is assumed to be this stack's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from newt_tunnel.blueprint.fields import Fields
from newt_tunnel.blueprint.unusable import Unusable
from newt_tunnel.findings import MISSING, Finding, info

SITE_IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"


@dataclass(frozen=True)
class Site:
    """The site of the stack's newt, by Pangolin's identifier; None if the stack has none."""

    name: str | None

    def owns(self, name: str, where: str) -> bool:
        if self.name is None:
            raise Unusable(
                where,
                name,
                "is a site, and the stack does not say which is its own; write its identifier "
                "as the stack's blueprint.site",
            )
        return name == self.name


def not_ours(target: Fields, site: Site) -> Finding | None:
    """Return a remark if the target, which has one site at most, is another site's."""
    if "site" not in target:
        return None
    where = f"{target.where}.site"
    name = _identifier(target["site"], where)
    return None if site.owns(name, where) else _skipped(target.where, [name])


def none_ours(resource: Fields, site: Site) -> Finding | None:
    """Return a remark if no site of the private resource is this stack's."""
    names = [
        _identifier(name, f"{resource.where}.sites[{index}]")
        for index, name in enumerate(resource.items("sites"))
    ]
    if "site" in resource:
        names.append(_identifier(resource["site"], f"{resource.where}.site"))
    owned = [site.owns(name, f"{resource.where}.sites") for name in names]
    return None if not names or any(owned) else _skipped(resource.where, names)


def _identifier(value: object, where: str) -> str:
    # The name appears in logs, so only an identifier is accepted.
    if not isinstance(value, str) or not re.fullmatch(SITE_IDENTIFIER, value):
        raise Unusable(
            where,
            MISSING if value is None else value,
            "is not the identifier of a site; copy it from Pangolin, and write it as text",
        )
    return value


def _skipped(where: str, names: list[str]) -> Finding:
    return info(where, f"skipped: it belongs to another site, {', '.join(names)}")
