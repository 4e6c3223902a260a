"""A real Kubernetes node in the lab: read `layout.py` first, then `cluster.py`."""

from .cluster import Cluster

__all__ = ["Cluster"]
