"""`make attack`: everything that could break the cage, on a Docker host and in a cluster.

First the differential tests, then every attack: without a cage, to know that it arrives, and in
each arrangement. Ends with tables and `N held, M broken`; exit status 0 only if M is 0, and 3 when
nothing could be measured here. `--evidence` writes what it found into docs/evidence.md.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from tests.attack import cluster, cluster_differential, differential, evidence, report
from tests.attack.differential import MismatchError, Tally
from tests.attack.machines import legacy, without_proxy
from tests.attack.siege import (
    ARRANGEMENTS,
    FREE,
    WITHOUT_PROXY,
    Arrangement,
    Finding,
    besiege,
    besiege_otherwise,
)
from tests.host.rig import IMAGE, Host
from tests.lab import Lab
from tests.lab.fixtures import unavailable
from tests.lab.kubernetes import Cluster

DEFAULT_PREFIX = "ntattack"
PAIRS = 2000
NOT_MEASURED = 3
HOST_COLUMNS = [each.name for each in (FREE, *ARRANGEMENTS)]
CLUSTER_COLUMNS = [FREE.name, cluster.CAGED]


def attack(pairs: int, seed: int, *, with_cluster: bool, write: bool) -> int:
    """The whole suite; returns the exit status."""
    prefix = os.environ.get("NEWT_LAB") or DEFAULT_PREFIX
    on_bench = partial(differential.compare, pairs, seed, prefix)
    compared = [_compared("on a Docker host", pairs, seed, on_bench)]
    with Lab(prefix) as lab:
        host = Host(lab)
        measured_on = evidence.versions(host)
        on_host = list(_told(_on_host(host)))
        in_cluster: list[Finding] = []
        if with_cluster:
            with Cluster(lab) as enforced, cluster.Place(lab, enforced).prepared() as place:
                on_node = partial(cluster_differential.compare, place, pairs, seed)
                compared.append(_compared("in a cluster", pairs, seed, on_node))
                in_cluster += _told(cluster.besiege(place))
    host_table = report.table(on_host, HOST_COLUMNS)
    cluster_table = report.table(in_cluster, CLUSTER_COLUMNS)
    print(f"\n{report.text(host_table)}\n")
    if in_cluster:
        print(f"{report.text(cluster_table)}\n")
    for name, limits in report.limits_shown(on_host, ARRANGEMENTS).items():
        print(f"known limits of {name}:\n{limits}")
    print(f"measured with {measured_on}")
    for each in compared:
        print("\n".join(each.lines))
    print(report.conclusion([*on_host, *in_cluster], *compared))
    if write:
        of_host, of_cluster = compared
        evidence.write(evidence.HOST, evidence.of_host(measured_on, on_host, of_host, host_table))
        text = evidence.of_cluster(in_cluster, of_cluster, cluster_table)
        evidence.write(evidence.CLUSTER, text)
    _, broken = report.held_and_broken([*on_host, *in_cluster], *compared)
    return int(broken > 0)


def _compared(where: str, pairs: int, seed: int, compare: Callable[..., Tally]) -> report.Compared:
    print(f"differential test {where}: {pairs} pairs in each arrangement, seed {seed}", flush=True)
    tally = Tally()
    try:
        compare(tally=tally)
    except MismatchError as error:
        print(error, flush=True)
        return report.Compared(seed, tally, str(error))
    return report.Compared(seed, tally, "")


def _on_host(host: Host) -> Iterator[Finding]:
    host.sh(f"docker pull --quiet {IMAGE}")
    for arrangement in _on_machine(legacy=False):
        yield from besiege(host, arrangement)
        yield from besiege_otherwise(host, arrangement)
    with without_proxy(host):
        for arrangement in _on_machine(legacy=False):
            yield from besiege(host, arrangement, [WITHOUT_PROXY])
    with legacy(host):
        for arrangement in _on_machine(legacy=True):
            yield from besiege(host, arrangement)
            yield from besiege_otherwise(host, arrangement)


def _on_machine(*, legacy: bool) -> list[Arrangement]:
    return [each for each in (FREE, *ARRANGEMENTS) if each.legacy is legacy]


def _told(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Says what is being done, because all of it takes minutes."""
    started, doing = time.monotonic(), ""
    for finding in findings:
        now = f"{finding.arrangement}: {finding.circumstance}"
        if now != doing:
            print(f"{time.monotonic() - started:7.1f} s  {now}", flush=True)
            doing = now
        yield finding


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of policy and packet")
    parser.add_argument("--seed", type=int, default=None, help="of the differential test")
    parser.add_argument("--no-cluster", action="store_true", help="the Docker host alone")
    parser.add_argument("--evidence", action="store_true", help="write docs/evidence.md")
    options = parser.parse_args()
    if options.evidence and options.no_cluster:
        parser.error("--evidence takes the cluster, too: leave out --no-cluster")
    if reason := unavailable():
        print(f"nothing was measured: {reason}")
        return NOT_MEASURED
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    return attack(options.pairs, seed, with_cluster=not options.no_cluster, write=options.evidence)


if __name__ == "__main__":
    sys.exit(main())
