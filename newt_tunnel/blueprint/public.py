"""Public resources: what newt dials for each target, and for its health check."""

from __future__ import annotations

from collections.abc import Iterator

from newt_tunnel.blueprint.exposed import Exposure, Via
from newt_tunnel.blueprint.fields import Fields
from newt_tunnel.blueprint.sites import Site, not_ours
from newt_tunnel.blueprint.unusable import Unusable
from newt_tunnel.egress.model import Protocol
from newt_tunnel.findings import Finding, info, warning

_PROTOCOLS = {
    "http": Protocol.TCP,
    "tcp": Protocol.TCP,
    "udp": Protocol.UDP,
    # newt's browser gateway dials these.
    "ssh": Protocol.TCP,
    "rdp": Protocol.TCP,
    "vnc": Protocol.TCP,
}
INFERENCE = "inference"
_MODES = (*_PROTOCOLS, INFERENCE)
_METHODS = ("http", "https", "h2c")
_HEALTH_CHECKS = ("http", "tcp")
AUTH_DAEMONS = ("site", "remote", "native")
SERVED_BY_NEWT = "skipped: auth-daemon mode native is newt's own SSH server, which dials nothing"
DAEMON_STAYS_SHUT = (
    "the port of the remote auth daemon stays shut: newt dials it only with a key (AD_KEY) that "
    "this program does not give it"
)


def exposures(resource: str, fields: Fields, site: Site) -> Iterator[Exposure | Finding | Unusable]:
    """Everything ``fields`` exposes; a damaged target does not hide the others."""
    if not fields.switch("enabled", default=True):
        yield info(fields.where, "skipped: it has enabled: false")
        return
    # Pangolin uses the new name too if both are written.
    mode_key = "mode" if "mode" in fields else "protocol"
    mode = fields.choice(mode_key, _MODES)
    daemon = fields.section("auth-daemon")
    daemon_mode = daemon.choice("mode", AUTH_DAEMONS, "site") if daemon else None
    if mode == INFERENCE:
        yield fields.fault(
            mode_key,
            "leads to providers that the blueprint does not name as host and port; write what newt "
            "dials for it in egress, and keep the resource in another blueprint",
        )
        return
    if mode == "ssh" and daemon_mode == "native":
        yield info(fields.where, SERVED_BY_NEWT)
        return
    if mode == "ssh" and daemon_mode == "remote" and daemon:
        yield warning(daemon.where, DAEMON_STAYS_SHUT)
    for target in fields.sections("targets"):
        yield from _target(resource, target, mode, site)


def _target(
    resource: str, target: Fields, mode: str | None, site: Site
) -> Iterator[Exposure | Finding | Unusable]:
    try:
        if not target.switch("enabled", default=True):
            yield info(target.where, "skipped: it has enabled: false")
            return
        if other := not_ours(target, site):
            yield other
            return
        yield Exposure(
            where=target.where,
            resource=resource,
            via=Via.TARGET,
            host=target.text("hostname", "write the address or name that newt dials"),
            host_key="hostname",
            protocol=_protocol(target, mode),
            ports=(target.port("port", "write the port that newt dials"),),
            port_key="port",
        )
    except Unusable as problem:
        yield problem
    try:
        yield from _health_check(resource, target)
    except Unusable as problem:
        yield problem


def _protocol(target: Fields, mode: str | None) -> Protocol:
    if mode is not None:
        return _PROTOCOLS[mode]
    # The resource has targets only and is defined elsewhere; only HTTP has a method.
    if "method" in target:
        target.choice("method", _METHODS)
        return Protocol.TCP
    raise target.fault(
        "method",
        "without it, and without the resource's `mode`, TCP and UDP cannot be distinguished; "
        "write the mode with the resource",
    )


def _health_check(resource: str, target: Fields) -> Iterator[Exposure]:
    check = target.section("healthcheck")
    if check is None or not check.switch("enabled", default=True):
        return
    check.choice("mode", _HEALTH_CHECKS)
    yield Exposure(
        where=check.where,
        resource=resource,
        via=Via.HEALTH_CHECK,
        host=check.text("hostname", "write the address or name that newt checks"),
        host_key="hostname",
        # TCP for a UDP resource too: newt has no other check.
        protocol=Protocol.TCP,
        ports=(check.port("port", "write the port that newt checks"),),
        port_key="port",
    )
