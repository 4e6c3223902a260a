"""Looking into a Kubernetes cluster: what is behind the names of the stack file.

``survey`` reads and looks up; ``reader`` is the only module that talks to the cluster, ``names``
the only one that asks for DNS, and everything else is pure. Changes nothing anywhere, and imports
no Pulumi.
"""

from newt_tunnel.cluster.after_update import Unconfined, confirm_confined, job_logs
from newt_tunnel.cluster.difference import Difference, Made
from newt_tunnel.cluster.drift import (
    GENERATION_ANNOTATION,
    deny_as_there,
    deployed_digest,
    differences,
    generation,
    own_generation,
)
from newt_tunnel.cluster.errors import ClusterError, ClusterUnreachable, ClusterUnreadable
from newt_tunnel.cluster.existing import (
    OWNER,
    Owned,
    changed_by_hand,
    existing_objects,
    foreign_access,
)
from newt_tunnel.cluster.findings import Finding, Level
from newt_tunnel.cluster.lookup import Lookup
from newt_tunnel.cluster.survey import survey, unread, unresolved

__all__ = [
    "GENERATION_ANNOTATION",
    "OWNER",
    "ClusterError",
    "ClusterUnreachable",
    "ClusterUnreadable",
    "Difference",
    "Finding",
    "Level",
    "Lookup",
    "Made",
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
    "survey",
    "unread",
    "unresolved",
]
