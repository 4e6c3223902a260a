"""newt, locked down: read the stack file, build its tunnel, export what newt may reach."""

import pulumi

from components import interrupt, tunnel_for
from newt_tunnel.settings.load import load

interrupt.hide_traceback()
tunnel = tunnel_for("newt-tunnel", *load())

pulumi.export("reach", tunnel.reach)
pulumi.export("host", tunnel.host)
pulumi.export("firewall", tunnel.firewall)
pulumi.export("proof", tunnel.proof)
pulumi.export("verify", tunnel.verify)
