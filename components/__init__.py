"""Reusable components: thin resources around the pure model and the host's programs."""

from components.docker_tunnel import DockerTunnel
from components.egress_firewall import EgressFirewall, EgressFirewallArgs
from components.egress_proof import EgressProof, EgressProofArgs
from components.newt_container import NewtContainer, NewtContainerArgs

__all__ = [
    "DockerTunnel",
    "EgressFirewall",
    "EgressFirewallArgs",
    "EgressProof",
    "EgressProofArgs",
    "NewtContainer",
    "NewtContainerArgs",
]
