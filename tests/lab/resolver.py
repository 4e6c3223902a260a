"""The LAN's resolver: dnsmasq, whose zone a test may turn while it runs."""

import os
import re
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from .commands import LabError
from .node import Node
from .processes import Processes
from .topology import RESOLVER_ADDRESS, ZONE

NAME = "resolver"
RELOAD_TIMEOUT = 5.0
POLL = 0.01
QUERY = re.compile(r"query\[(\w+)\] (\S+) from (\S+)$")


class Resolver:
    def __init__(self, folder: Path, node: Node, processes: Processes) -> None:
        self._folder = folder
        self._zone = folder / "zone"
        self._log = folder / "queries.log"
        self._node = node
        self._processes = processes

    def start(self) -> None:
        """Returns when it answers, with the zone as it is now."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._zone.exists():
            self._write(ZONE)
        mark = self.mark()
        self._processes.start(
            NAME,
            self._node.argv(
                [
                    "dnsmasq",
                    "--keep-in-foreground",
                    "--conf-file=/dev/null",
                    "--pid-file=",
                    "--user=root",  # it writes its log into the lab's folder
                    "--bind-interfaces",
                    f"--listen-address={RESOLVER_ADDRESS}",
                    "--no-resolv",
                    "--no-hosts",
                    f"--addn-hosts={self._zone}",
                    "--address=/#/",  # any name that is not in the zone does not exist
                    "--log-queries",
                    f"--log-facility={self._log}",
                ]
            ),
        )
        self._wait_for(f"read {self._zone}", mark)

    def stop(self) -> None:
        """The resolver fails: nobody answers any more, until `start`."""
        self._processes.end(NAME)

    def set(self, name: str, addresses: Iterable[str]) -> None:
        """From now on NAME resolves to exactly these addresses; to none, it does not exist."""
        self.replace({**self.zone(), name: tuple(addresses)})

    def reset(self) -> None:
        """The zone as it was when the lab came up."""
        self.replace(ZONE)

    def replace(self, zone: Mapping[str, Iterable[str]]) -> None:
        mark = self.mark()
        self._write(zone)
        if pid := self._processes.pid(NAME):
            os.kill(pid, signal.SIGHUP)
            self._wait_for(f"read {self._zone}", mark)

    def zone(self) -> dict[str, tuple[str, ...]]:
        zone: dict[str, tuple[str, ...]] = {}
        for line in self._zone.read_text().splitlines():
            address, name = line.split()
            zone[name] = (*zone.get(name, ()), address)
        return zone

    def mark(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def queries(self, mark: int = 0) -> list[tuple[str, str, str]]:
        """(type, name, source) of every question since the mark."""
        found = (QUERY.search(line) for line in self._since(mark))
        return [(match[1], match[2], match[3]) for match in found if match]

    def _write(self, zone: Mapping[str, Iterable[str]]) -> None:
        lines = [f"{address} {name}\n" for name in zone for address in zone[name]]
        self._zone.write_text("".join(lines))

    def _since(self, mark: int) -> list[str]:
        with self._log.open() as file:
            file.seek(mark)
            return file.read().splitlines()

    def _wait_for(self, text: str, mark: int) -> None:
        deadline = time.monotonic() + RELOAD_TIMEOUT
        while not (self._log.exists() and any(text in line for line in self._since(mark))):
            if time.monotonic() > deadline:
                raise LabError(f"dnsmasq did not say {text!r}: {self._processes.last_words(NAME)}")
            time.sleep(POLL)
