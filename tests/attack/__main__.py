"""`make attack`: everything that could break the cage, on a Docker host and in a cluster.

First the differential tests, then every attack: without a cage, to know that it arrives, and in
each arrangement. The Docker host has the newest engine, or the one that ENGINE names, or with
`--all` each of them in turn. Ends with tables and `N held, M broken`; exit status 0 only if M is 0,
and 3 when nothing could be measured here. `--evidence` writes what it found into docs/evidence.md.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from newt_tunnel.egress.limits import DOCKER_USER
from tests.attack import cluster, cluster_differential, columns, differential, evidence, report
from tests.attack.differential import MismatchError, Tally
from tests.attack.machines import legacy, without_proxy
from tests.attack.siege import (
    ARRANGEMENTS,
    FREE,
    WITHOUT_PROXY,
    Finding,
    besiege,
    besiege_otherwise,
    refused,
)
from tests.host.rig import IMAGE, Host
from tests.lab import Lab
from tests.lab.docker_engines import ENGINES, NEWEST, DockerEngine, chosen
from tests.lab.fixtures import unavailable
from tests.lab.kubernetes import Cluster

DEFAULT_PREFIX = "ntattack"
PAIRS = 2000
NOT_MEASURED = 3
CLUSTER_COLUMNS = [FREE.name, cluster.CAGED]


@dataclass(frozen=True)
class Scope:
    """What is measured; ``pairs`` are those of the differential tests, none: without them."""

    engines: Sequence[DockerEngine]
    with_host: bool
    with_cluster: bool
    pairs: int
    seed: int


def attack(scope: Scope, *, write: bool) -> int:
    """The whole suite; returns the exit status."""
    prefix = os.environ.get("NEWT_LAB") or DEFAULT_PREFIX
    held = broken = 0
    measured: list[columns.Column] = []
    if scope.with_host and scope.pairs:
        broken += _compare_on_bench(scope, prefix, write=write)
    for engine in scope.engines if scope.with_host else ():
        with Lab(prefix, engine=engine) as lab:
            column, findings = _attack_host(Host(lab), write=write)
        measured.append(column)
        held, broken = _added((held, broken), report.held_and_broken(findings))
    if len(measured) > 1:
        _show(measured)
    if scope.with_cluster:
        with Lab(prefix, engine=scope.engines[0]) as lab:
            held, broken = _added((held, broken), _attack_cluster(lab, scope, write=write))
    print(f"all in all: {held} held, {broken} broken")
    return int(broken > 0)


def _added(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def _compare_on_bench(scope: Scope, prefix: str, *, write: bool) -> int:
    """Without Docker, because the kernel judges; returns 1 where it differs from the model."""
    on_bench = partial(differential.compare, scope.pairs, scope.seed, prefix)
    compared = _compared("on a Docker host", scope, on_bench)
    print("\n".join(compared.lines), flush=True)
    if write:
        evidence.write(evidence.DIFFERENTIAL, evidence.of_bench(compared))
    return int(compared.mismatch != "")


def _attack_host(host: Host, *, write: bool) -> tuple[columns.Column, list[Finding]]:
    findings = list(_told(_on_host(host)))
    column = report.column(host, findings)
    _show([column])
    print(f"measured with Docker {column.version}, {evidence.others(host)}")
    print("\n".join(column.said), flush=True)
    if write:
        kept = columns.keep(columns.ATTACKS, [column])
        evidence.write(evidence.HOST, evidence.of_hosts("attack", kept, evidence.others(host)))
    return column, findings


def _show(measured: Sequence[columns.Column]) -> None:
    print(f"\n{report.text(columns.table('attack', measured))}\n")
    print(columns.limits(DOCKER_USER, measured), flush=True)


def _attack_cluster(lab: Lab, scope: Scope, *, write: bool) -> tuple[int, int]:
    """Returns how many attacks held, and how many broke the cage."""
    compared = []
    with Cluster(lab) as enforced, cluster.Place(lab, enforced).prepared() as place:
        if scope.pairs:
            on_node = partial(cluster_differential.compare, place, scope.pairs, scope.seed)
            compared.append(_compared("in a cluster", scope, on_node))
        found = list(_told(cluster.besiege(place)))
    table = report.table(found, CLUSTER_COLUMNS)
    print(f"\n{report.text(table)}\n\nmeasured with {evidence.cluster_versions()}")
    print("\n".join(line for each in compared for line in each.lines))
    print(report.conclusion(found, *compared), flush=True)
    if write:
        evidence.write(evidence.CLUSTER, evidence.of_cluster(found, compared, table))
    return report.held_and_broken(found, *compared)


def _compared(where: str, scope: Scope, compare: Callable[..., Tally]) -> report.Compared:
    seed = scope.seed
    print(f"differential test {where}: {scope.pairs} pairs, seed {seed}", flush=True)
    tally = Tally()
    try:
        compare(tally=tally)
    except MismatchError as error:
        print(error, flush=True)
        return report.Compared(seed, tally, str(error))
    return report.Compared(seed, tally, "")


def _on_host(host: Host) -> Iterator[Finding]:
    host.sh(f"docker pull --quiet {IMAGE}")
    offered = [each for each in (FREE, *ARRANGEMENTS) if host.offers(each.rules)]
    for arrangement in (each for each in offered if not each.legacy):
        yield from besiege(host, arrangement)
        yield from besiege_otherwise(host, arrangement)
    with without_proxy(host):
        for arrangement in (each for each in offered if not each.legacy):
            yield from besiege(host, arrangement, [WITHOUT_PROXY])
    with legacy(host):
        for arrangement in (each for each in offered if each.legacy):
            yield from besiege(host, arrangement)
            yield from besiege_otherwise(host, arrangement)
    for arrangement in ARRANGEMENTS:
        if arrangement not in offered and not arrangement.legacy:
            yield refused(host, arrangement)


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
    half = parser.add_mutually_exclusive_group()
    half.add_argument("--no-cluster", action="store_true", help="the Docker host alone")
    half.add_argument("--no-host", action="store_true", help="the cluster alone")
    parser.add_argument("--all", action="store_true", help="with every Docker engine")
    parser.add_argument("--evidence", action="store_true", help="write docs/evidence.md")
    options = parser.parse_args()
    if reason := unavailable():
        print(f"nothing was measured: {reason}")
        return NOT_MEASURED
    engines = ENGINES if options.all else [chosen(NEWEST)]
    scope = Scope(
        engines=engines,
        with_host=not options.no_host,
        with_cluster=not options.no_cluster,
        pairs=options.pairs,
        seed=secrets.randbelow(2**32) if options.seed is None else options.seed,
    )
    return attack(scope, write=options.evidence)


if __name__ == "__main__":
    sys.exit(main())
