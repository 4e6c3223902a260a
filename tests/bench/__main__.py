"""`make bench`: what the cage costs, beside no cage and beside the blog post's script.

Prints every figure and the bounds, ends with `N held, M broken`, and writes all of it into
`bench.json`. The exit status is 0 only if no bound is missed by more than its tolerance, and 3 when
nothing could be measured here. `--evidence` also makes it the run that the documents show, and
`--docker` measures a Docker host alone: the cluster's figures stay those of the documents.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.attack import evidence
from tests.bench import cluster, engine, host, page
from tests.bench.figures import Figures, Verdict, conclusion, dump, load
from tests.bench.path import NewtsPath
from tests.bench.samples import Samples
from tests.engine.prepare import prepare, runs
from tests.engine.versions import PULUMI
from tests.host.rig import IMAGE, Host
from tests.lab import Lab
from tests.lab.fixtures import unavailable
from tests.lab.kubernetes.binaries import KUBERNETES
from tests.unit.docs import documents

DEFAULT_PREFIX = "ntbench"
WRITTEN = "bench.json"
ROUNDS = 5
#: Of what takes milliseconds.
MANY_ROUNDS = 21
NOT_MEASURED = 3


def bench(rounds: int, *, in_cluster: bool) -> Figures:
    samples = Samples()
    prefix = os.environ.get("NEWT_LAB") or DEFAULT_PREFIX
    environment = prepare(os.environ.get("PLUGINS", "auto"))  # builds before anything is measured
    with NewtsPath(prefix) as path:
        _repeat("the way through the cage", path.measure, samples, MANY_ROUNDS)
        _repeat("loading rules", path.measure_loading, samples, rounds)
    with Lab(prefix) as lab:
        nas = Host(lab)
        measured_on = {
            **evidence.versions_by_name(nas),
            "Pulumi": PULUMI,
            "plugins": "; ".join(f"{name} {what}" for name, what in runs(environment).items()),
        }
        nas.sh(f"docker pull --quiet {IMAGE}")
        _repeat("changes on the host", lambda s: host.measure(nas, s), samples, rounds)
        nas.reset()
        with engine.Stacks(lab, environment) as stacks:
            _repeat("pulumi", stacks.measure, samples, rounds)
        if not in_cluster:
            return Figures(measured_on, samples.figures).with_the_clusters_of(load(documents.BENCH))
        with cluster.ClusterStack(lab, environment) as stack:
            for size in engine.PREVIEW_SIZES:
                stack.deploy(size)
                _repeat(f"pulumi in a cluster, {size} targets", stack.measure, samples, rounds)
    return Figures({**measured_on, "Kubernetes": KUBERNETES}, samples.figures)


def _repeat(what: str, measure: Callable[[Samples], None], samples: Samples, rounds: int) -> None:
    started = time.monotonic()
    for n in range(1, rounds + 1):
        measure(samples)
        print(f"{time.monotonic() - started:7.1f} s  {what}, round {n} of {rounds}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="at least five, for medians")
    parser.add_argument("--evidence", action="store_true", help="write the documents' part, too")
    parser.add_argument("--docker", action="store_true", help="not the cluster's part")
    options = parser.parse_args()
    if options.rounds < ROUNDS:
        parser.error(f"--rounds {options.rounds}: a median of fewer than {ROUNDS} says little")
    if reason := unavailable():
        print(f"nothing was measured: {reason}")
        return NOT_MEASURED
    figures = bench(options.rounds, in_cluster=not options.docker)
    print(f"\n{page.text(figures)}\n")
    Path(WRITTEN).write_text(dump(figures))
    if options.evidence:
        documents.BENCH.write_text(dump(figures))
        documents.write()
    print(conclusion(figures.bounds))
    return int(any(bound.verdict is Verdict.BROKEN for bound in figures.bounds))


if __name__ == "__main__":
    sys.exit(main())
