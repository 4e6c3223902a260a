"""Private resources: what newt dials for Pangolin's clients."""

from __future__ import annotations

from collections.abc import Iterator, Set

from newt_tunnel.blueprint.exposed import Exposure, Via
from newt_tunnel.blueprint.fields import EVERY_PORT, Fields
from newt_tunnel.blueprint.public import AUTH_DAEMONS, DAEMON_STAYS_SHUT, INFERENCE, SERVED_BY_NEWT
from newt_tunnel.blueprint.sites import Site, none_ours
from newt_tunnel.blueprint.unusable import Unusable
from newt_tunnel.egress.model import ALL_PORTS, SSH_PORT, PortRange, Protocol
from newt_tunnel.findings import Finding, info, warning

_SSH_PORT = PortRange.single(SSH_PORT)
_REFUSED = {
    "gateway": "lets clients go anywhere through newt, which is what the cage is there to prevent; "
    "expose what is needed as resources of mode host",
    INFERENCE: "leads to providers that the blueprint does not name as host and port; write what "
    "newt dials for it in egress, and keep the resource in another blueprint",
}
_TRANSPORTS = (Protocol.TCP, Protocol.UDP)
_MODES = ("host", "cidr", "http", "ssh", *_REFUSED)


def exposures(
    resource: str, fields: Fields, site: Site, all_ports: Set[str]
) -> Iterator[Exposure | Finding | Unusable]:
    """Everything ``fields`` exposes. ``all_ports`` are the resources whose ``*`` is intended."""
    if not fields.switch("enabled", default=True):
        yield info(fields.where, "skipped: it has enabled: false")
        return
    if other := none_ours(fields, site):
        yield other
        return
    mode = fields.choice("mode", _MODES)
    if mode is None:
        raise fields.fault("mode", "write host, cidr, http or ssh")
    if mode in _REFUSED:
        raise fields.fault("mode", _REFUSED[mode])
    daemon = fields.section("auth-daemon")
    daemon_mode = daemon.choice("mode", AUTH_DAEMONS, "site") if daemon else None
    if mode == "ssh":
        # Without a destination Pangolin takes it for newt's own, too.
        if daemon_mode == "native" or (daemon is None and "destination" not in fields):
            yield info(fields.where, SERVED_BY_NEWT)
            return
        if daemon_mode == "remote" and daemon:
            yield warning(daemon.where, DAEMON_STAYS_SHUT)
    host = fields.text(
        "destination",
        "write the block, like 10.0.1.0/28" if mode == "cidr" else "write the address or name",
    )
    for protocol, key, ports in _dialled(resource, fields, mode, all_ports):
        if isinstance(ports, Unusable):
            yield ports
        elif ports:
            yield Exposure(
                where=fields.where,
                resource=resource,
                via=Via.PRIVATE,
                host=host,
                host_key="destination",
                is_block=mode == "cidr",
                protocol=protocol,
                ports=ports,
                port_key=key,
            )


def _dialled(
    resource: str, fields: Fields, mode: str, all_ports: Set[str]
) -> Iterator[tuple[Protocol, str, tuple[PortRange, ...] | Unusable]]:
    if mode in ("http", "ssh"):
        key = "destination-port"
        port = (
            _SSH_PORT
            if mode == "ssh" and key not in fields
            else fields.port(key, "write the port that newt dials")
        )
        yield Protocol.TCP, key, (port,)
        return
    opted_in = resource in all_ports
    for protocol in _TRANSPORTS:
        key = f"{protocol.value}-ports"
        try:
            ports = fields.ports(key)
        except Unusable as problem:
            yield protocol, key, problem
            continue
        if ports is None and not opted_in:
            yield protocol, key, _every_port(fields, key, resource)
        else:
            yield protocol, key, (ALL_PORTS,) if ports is None else ports


def has_every_port(fields: Fields) -> bool:
    """Whether ``*`` is written for a protocol, or is the default. A damaged value is reported
    elsewhere.
    """
    if fields["mode"] in ("http", "ssh", *_REFUSED):
        return False
    try:
        return any(fields.ports(f"{protocol.value}-ports") is None for protocol in _TRANSPORTS)
    except Unusable:
        return True


def _every_port(fields: Fields, key: str, resource: str) -> Unusable:
    protocol = key.partition("-")[0].upper()
    what = "is" if key in fields else "is the default, and"
    return fields.fault(
        key,
        f'{what} every {protocol} port; write the ports, or "" for none, or name {resource} in the '
        "stack's blueprint.allPorts if that is intended",
        value=EVERY_PORT,
    )
