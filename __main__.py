"""newt, locked down: read the stack file, build its tunnel, export what newt may reach."""

import pulumi

from components import interrupted, tunnel_for
from newt_tunnel.settings.load import load

interrupted.say_nothing()
tunnel = tunnel_for("newt-tunnel", *load())

pulumi.export("reach", tunnel.reach)
pulumi.export("host", tunnel.host)
pulumi.export("firewall", tunnel.firewall)
pulumi.export("proof", tunnel.proof)
pulumi.export("verify", tunnel.verify)
