"""Reads the text of a blueprint into everything that newt would dial for it.

Owns the sections and their old names; ``public`` and ``private`` read a resource.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set

from newt_tunnel.blueprint import private, public
from newt_tunnel.blueprint.document import Tree, parse
from newt_tunnel.blueprint.exposed import PRIVATE, PUBLIC, Exposure, Found
from newt_tunnel.blueprint.fields import Fields, resource_name
from newt_tunnel.blueprint.sites import Site
from newt_tunnel.blueprint.unusable import Unusable
from newt_tunnel.findings import MISSING, Finding, warning

#: Sections, each with the name it had before.
_OLD_NAMES = {PUBLIC: "proxy-resources", PRIVATE: "client-resources"}
_WITHOUT_TARGETS = ("public-policies", "sites")

_Item = Exposure | Finding | Unusable
_Reader = Callable[[str, Fields], Iterator[_Item]]


def read(text: str, *, site: str | None = None, all_ports: Set[str] = frozenset()) -> Found:
    """What the blueprint exposes at ``site``; in the order of the file. Never raises: problems are
    among the faults.
    """
    try:
        tree = parse(text)
    except Unusable as problem:
        return Found(faults=(problem.fault,))
    ours = Site(site)
    readers: dict[str, _Reader] = {
        PUBLIC: lambda name, fields: public.exposures(name, fields, ours),
        PRIVATE: lambda name, fields: private.exposures(name, fields, ours, all_ports),
    }
    items: list[_Item] = list(_unknown_sections(tree))
    for section, reader in readers.items():
        items += _section(tree, section, reader)
    items += _unused(all_ports, tree)
    return Found(
        exposures=tuple(item for item in items if isinstance(item, Exposure)),
        notes=tuple(item for item in items if isinstance(item, Finding)),
        faults=tuple(item.fault for item in items if isinstance(item, Unusable)),
    )


def _section(tree: Tree, section: str, reader: _Reader) -> Iterator[_Item]:
    new, old = (tree.get(name) for name in (section, _OLD_NAMES[section]))
    for name, resources in ((section, new), (_OLD_NAMES[section], old)):
        if resources is None:
            continue
        if not isinstance(resources, dict):
            yield Unusable(name, resources, "is not a map; write the resources below it")
            continue
        for key, values in resources.items():
            if name != section and isinstance(new, dict) and key in new:
                yield Unusable(f"{name}.{key}", None, f"is in {section} too; keep one of the two")
                continue
            yield from _resource(name, key, values, reader)


def _resource(section: str, key: str, values: object, reader: _Reader) -> Iterator[_Item]:
    try:
        name = resource_name(section, key)
        where = f"{section}.{name}"
        if not isinstance(values, dict):
            written = MISSING if values is None else values
            raise Unusable(where, written, "is not a map; write the resource's keys below")
        yield from reader(name, Fields(where, values))
    except Unusable as problem:
        yield problem


def _unknown_sections(tree: Tree) -> Iterator[Finding]:
    known = (*_OLD_NAMES, *_OLD_NAMES.values(), *_WITHOUT_TARGETS)
    if any(key not in known for key in tree):
        # Its name is not shown, because it may be a secret.
        yield warning("", f"a section is unknown and ignored; known are {', '.join(known)}")


def _unused(all_ports: Set[str], tree: Tree) -> Iterator[Unusable]:
    """Report each unused opt-in: it would silently apply to what is added or widened later."""
    resources = {
        key: values
        for name in (_OLD_NAMES[PRIVATE], PRIVATE)
        if isinstance(section := tree.get(name), dict)
        for key, values in section.items()
    }
    for name in sorted(all_ports):
        if name not in resources:
            remedy = "is no private resource of the blueprint; take it out"
        elif isinstance(values := resources[name], dict) and not private.has_every_port(
            Fields(f"{PRIVATE}.{name}", values)
        ):
            remedy = 'has no ports "*" in the blueprint; take it out'
        else:
            continue
        yield Unusable("allPorts", name, remedy)
