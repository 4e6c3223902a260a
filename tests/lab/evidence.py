"""What the lab's services wrote down: the tests' evidence, taken on the target's side."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

POLL = 0.02


@dataclass(frozen=True, kw_only=True)
class Entry:
    time: float
    service: str
    event: str  # listening, ready, connected, received, closed, broken, datagram
    at: str  # address:port of the service
    source: str
    source_port: int
    bytes: int
    text: str


class EventLog:
    """The log of one machine's services (services.py writes it)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mark(self) -> int:
        """A place in the log: what `since` returns came later."""
        return self.path.stat().st_size if self.path.exists() else 0

    def since(self, mark: int = 0) -> list[Entry]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(mark)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]  # the last line may still be being written
        return [Entry(**json.loads(line)) for line in whole.splitlines()]

    def arrivals(self, mark: int = 0, source: str | None = None) -> list[Entry]:
        """Connections and datagrams since the mark, of one source if given."""
        return [
            entry
            for entry in self.since(mark)
            if entry.event in ("connected", "datagram") and source in (None, entry.source)
        ]

    def wait(self, event: str, mark: int = 0, timeout: float = 10.0) -> Entry:
        """The first entry of that event since the mark, as soon as it is there."""
        deadline = time.monotonic() + timeout
        while True:
            for entry in self.since(mark):
                if entry.event == event:
                    return entry
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {event!r} in {self.path} within {timeout:.0f} s")
            time.sleep(POLL)
