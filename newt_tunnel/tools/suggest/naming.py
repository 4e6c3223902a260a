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
from newt_tunnel.tools.suggest.attempts import TELLING_LABELS
from newt_tunnel.tools.suggest.judging import Judged


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

    def place(self, judged: Judged) -> str:
        """The address; or its name, where the stack knows one that means this address alone."""
        destination = judged.destination
        for name, addresses in self.resolution.items():
            if list(addresses) == [destination]:
                return name
        return str(destination)

    def name(self, judged: Judged) -> str:
        base = next(self._known(judged))
        short = {"host": base, "port": _port(judged), "protocol": judged.protocol.value}
        name = next(name for name in candidates(short, alone=True) if name not in self._used)
        self._used.add(name)
        return name

    def _known(self, judged: Judged) -> Iterator[str]:
        """From what fits best to what always does."""
        place, destination = self.place(judged), str(judged.destination)
        exposed = [one for one in self.exposures if one.host.lower() in (place, destination)]
        for one in exposed:
            if any(port in ports for port in judged.ports for ports in one.ports):
                yield one.resource
        yield from (one.resource for one in exposed)
        for entry in self.settings.egress:
            if _place_of(entry) in (place, destination):
                yield entry.name
        if isinstance(judged.destination, Pods):
            labels = dict(judged.destination.labels)
            yield from (labels[key] for key in TELLING_LABELS if key in labels)
            yield judged.destination.namespace
        yield place


def _place_of(entry: Entry | Target) -> str | None:
    if isinstance(entry, Entry):
        return destination_text(entry.meaning)
    meaning = entry.meaning
    return str(meaning) if isinstance(meaning, str) else None


def _port(judged: Judged) -> str:
    return str(judged.ports[0])
