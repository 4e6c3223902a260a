"""`pulumi up` of the real stack with other lists, while a pod with newt's label floods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from newt_tunnel.egress.network_policy import INSTANCE_LABEL
from tests.attack.cluster import CAGED, INSTANCE, running_pods
from tests.cluster.stack.guest import invited
from tests.demo.k3s_home import check_out, deployment
from tests.deployment import Deployment
from tests.engine.prepare import prepare
from tests.engine.versions import PLUGINS_OF
from tests.faults.cluster.flood import arguments, flooded
from tests.faults.finding import Finding, found
from tests.host.rig import POSTGRES
from tests.lab import Lab
from tests.lab.kubernetes import Cluster
from tests.stack.observe import wait_for_tunnel

NAME = "pulumi up with other lists"
GUEST = "flooding"
#: Like a pod of the proof: an update finds any other pod with newt's label, which has no hash of
#: the policy, and fails.
LABELS = {INSTANCE_LABEL: INSTANCE, "batch.kubernetes.io/job-name": GUEST}
#: A target that newt has not, and a forbidden target's other port.
ADDED: Sequence[Mapping[str, Any]] = (
    {"name": "wiki", "host": "10.0.1.50", "port": 3001},
    {"name": "postgres-admin", "host": POSTGRES, "port": 5433},
)


def suffer(lab: Lab, cluster: Cluster) -> Finding:
    """Deploys the example stack, and updates it under the flood."""
    made = deployment(lab, prepare(needed=PLUGINS_OF["k3s-home"]))
    check_out(made)
    made.up()
    try:
        pods = running_pods(cluster)
        with invited(cluster, GUEST, LABELS, arguments(pods)):
            flood = flooded(lab, cluster.node, pods)
            return found(CAGED, NAME, flood, lambda: _updated(made))
    finally:
        made.remove()


def _updated(made: Deployment) -> None:
    """Targets are added, and removed again."""
    before = made.setting("egress")
    for egress in ([*before, *ADDED], before[1:], before):
        made.edit(egress=egress)
        made.up()
        wait_for_tunnel(made.lab)
    made.preview("--expect-no-changes")
