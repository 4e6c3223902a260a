"""A Kubernetes cluster: the targets behind the names of the stack file, and the objects that exist.

Changes nothing in a cluster, and imports no Pulumi. Four rooms, and ``survey`` that goes through
the first two::

    reading ─┬─► lookup ─► survey
             └─► state

- ``reading`` asks the API server and the resolver, and turns the answers into plain values.
- ``lookup`` follows every entry to what a policy can say.
- ``state`` compares existing objects with those of an update, before an update and after it.
- ``pod`` holds the shell programs that run in pods: the gate and the probe.

``text`` shortens lists and writes the kubectl command in messages.
"""

from newt_tunnel.cluster.lookup.limits import policy_too_large
from newt_tunnel.cluster.lookup.look_up import Lookup
from newt_tunnel.cluster.reading.client import ClusterError, ClusterUnreachable, ClusterUnreadable
from newt_tunnel.cluster.state.after_update import Unconfined, confirm_confined, job_logs
from newt_tunnel.cluster.state.drift import deny_as_there, deployed_digest, differences
from newt_tunnel.cluster.state.expected import (
    NAMESPACE,
    NETWORK_POLICY,
    OWNER,
    Difference,
    Expected,
)
from newt_tunnel.cluster.state.foreign import Owned, existing_objects, foreign_access
from newt_tunnel.cluster.state.generation import (
    GENERATION_ANNOTATION,
    generation,
    own_generation,
)
from newt_tunnel.cluster.state.policy_changes import changed_by_hand
from newt_tunnel.cluster.survey import survey, unread, unresolved

__all__ = [
    "GENERATION_ANNOTATION",
    "NAMESPACE",
    "NETWORK_POLICY",
    "OWNER",
    "ClusterError",
    "ClusterUnreachable",
    "ClusterUnreadable",
    "Difference",
    "Expected",
    "Lookup",
    "Owned",
    "Unconfined",
    "changed_by_hand",
    "confirm_confined",
    "deny_as_there",
    "deployed_digest",
    "differences",
    "existing_objects",
    "foreign_access",
    "generation",
    "job_logs",
    "own_generation",
    "policy_too_large",
    "survey",
    "unread",
    "unresolved",
]
