"""`make faults`: all that could go wrong around the cage, under a flood: a Docker host's, and then
that in a cluster.

First the flood without a cage, to know that it arrives, and then every fault in each arrangement.
Ends with a table and `N held, M broken` for each of the two; exit status 0 only if both M are 0,
and 3 when nothing could be measured here. `--evidence` writes what it found into docs/evidence.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.attack import evidence
from tests.attack.cluster import CAGED
from tests.attack.machines import legacy
from tests.attack.report import markdown, text
from tests.attack.siege import ARRANGEMENTS, FREE, Arrangement
from tests.engine.prepare import prepare
from tests.engine.versions import PLUGINS_OF
from tests.faults import report
from tests.faults.cluster import engine as cluster_engine
from tests.faults.cluster import trial as cluster_trial
from tests.faults.cluster.scene import Scene
from tests.faults.finding import Finding
from tests.faults.host import engine as host_engine
from tests.faults.host import trial as host_trial
from tests.host.rig import IMAGE, Host
from tests.lab import Lab
from tests.lab.fixtures import unavailable
from tests.lab.kubernetes import Cluster

DEFAULT_PREFIX = "ntfaults"
NOT_MEASURED = 3
HOST_COLUMNS = [each.name for each in (FREE, *ARRANGEMENTS)]
CLUSTER_COLUMNS = [FREE.name, CAGED]


@dataclass(frozen=True)
class Part:
    """What was found on one of the two; ``name`` is that of its part of docs/evidence.md."""

    name: str
    columns: Sequence[str]
    measured_on: str
    findings: Sequence[Finding]

    def show(self) -> None:
        table = report.table(self.findings, self.columns)
        conclusion = report.conclusion(self.findings)
        print(f"\n{text(table)}\n\nmeasured with {self.measured_on}\n{conclusion}", flush=True)

    def write(self) -> None:
        table = report.table(self.findings, self.columns)
        measured = f"Measured with {self.measured_on}."
        parts = (measured, f"```text\n{report.conclusion(self.findings)}\n```", markdown(table))
        evidence.write(self.name, "\n\n".join(parts))


def faults(*, with_host: bool, with_cluster: bool, write: bool) -> int:
    """The whole suite, or one half of it; returns the exit status."""
    broken = 0
    stacks = {"nas": with_host, "k3s-home": with_cluster}
    # Built before there is a lab that shares the machine.
    prepare(needed={plugin for stack in stacks if stacks[stack] for plugin in PLUGINS_OF[stack]})
    with Lab(os.environ.get("NEWT_LAB") or DEFAULT_PREFIX) as lab:
        for part in _parts(lab, with_host=with_host, with_cluster=with_cluster):
            part.show()
            if write:
                part.write()
            broken += report.held_and_broken(part.findings)[1]
    return int(broken > 0)


def _parts(lab: Lab, *, with_host: bool, with_cluster: bool) -> Iterator[Part]:
    if with_host:
        host = Host(lab)
        host.sh(f"docker pull --quiet {IMAGE}")
        measured_on = evidence.versions(host)
        yield Part("faults", HOST_COLUMNS, measured_on, list(_told(_on_host(host))))
    if with_cluster:
        with Cluster(lab) as cluster:
            found = list(_told(_in_cluster(lab, cluster)))
        yield Part("cluster-faults", CLUSTER_COLUMNS, evidence.cluster_versions(), found)


def _on_host(host: Host) -> Iterator[Finding]:
    yield from _with_the_tools(host, [each for each in ARRANGEMENTS if not each.legacy])
    with legacy(host):
        yield from _with_the_tools(host, [each for each in ARRANGEMENTS if each.legacy])


def _with_the_tools(host: Host, arrangements: Sequence[Arrangement]) -> Iterator[Finding]:
    """In the arrangements that the iptables of this host has."""
    yield from host_trial.control(host)
    for arrangement in arrangements:
        yield from host_trial.suffer(host, arrangement)
    yield from host_engine.suffer(host, arrangements)


def _in_cluster(lab: Lab, cluster: Cluster) -> Iterator[Finding]:
    scene = Scene(lab, cluster)
    with scene.namespace():
        yield cluster_trial.control(scene)
        yield from cluster_trial.suffer(scene)
    yield cluster_engine.suffer(lab, cluster)


def _told(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Says what has been done, because all of it takes many minutes."""
    started = time.monotonic()
    for finding in findings:
        print(f"{time.monotonic() - started:7.1f} s  {report.told(finding)}", flush=True)
        yield finding


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    half = parser.add_mutually_exclusive_group()
    half.add_argument("--no-cluster", action="store_true", help="the Docker host alone")
    half.add_argument("--no-host", action="store_true", help="the cluster alone")
    parser.add_argument(
        "--evidence", action="store_true", help="write what was measured into docs/evidence.md"
    )
    options = parser.parse_args()
    if reason := unavailable():
        print(f"nothing was measured: {reason}")
        return NOT_MEASURED
    return faults(
        with_host=not options.no_host,
        with_cluster=not options.no_cluster,
        write=options.evidence,
    )


if __name__ == "__main__":
    sys.exit(main())
