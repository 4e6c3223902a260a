"""The post's network as namespaces on one machine: read `topology.py` first, then `lab.py`."""

from .commands import LabError
from .lab import Lab
from .nas import Init

__all__ = ["Init", "Lab", "LabError"]
