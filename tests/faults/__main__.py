"""`make faults`: all that could go wrong around the cage, under a flood: a Docker host's, and then
that in a cluster.

First the flood without a cage, to know that it arrives, and then every fault in each arrangement.
The Docker host has the newest engine, or the one that ENGINE names, or with `--all` each in turn.
Ends with a table and `N held, M broken` for each of the two; exit status 0 only if both M are 0,
and 3 when nothing could be measured here. `--evidence` writes what it found into docs/evidence.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence

from newt_tunnel.egress.limits import NETWORKS, RELOAD
from tests.attack import columns, evidence
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
from tests.lab.docker_engines import ENGINES, NEWEST, DockerEngine, chosen
from tests.lab.fixtures import unavailable
from tests.lab.kubernetes import Cluster

DEFAULT_PREFIX = "ntfaults"
NOT_MEASURED = 3
CLUSTER_COLUMNS = [FREE.name, CAGED]


def faults(
    engines: Sequence[DockerEngine], *, with_host: bool, with_cluster: bool, write: bool
) -> int:
    """The whole suite, or one half of it; returns the exit status."""
    prefix = os.environ.get("NEWT_LAB") or DEFAULT_PREFIX
    broken = 0
    stacks = {"nas": with_host, "k3s-home": with_cluster}
    # Built before there is a lab that shares the machine.
    prepare(needed={plugin for stack in stacks if stacks[stack] for plugin in PLUGINS_OF[stack]})
    measured: list[columns.Column] = []
    for engine in engines if with_host else ():
        with Lab(prefix, engine=engine) as lab:
            column, findings = _around_host(Host(lab), write=write)
        measured.append(column)
        broken += report.held_and_broken(findings)[1]
    if len(measured) > 1:
        print(f"\n{text(columns.table('fault', measured))}\n", flush=True)
    if with_cluster:
        with Lab(prefix, engine=engines[0]) as lab:
            broken += _around_cluster(lab, write=write)
    return int(broken > 0)


def _around_host(host: Host, *, write: bool) -> tuple[columns.Column, list[Finding]]:
    host.sh(f"docker pull --quiet {IMAGE}")
    findings = list(_told(_on_host(host)))
    column = report.column(host, findings)
    print(f"\n{text(columns.table('fault', [column]))}\n")
    print(f"measured with Docker {column.version}, {evidence.others(host)}")
    print("\n".join(column.said), flush=True)
    if write:
        kept = columns.keep(columns.FAULTS, [column])
        limits = (NETWORKS, RELOAD)
        shown = evidence.of_hosts("fault", kept, evidence.others(host), limits)
        evidence.write("faults", shown)
    return column, findings


def _around_cluster(lab: Lab, *, write: bool) -> int:
    """Returns how many faults broke the cage."""
    with Cluster(lab) as cluster:
        found = list(_told(_in_cluster(lab, cluster)))
    table = report.table(found, CLUSTER_COLUMNS)
    conclusion, measured_on = report.conclusion(found), evidence.cluster_versions()
    print(f"\n{text(table)}\n\nmeasured with {measured_on}\n{conclusion}", flush=True)
    if write:
        parts = (f"Measured with {measured_on}.", f"```text\n{conclusion}\n```", markdown(table))
        evidence.write("cluster-faults", "\n\n".join(parts))
    return report.held_and_broken(found)[1]


def _on_host(host: Host) -> Iterator[Finding]:
    offered = [each for each in ARRANGEMENTS if host.offers(each.rules)]
    yield from _with_the_tools(host, [each for each in offered if not each.legacy])
    with legacy(host):
        yield from _with_the_tools(host, [each for each in offered if each.legacy])


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
    parser.add_argument("--all", action="store_true", help="with every Docker engine")
    options = parser.parse_args()
    if reason := unavailable():
        print(f"nothing was measured: {reason}")
        return NOT_MEASURED
    return faults(
        ENGINES if options.all else [chosen(NEWEST)],
        with_host=not options.no_host,
        with_cluster=not options.no_cluster,
        write=options.evidence,
    )


if __name__ == "__main__":
    sys.exit(main())
