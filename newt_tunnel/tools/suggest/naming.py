"""Names for suggested entries, from what the stack knows about the target.

An address gets the name of an entry, of a blueprint's resource, or of a host. An unknown address is
its own name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from newt_tunnel.blueprint.exposed import Exposure
from newt_tunnel.egress.model import HostName, Pods, destination_text
from newt_tunnel.settings.entries import Entry, candidates
from newt_tunnel.settings.stack import AnySettings
from newt_tunnel.settings.targets import Target
from newt_tunnel.tools.suggest.assessment import RefusedTarget
from newt_tunnel.tools.suggest.attempts import TELLING_LABELS


@dataclass
class Names:
    """Gives each entry a name that is free in ``settings``, and not used again.

    ``resolution`` has the addresses of the stack's names; ``exposures`` come from a blueprint, the
    stack's or another.
    """

    settings: AnySettings
    resolution: Mapping[HostName, Sequence[IPv4Address]] = field(default_factory=dict)
    exposures: Sequence[Exposure] = ()

    def __post_init__(self) -> None:
        entries = (*self.settings.egress, *self.settings.must_not_reach)
        self._used = {entry.name for entry in entries} | Entry.reserved | Target.reserved

    def place(self, target: RefusedTarget) -> str:
        """Return the address, or its name if the stack has one for this address alone."""
        destination = target.destination
        for name, addresses in self.resolution.items():
            if list(addresses) == [destination]:
                return name
        return str(destination)

    def name(self, target: RefusedTarget) -> str:
        base = next(self._known(target))
        short = {"host": base, "port": _port(target), "protocol": target.protocol.value}
        name = next(name for name in candidates(short, alone=True) if name not in self._used)
        self._used.add(name)
        return name

    def _known(self, target: RefusedTarget) -> Iterator[str]:
        """Yield names from the best match to the one that always exists."""
        place, destination = self.place(target), str(target.destination)
        exposed = [one for one in self.exposures if one.host.lower() in (place, destination)]
        for one in exposed:
            if any(port in ports for port in target.ports for ports in one.ports):
                yield one.resource
        yield from (one.resource for one in exposed)
        for entry in self.settings.egress:
            if _place_of(entry) in (place, destination):
                yield entry.name
        if isinstance(target.destination, Pods):
            labels = dict(target.destination.labels)
            yield from (labels[key] for key in TELLING_LABELS if key in labels)
            yield target.destination.namespace
        yield place


def _place_of(entry: Entry | Target) -> str | None:
    if isinstance(entry, Entry):
        return destination_text(entry.meaning)
    meaning = entry.meaning
    return str(meaning) if isinstance(meaning, str) else None


def _port(target: RefusedTarget) -> str:
    return str(target.ports[0])
