"""Which tunnel a stack file asks for. Each platform's SDK is imported only where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newt_tunnel.settings.secrets import Secrets
from newt_tunnel.settings.stack import KubernetesSettings, Settings

if TYPE_CHECKING:
    from components.docker_tunnel import DockerTunnel
    from components.kubernetes_tunnel import KubernetesTunnel


def tunnel_for(
    name: str, settings: Settings | KubernetesSettings, secrets: Secrets
) -> DockerTunnel | KubernetesTunnel:
    """Declare the tunnel of the stack's platform."""
    if isinstance(settings, KubernetesSettings):
        from components.kubernetes_tunnel import KubernetesTunnel

        return KubernetesTunnel(name, settings, secrets)
    from components.docker_tunnel import DockerTunnel

    return DockerTunnel(name, settings, secrets)
