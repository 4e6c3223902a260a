"""Whether a firewall of newt-tunnel guards a container: the same host, network, address and bridge.

A deciding value that a preview does not know is ``Fit.UNKNOWN``. One that is not in the stack, like
the bridge of a network that was made elsewhere, is no fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from newt_tunnel.egress.model import SSH_PORT
from policies.fit import Fit, holds, same
from policies.kinds import COMMAND, NETWORK
from policies.view import UNKNOWN, Resource, at, items, text

#: The order to the host's program to load a declaration; see newt_tunnel/docker_host/payload.py.
_APPLY = re.compile(r"\bsh -s -- apply\b")
_DECLARATION = re.compile(r"<<'END-OF-DECLARATION'\n(.*?)^END-OF-DECLARATION$", re.DOTALL | re.M)
_DECLARED = re.compile(r"^((?:service)?(?:network|newt|bridge))=(\S+)$", re.MULTILINE)
_BRIDGE_OPTION = "com.docker.network.bridge.name"
#: Prefixes of what is declared of newt's own network, and of the one that it shares with services.
_LEGS = _OWN, _SERVICES = "", "service"
#: With these Docker puts a container on its default network, and the provider takes it off again.
_DEFAULT_MODES = (None, "", "default", "bridge")
#: Options by which ssh goes to another machine than the one in the address.
_ELSEWHERE = re.compile(r"-[pJWF]|(?:-o)?\s*(?i:hostname|port|proxyjump|proxycommand)\s*[= ]")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition, and the message if it is not met."""

    fit: Fit
    property: str
    value: object
    remedy: str


def is_firewall(resource: Resource) -> bool:
    """Whether a command is our firewall. Its script may not be known in a preview."""
    if resource.type != COMMAND:
        return False
    orders = [resource.at("create"), *filter(None, [resource.at("update")])]
    script = resource.at("stdin")
    return all(isinstance(one, str) and _APPLY.search(one) for one in orders) and (
        script is UNKNOWN or (isinstance(script, str) and "newt-egress" in script)
    )


def conditions(firewall: Resource, newt: Resource, resources: list[Resource]) -> list[Condition]:
    """Return all conditions for ``firewall`` to guard ``newt``."""
    declared = _declared(firewall)
    networks = newt.at("networksAdvanced")
    given = items(networks)
    legs = _legs(declared, networks)
    # A second network may be declared in a script that is not known yet.
    is_known = networks is not UNKNOWN and (declared is not None or len(given) != len(_LEGS))
    alone = holds(len(given) == len(legs)) if is_known else Fit.UNKNOWN
    guarded = (
        f"{firewall.name} guards {_text(declared, 'newt')} on network {_text(declared, 'network')}"
    )
    mode = newt.at("networkMode")
    return [
        Condition(
            fit=_same_host(firewall, newt.provider),
            property="provider",
            value=_host_text(newt.provider),
            remedy=f"{firewall.name} guards {at(firewall.at('connection'), 'host')}, and nothing "
            "shows that this is the same machine: let the provider's `host` and the firewall's "
            "connection name one address and port",
        ),
        Condition(
            fit=Fit.UNKNOWN if mode is UNKNOWN else holds(mode in _DEFAULT_MODES),
            property="networkMode",
            value=mode,
            remedy=f"{guarded} and nothing else: leave networkMode out",
        ),
        Condition(
            fit=min(
                alone,
                *(
                    _declared_as(declared, f"{leg}network", at(place, "name"))
                    for leg, place in legs
                ),
                *(
                    _declared_as(declared, f"{leg}newt", at(place, "ipv4Address"))
                    for leg, place in legs
                ),
            ),
            property="networksAdvanced",
            value=_networks_text(given),
            remedy=f"{guarded} and nothing else: put newt on that network alone, at that address",
        ),
        Condition(
            fit=min(
                _on_bridge(declared, leg, at(place, "name"), firewall, resources)
                for leg, place in legs
            ),
            property="networksAdvanced",
            value=_networks_text(given),
            remedy=f"{firewall.name} guards the bridge {_text(declared, 'bridge')}: declare the "
            f"network in this stack and on the same host, with the option {_BRIDGE_OPTION}",
        ),
    ]


def _declared(firewall: Resource) -> dict[str, str] | None:
    """None where a preview does not know it."""
    script = firewall.at("stdin")
    if script is UNKNOWN:
        return None
    found = _DECLARATION.search(script)
    return dict(_DECLARED.findall(found[1])) if found else {}


def _declared_as(declared: dict[str, str] | None, key: str, value: Any) -> Fit:
    if declared is None:
        return Fit.UNKNOWN
    return min(holds(key in declared), same(declared.get(key), value))


def _legs(declared: dict[str, str] | None, networks: Any) -> list[tuple[str, Any]]:
    """Return what is declared of each of newt's networks, by its prefix, with the place of newt's
    container that may be the one. UNKNOWN below an unknown list, too.
    """
    legs = [_OWN]
    if declared and f"{_SERVICES}network" in declared:
        legs.append(_SERVICES)
    return [(leg, at(networks, number)) for number, leg in enumerate(legs)]


def _on_bridge(
    declared: dict[str, str] | None,
    leg: str,
    name: Any,
    firewall: Resource,
    resources: list[Resource],
) -> Fit:
    fits = [
        min(
            same(one.at("name"), name),
            same(one.at("driver") or "bridge", "bridge"),
            _declared_as(declared, f"{leg}bridge", at(one.at("options"), _BRIDGE_OPTION)),
            _same_host(firewall, one.provider),
        )
        for one in resources
        if one.type == NETWORK
    ]
    return max(fits, default=Fit.NO)


def _same_host(firewall: Resource, docker: Resource | None) -> Fit:
    connection = firewall.at("connection")
    address = None if docker is None else docker.at("host")
    options = None if docker is None else docker.at("sshOpts")
    if UNKNOWN in (address, connection, options):
        return Fit.UNKNOWN
    if at(connection, "proxy") is not None or any(map(_leads_elsewhere, _words(options))):
        return Fit.NO
    try:
        place = urlsplit(address or "")
        port = place.port or SSH_PORT
    except ValueError:
        return Fit.NO
    # Of the two only the part of a URL comes in small letters.
    named = at(connection, "host")
    host = same(named.lower() if isinstance(named, str) else named, place.hostname)
    host = min(host, holds(place.hostname))
    if place.scheme != "ssh":
        return host
    return min(host, same(at(connection, "port") or SSH_PORT, port))


def _words(options: Any) -> list[Any]:
    """A provider keeps its lists as JSON."""
    if isinstance(options, str):
        try:
            options = json.loads(options)
        except ValueError:
            return []
    return items(options)


def _leads_elsewhere(word: Any) -> bool:
    return isinstance(word, str) and _ELSEWHERE.match(word) is not None


def _host_text(docker: Resource | None) -> str:
    host = None if docker is None else text(docker.at("host"))
    return host or "the Docker host of this machine"


def _text(declared: dict[str, str] | None, key: str) -> str:
    if declared is None:
        return "not known yet"
    return declared.get(key, "not declared")


def _networks_text(given: list[Any]) -> str:
    places = (f"{at(one, 'name')} ({at(one, 'ipv4Address') or 'any address'})" for one in given)
    return ", ".join(places) or "none"


def unknown(found: list[Condition]) -> Iterator[Condition]:
    return (one for one in found if one.fit is Fit.UNKNOWN)
