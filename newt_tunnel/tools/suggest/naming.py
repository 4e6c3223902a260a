"""Names for suggested entries: of what the stack knows at that place already.

Owns whose name an address has: an entry's, a blueprint's resource's, or a host name's. Where nobody
knows it the address is the name.
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
    """Gives each entry a name that is free in ``settings``, and is not given again.

    ``resolution`` are the answers for names that the stack has; ``exposures`` are of a blueprint,
    the stack's or another.
    """

    settings: AnySettings
    resolution: Mapping[HostName, Sequence[IPv4Address]] = field(default_factory=dict)
    exposures: Sequence[Exposure] = ()

    def __post_init__(self) -> None:
        entries = (*self.settings.egress, *self.settings.must_not_reach)
        self._used = {entry.name for entry in entries} | Entry.reserved | Target.reserved

    def place(self, target: RefusedTarget) -> str:
        """The address; or its name, where the stack knows one that means this address alone."""
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
        """From what fits best to what always does."""
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
