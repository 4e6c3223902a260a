"""What follows from the look at a Docker host: whether it is fit, and the keys that it decides.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from newt_tunnel.egress.free_subnet import DEFAULT_SUBNET, free_subnet
from newt_tunnel.settings.docker import USUAL_FIREWALL, Docker
from newt_tunnel.tools.new import NewError
from newt_tunnel.tools.new.host_facts import HostFacts
from newt_tunnel.tools.new.outcome import fact

_AS_ROOT = "or log in as root: --user root"
_FIREWALL, _PERSISTENCE = "docker.firewall", "docker.persistence"
_DEFAULT = {
    _FIREWALL: USUAL_FIREWALL.value,
    _PERSISTENCE: str(Docker.model_fields["persistence"].default.value),
}


def refuse_unfit(found: HostFacts, address: str) -> None:
    """Raises ``NewError`` where newt cannot run in a cage there."""
    if found.docker is None:
        if found.why_not == "refused":
            raise NewError(
                f"{address}: {found.user} may not use Docker; there, run: sudo usermod -aG docker "
                f"{found.user}, and begin again ({_AS_ROOT})"
            )
        raise NewError(f"{address}: Docker {found.why_not}")
    if found.sudo == "asks":
        raise NewError(
            f"{address}: sudo asks {found.user} for a password, and Pulumi has no terminal there; "
            f"allow it without one, {_AS_ROOT}"
        )
    if found.sudo == "none":
        raise NewError(f"{address}: {found.user} is not root, and there is no sudo; {_AS_ROOT[3:]}")
    if not found.firewalls:
        raise NewError(f"{address}: neither nft nor iptables works there; install nftables")
    if not found.boot:
        raise NewError(
            f"{address}: neither systemd's docker.service nor cron runs there, so nothing would "
            "load the rules at a restart; install cron"
        )


def keys(found: HostFacts) -> Iterator[tuple[str, object]]:
    """Yield the keys that the host decides; a default that it can do is not written."""
    if _DEFAULT[_FIREWALL] not in found.firewalls:
        yield _FIREWALL, found.firewalls[0]
    if _DEFAULT[_PERSISTENCE] not in found.boot:
        yield _PERSISTENCE, found.boot[0]


def subnet(found: HostFacts, targets: tuple[IPv4Network, ...]) -> Iterator[tuple[str, object]]:
    """Yield newt's subnet unless the default is free on the host and holds none of ``targets``.

    Raises ``NewError`` if there is no free one.
    """
    free = free_subnet((*found.networks, *targets))
    if free is None:
        raise NewError("docker.subnet: no private /24 is free on the host; remove a Docker network")
    if free != DEFAULT_SUBNET:
        yield "docker.subnet", str(free)


def summary(found: HostFacts) -> Iterator[str]:
    """Yield what was found, a line each."""
    decided = dict(keys(found))
    yield fact("system", found.system)
    yield fact("Docker", str(found.docker))
    yield fact("firewall", " and ".join(found.firewalls))
    loaded = decided.get(_PERSISTENCE, _DEFAULT[_PERSISTENCE])
    yield fact("at boot", f"{loaded} loads the rules")
    yield fact("resolver", ", ".join(map(str, found.resolvers)) or "none that a container reaches")
    yield fact("subnet", f"{free_subnet(found.networks) or 'none'} is free")
    for newt in found.newts:
        yield fact("newt", f"{newt.image} runs in container {newt.container}")
        yield from (fact("", f"{name}={value}") for name, value in sorted(newt.settings.items()))
        unshown = [name for name in newt.variables if name not in newt.settings]
        if unshown:
            yield fact("", f"{', '.join(unshown)} (values not shown)")
    if not found.newts:
        yield fact("newt", "none runs")
