"""Reusable components: thin resources around the pure model and the programs that run elsewhere.

``docker_tunnel`` and ``kubernetes_tunnel`` are the platforms; import what you need from its module,
so that a stack loads only the SDK of its own platform.
"""

from components.choice import tunnel_for

__all__ = ["tunnel_for"]
