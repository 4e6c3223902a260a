"""What a preview of a cluster's stack costs, and the look-ups in it: beside an empty program's, and
beside that of one that only lists the same resources.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

from tests.bench import bare
from tests.bench.engine import Beside, entries
from tests.bench.figures import BARE, CLUSTER_PREVIEW, EMPTY, LOOK_UPS, OURS
from tests.bench.samples import Samples
from tests.demo.k3s_home import for_cluster
from tests.lab import Lab
from tests.lab.kubernetes import Cluster

_EMPTY_PROGRAM = """\
import pulumi
import pulumi_kubernetes

config = pulumi.Config("empty")
pulumi_kubernetes.Provider("cluster", kubeconfig=config.require_secret("kubeconfig"))
"""
# The look-ups as the program makes them, the cluster's client and its import included.
_LOOK_UPS = """\
import sys, yaml
from newt_tunnel import cluster
from newt_tunnel.settings.load import examine

config = yaml.safe_load(open("stacks/Pulumi.k3s-home.yaml"))["config"]
config = {key.partition(":")[2]: value for key, value in config.items()}
plain = {key: value for key, value in config.items() if "secure" not in str(value)}
settings = examine(plain).settings
found = cluster.survey(settings, sys.stdin.read())
assert found.policy is not None, found
"""
# The same without the look.
_NO_LOOK = _LOOK_UPS.partition("found =")[0]


class ClusterStack:
    """``with ClusterStack(lab, engine) as stack``: the example stack in a cluster, deployed."""

    def __init__(self, lab: Lab, engine: Mapping[str, str]) -> None:
        self._lab, self._engine = lab, engine
        self._held = contextlib.ExitStack()

    def __enter__(self) -> ClusterStack:
        try:
            cluster = self._held.enter_context(Cluster(self._lab))
            self._kubeconfig = cluster.kubeconfig.read_text()
            self._ours = for_cluster(self._lab, dict(self._engine), cluster)
            self._ours.check_out()
            self._ours.configure_cluster(self._kubeconfig)
            self._held.callback(self._ours.remove)
            self._empty, self._bare = (
                Beside(self._lab.workstation, self._ours.environment, name)
                for name in ("empty", "bare")
            )
            self._empty.write(_EMPTY_PROGRAM)
            self._held.callback(self._empty.remove)
            self._empty.set_secret("kubeconfig", self._kubeconfig)
            self._empty.up()
            self._bare.write(bare.PROGRAM)
            self._held.callback(bare.forget, self._bare)
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def deploy(self, size: int) -> None:
        """Another allow-list, of so many targets."""
        self._size = size
        self._ours.edit(egress=entries(size))
        self._ours.up()
        bare.list_resources(self._ours, self._bare)

    def measure(self, samples: Samples) -> None:
        """One round."""
        for arrangement, stack in (
            (EMPTY, self._empty),
            (BARE, self._bare),
            (OURS, self._ours),
        ):
            started = time.monotonic()
            stack.preview("--expect-no-changes")
            seconds = time.monotonic() - started
            samples.add(CLUSTER_PREVIEW, arrangement, self._size, "s", seconds)
        look_ups = self._seconds(_LOOK_UPS) - self._seconds(_NO_LOOK)
        samples.add(LOOK_UPS, OURS, self._size, "s", look_ups)

    def _seconds(self, program: str) -> float:
        started = time.monotonic()
        self._ours.workstation.run(
            [".venv/bin/python", "-c", program],
            stdin=self._kubeconfig,
            env=self._ours.environment,
            cwd=self._ours.folder,
        )
        return time.monotonic() - started
