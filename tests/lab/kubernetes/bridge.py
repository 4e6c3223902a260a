"""The pods' network without an enforcer: a bridge, and NetworkPolicies that nobody reads."""

import json
from pathlib import Path

from .layout import PODS, Layout

CNI_PLUGINS = Path("/usr/lib/cni")
ADDRESSES = {
    "type": "host-local",
    "dataDir": "/run/ipam",
    "ranges": [[{"subnet": subnet}] for subnet in PODS],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
}
BRIDGE = {
    "type": "bridge",
    "bridge": "cni0",
    "isGateway": True,
    "ipMasq": True,
    "hairpinMode": True,
    "ipam": ADDRESSES,
}
PORTS = {"type": "portmap", "capabilities": {"portMappings": True}}


def prepare(layout: Layout) -> Path:
    """Writes the CNI's settings; returns the folder of its plugins."""
    conflist = {"cniVersion": "0.4.0", "name": "bridge", "plugins": [BRIDGE, PORTS]}
    layout.cni.mkdir(parents=True)
    (layout.cni / "10-bridge.conflist").write_text(json.dumps(conflist, indent=1))
    return CNI_PLUGINS
