"""Looking into a Kubernetes cluster: what is behind the names of the stack file.

``survey`` reads and looks up; ``reader`` is the only module that talks to the cluster, ``names``
the only one that asks for DNS, and everything else is pure. Changes nothing anywhere, and imports
no Pulumi.
"""

from cluster.aftermath import Unconfined, confirm_confined, job_logs
from cluster.errors import ClusterError, ClusterUnreachable, ClusterUnreadable
from cluster.findings import Finding, Level
from cluster.lookup import Lookup
from cluster.ours import OWNER, Owned, existing_objects, extra_access
from cluster.surveyor import survey, unread, unresolved

__all__ = [
    "OWNER",
    "ClusterError",
    "ClusterUnreachable",
    "ClusterUnreadable",
    "Finding",
    "Level",
    "Lookup",
    "Owned",
    "Unconfined",
    "confirm_confined",
    "existing_objects",
    "extra_access",
    "job_logs",
    "survey",
    "unread",
    "unresolved",
]
