"""Who is in the post's network, where, and what each machine serves: the table to read first.

Owns names, addresses and services. How a machine is made is `network.py` (and `machine.py` for
those that are more than a namespace); what its services do is `services.py`.

                      router 10.0.1.1 ─────────────┐
    LAN 10.0.1.0/24, fd10:1::/64                   │  WAN 203.0.113.0/24, 198.51.100.0/24, fd20::/64
    workstation   .20  pulumi runs here            ├─ pangolin   203.0.113.10
    nas           .10  dockerd, sshd               └─ outsider 198.51.100.66
    gitea .50  homeassistant .100  printer .200
    postgres .60  resolver .53  registry .30
    charts .54  kube .40  kube-open .41    Kubernetes nodes, up when asked (kubernetes/)

There is no uplink: every address exists only in namespaces of the lab's own.
"""

from dataclasses import dataclass

LAN = "lan"
WAN = "wan"

# The router's address of each family on each segment; the first of a family is the gateway.
SEGMENTS: dict[str, tuple[str, ...]] = {
    LAN: ("10.0.1.1/24", "fd10:1::1/64"),
    WAN: ("203.0.113.1/24", "198.51.100.1/24", "fd20::1/64"),
}

CHARTS_ADDRESS = "10.0.1.54"
DOMAIN_CHARTS = "charts.fossorial.io"
DOMAIN_HOSTED = "app.pangolin.net"  # in no zone, until a test hosts Pangolin
DOMAIN_PANGOLIN = "pangolin.example.com"
NAS_ADDRESS = "10.0.1.10"
PANGOLIN_ADDRESS = "203.0.113.10"
REGISTRY_ADDRESS = "10.0.1.30"
REGISTRY_PORT = 5000
RESOLVER_ADDRESS = "10.0.1.53"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A machine's place in the network. Services are `kind://address:port` (see services.py)."""

    segment: str
    addresses: tuple[str, ...]
    gateways: tuple[str, ...]
    services: tuple[str, ...] = ()


def _lan(*addresses: str, services: tuple[str, ...] = ()) -> Place:
    return Place(
        segment=LAN,
        addresses=addresses,
        gateways=("10.0.1.1", "fd10:1::1"),
        services=services,
    )


def _wan(*addresses: str, gateway: str, services: tuple[str, ...] = ()) -> Place:
    return Place(segment=WAN, addresses=addresses, gateways=(gateway, "fd20::1"), services=services)


KUBE = "kube"
KUBE_OPEN = "kube-open"
ROUTER = "router"
ROUTER_SERVICES = ("http://10.0.1.1:80", "http://[fd10:1::1]:80", "banner://10.0.1.1:22")

PLACES: dict[str, Place] = {
    "workstation": _lan("10.0.1.20/24", "fd10:1::20/64"),
    "workstation2": _lan("10.0.1.21/24", "fd10:1::21/64"),
    # What else listens on the Docker host itself: its web UI, and something over UDP.
    "nas": _lan(
        f"{NAS_ADDRESS}/24",
        "fd10:1::10/64",
        services=("http://0.0.0.0:5000", "http://[::]:5000", "udp://0.0.0.0:5001"),
    ),
    "gitea": _lan(
        "10.0.1.50/24",
        "fd10:1::50/64",
        services=("http://10.0.1.50:3000", "http://[fd10:1::50]:3000", "udp://10.0.1.50:3000"),
    ),
    "homeassistant": _lan("10.0.1.100/24", services=("http://10.0.1.100:8123",)),
    "printer": _lan("10.0.1.200/24", services=("http://10.0.1.200:631",)),
    "postgres": _lan(
        "10.0.1.60/24",
        "fd10:1::60/64",
        services=("http://10.0.1.60:5432", "http://[fd10:1::60]:5432", "udp://10.0.1.60:5432"),
    ),
    "resolver": _lan(f"{RESOLVER_ADDRESS}/24"),
    "registry": _lan(f"{REGISTRY_ADDRESS}/24"),
    "charts": _lan(f"{CHARTS_ADDRESS}/24"),
    # Kubernetes nodes: with an enforcer of NetworkPolicies, and without.
    KUBE: _lan("10.0.1.40/24", "fd10:1::40/64", services=("banner://10.0.1.40:22",)),
    KUBE_OPEN: _lan("10.0.1.41/24", "fd10:1::41/64", services=("banner://10.0.1.41:22",)),
    "pangolin": _wan(f"{PANGOLIN_ADDRESS}/24", "fd20::10/64", gateway="203.0.113.1"),
    "outsider": _wan(
        "198.51.100.66/24",
        "fd20::66/64",
        gateway="198.51.100.1",
        services=(
            "dns://198.51.100.66:53",
            "http://198.51.100.66:443",
            "udp://198.51.100.66:443",
            "http://198.51.100.66:8000",
            "udp://198.51.100.66:8000",
            "http://[fd20::66]:8000",
            "udp://[fd20::66]:8000",
        ),
    ),
}

# What the resolver answers until a test turns it.
ZONE: dict[str, tuple[str, ...]] = {
    DOMAIN_CHARTS: (CHARTS_ADDRESS,),
    DOMAIN_PANGOLIN: (PANGOLIN_ADDRESS,),
    "gitea.lan": ("10.0.1.50",),
    "homeassistant.lan": ("10.0.1.100",),
    "jellyfin.lan": (NAS_ADDRESS,),
    "nas.lan": (NAS_ADDRESS,),
    "postgres.lan": ("10.0.1.60", "fd10:1::60"),
    "printer.lan": ("10.0.1.200",),
    "router.lan": ("10.0.1.1",),
}
