"""Reusable components: thin resources around the pure model and the programs that run elsewhere.

- ``docker_tunnel``: ``host_look`` first, then ``egress_firewall``, ``newt_container`` with
  ``newt_credentials``, and ``egress_proof``.
- ``kubernetes_tunnel``: ``cluster_look`` first, then ``egress_policy``, ``policy_proof`` and
  ``newt_release`` with its ``chart_values``; ``cluster_results`` looks once more at the end.
  ``repair`` carries the result of the first look to all of them.

Import what you need from its module, so that a stack loads only the SDK of its own platform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from newt_tunnel.settings.secrets import Secrets
from newt_tunnel.settings.stack import KubernetesSettings, Settings

if TYPE_CHECKING:
    from components.docker_tunnel import DockerTunnel
    from components.kubernetes_tunnel import KubernetesTunnel

__all__ = ["tunnel_for"]


def tunnel_for(
    name: str, settings: Settings | KubernetesSettings, secrets: Secrets
) -> DockerTunnel | KubernetesTunnel:
    """Declare the tunnel of the stack's platform. Only that platform's SDK is imported."""
    if isinstance(settings, KubernetesSettings):
        from components.kubernetes_tunnel import KubernetesTunnel

        return KubernetesTunnel(name, settings, secrets)
    from components.docker_tunnel import DockerTunnel

    return DockerTunnel(name, settings, secrets)
