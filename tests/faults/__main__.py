"""`make faults`: everything that could go wrong around the cage of a Docker host, under a flood.

First the flood without a cage, to know that it arrives, and then every fault in each arrangement.
Ends with a table and `N held, M broken`; exit status 0 only if M is 0, and 3 when nothing could be
measured here. `--evidence` writes what it found into docs/evidence.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator

from tests.attack import evidence
from tests.attack.machines import legacy
from tests.attack.report import markdown, text
from tests.attack.siege import ARRANGEMENTS, FREE
from tests.faults import report
from tests.faults.finding import Finding
from tests.faults.host import engine
from tests.faults.host.trial import control, suffer
from tests.host.rig import IMAGE, Host
from tests.lab import Lab
from tests.lab.fixtures import unavailable

DEFAULT_PREFIX = "ntfaults"
NOT_MEASURED = 3
COLUMNS = [each.name for each in (FREE, *ARRANGEMENTS)]
PART = "faults"


def faults(*, write: bool) -> int:
    """The whole suite; returns the exit status."""
    with Lab(os.environ.get("NEWT_LAB") or DEFAULT_PREFIX) as lab:
        host = Host(lab)
        host.sh(f"docker pull --quiet {IMAGE}")
        measured_on = evidence.versions(host)
        findings = list(_told(_on_host(host)))
    table, conclusion = report.table(findings, COLUMNS), report.conclusion(findings)
    print(f"\n{text(table)}\n\nmeasured with {measured_on}\n{conclusion}")
    if write:
        measured = f"Measured with {measured_on}."
        parts = (measured, f"```text\n{conclusion}\n```", markdown(table))
        evidence.write(PART, "\n\n".join(parts))
    _, broken = report.held_and_broken(findings)
    return int(broken > 0)


def _on_host(host: Host) -> Iterator[Finding]:
    yield from control(host)
    for arrangement in ARRANGEMENTS:
        if not arrangement.legacy:
            yield from suffer(host, arrangement)
    yield from engine.suffer(host)
    with legacy(host):
        yield from control(host)
        for arrangement in ARRANGEMENTS:
            if arrangement.legacy:
                yield from suffer(host, arrangement)


def _told(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Says what has been done, because all of it takes many minutes."""
    started = time.monotonic()
    for finding in findings:
        print(f"{time.monotonic() - started:7.1f} s  {report.told(finding)}", flush=True)
        yield finding


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--evidence", action="store_true", help="write docs/evidence.md")
    options = parser.parse_args()
    if reason := unavailable():
        print(f"nothing was measured: {reason}")
        return NOT_MEASURED
    return faults(write=options.evidence)


if __name__ == "__main__":
    sys.exit(main())
