"""newt, locked down: read the stack file, build its tunnel, export what newt may reach."""

import pulumi

from components import DockerTunnel
from settings.load import load

settings, secrets = load()
tunnel = DockerTunnel("newt-tunnel", settings, secrets)

pulumi.export("reach", tunnel.reach)
pulumi.export("host", tunnel.host)
pulumi.export("firewall", tunnel.firewall)
pulumi.export("proof", tunnel.proof)
pulumi.export("verify", tunnel.verify)
