"""The NAS of the lab: the Docker host that the project locks down."""

from .disk import Disk
from .inits import Init, install
from .machine import Nas

__all__ = ["Disk", "Init", "Nas", "install"]
