"""Translates the newt of a compose file into keys of the stack file, and lists what is refused.

``settings`` validates the values; this module only maps them. Variables that neither have a key nor
are known to be harmless are left out, because any of them may be a secret.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from newt_tunnel.findings import shown
from newt_tunnel.settings import secrets
from newt_tunnel.settings.agent_table import AgentName
from newt_tunnel.settings.image import agent_of
from newt_tunnel.settings.load import examine
from newt_tunnel.settings.newt import LogLevel
from newt_tunnel.settings.nodes import CLOUD_NODES
from newt_tunnel.settings.pangolin_cloud import CLOUD
from newt_tunnel.tools.adopt import AdoptError, flags
from newt_tunnel.tools.adopt.compose import ComposeProject, ComposeService
from newt_tunnel.tools.adopt.refusals import CARRIED, IDENTITY, Refusal, refusals

ADDRESS = "docker.address"
_ON = ("true", "1")


@dataclass(frozen=True, kw_only=True)
class ComposeNewt:
    """``keys`` are dotted keys of the stack file with values that ``settings`` accepts."""

    service: str
    keys: Mapping[str, object]
    refused: tuple[Refusal, ...]
    #: The stack's secret that the file holds; None if there is none.
    secret_key: str | None
    secret: str = field(repr=False)


def find(project: ComposeProject, wanted: str | None = None) -> ComposeService:
    """Find newt's service. Raises ``AdoptError`` unless exactly one matches."""
    if wanted is not None:
        if wanted not in project.services:
            raise AdoptError(f"there is no service {wanted}; there are {_listed(project.services)}")
        return project.services[wanted]
    found = [service for service in project.services.values() if _is_newt(service)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise AdoptError(
            "no service looks like newt (its image, or PANGOLIN_ENDPOINT and NEWT_ID); "
            f"say which by --service: {_listed(project.services)}"
        )
    names = _listed(service.name for service in found)
    raise AdoptError(f"several services look like newt; say which by --service: {names}")


def compose_newt(
    project: ComposeProject, service: ComposeService, *, address: str | None = None
) -> ComposeNewt:
    """Translate ``service`` for the stack. ``address`` is the Docker host's."""
    said, refused = flags.variables(service)
    refused += refusals(service, said)
    keys = dict(_keys(service, project, said))
    if address:
        keys[ADDRESS] = address
    keys, log_level, objections = _validated(keys)
    for one in objections:
        # The address comes from this command, not from the old set-up.
        if address and one.what == f"{ADDRESS}: {address}":
            raise AdoptError(f"ADDRESS {shown(address)}: {one.why}")
    refused += objections
    given = {
        secrets.NEWT_SECRET: said.get("NEWT_SECRET", ""),
        secrets.PROVISIONING_KEY: said.get("NEWT_PROVISIONING_KEY", ""),
    }
    # newt takes id and secret too if all are set.
    key = next((name for name, value in given.items() if value), None)
    if key == secrets.PROVISIONING_KEY:
        keys.pop("newtId", None)
        for problem in secrets.kept_from_logs({key}, log_level):
            refused.append(Refusal(f"{problem.key}: {problem.value}", problem.remedy))
            del keys[problem.key]
    return ComposeNewt(
        service=service.name,
        keys=keys,
        refused=tuple(dict.fromkeys(refused)),
        secret_key=key,
        secret=given[key] if key else "",
    )


def _is_newt(service: ComposeService) -> bool:
    if _is_vpn_client(service):
        return False
    said, _ = flags.variables(service)
    return _agent(service) is not None or not IDENTITY.isdisjoint(said)


def _agent(service: ComposeService) -> AgentName | None:
    """The agent by the image's name, or by the program that the command line names."""
    program = [word.rpartition("/")[2] for word in _before_flags(service)]
    named = (name for name in AgentName if name.value in program)
    return agent_of(service.text("image")) or next(named, None)


def _is_vpn_client(service: ComposeService) -> bool:
    """Whether the image of pangolin-cli starts its other mode (fosrl/cli, entrypoint.sh)."""
    by_variables = {"CLIENT_ID", "CLIENT_SECRET"} <= service.environment.keys()
    return by_variables or "client" in _before_flags(service)


def _before_flags(service: ComposeService) -> list[str]:
    return list(itertools.takewhile(lambda word: not word.startswith("-"), service.words))


def _keys(
    service: ComposeService, project: ComposeProject, said: Mapping[str, str]
) -> Iterator[tuple[str, object]]:
    if endpoint := said.get("PANGOLIN_ENDPOINT"):
        yield "pangolin.endpoint", endpoint.rstrip("/")
        if addresses := _extra_hosts(service, endpoint):
            yield "pangolin.addresses", addresses
        # Of a site without the cloud's nodes, the compose file does not say which are left.
        if _host(endpoint) == CLOUD.endpoint and said.get("NO_CLOUD", "").lower() not in _ON:
            yield "pangolin.nodes", CLOUD_NODES
    if newt_id := said.get("NEWT_ID"):
        yield "newtId", newt_id
    agent = _agent(service)
    if agent is not None and agent is not AgentName.NEWT:
        yield "agent.name", agent.value
    if image := service.text("image"):
        yield "agent.image", image
    if level := said.get("LOG_LEVEL"):
        yield "newt.logLevel", level
    # newt's own default is on; here a switch is on only where the file says so.
    for variable, key in (("DISABLE_CLIENTS", "newt.clients"), ("DISABLE_SSH", "newt.ssh")):
        if said.get(variable, "").lower() in ("false", "0"):
            yield key, True
    for name in sorted(said.keys() & CARRIED):
        yield f"newt.environment.{name}", said[name]
    written = service.tree.get("dns")
    if written:
        yield "dns", [str(one) for one in (written if isinstance(written, list) else [written])]
    yield from _place(service, project)


def _place(service: ComposeService, project: ComposeProject) -> Iterator[tuple[str, object]]:
    """Yield network and address if they were fixed before."""
    for network, how in service.networks.items():
        for subnet in project.subnets.get(network, ())[:1]:
            yield "docker.subnet", subnet
            if address := how.get("ipv4_address"):
                yield "docker.newtAddress", str(address)
            return


def _host(endpoint: str) -> str:
    return endpoint.partition("://")[2].partition("/")[0].partition(":")[0].lower()


def _extra_hosts(service: ComposeService, endpoint: str) -> list[str]:
    written = service.tree.get("extra_hosts")
    pairs = (
        [(str(name), str(address)) for name, address in written.items()]
        if isinstance(written, dict)
        else [
            (parts[0], parts[-1])
            for one in (written if isinstance(written, list) else [])
            if (parts := re.split("[:=]", str(one), maxsplit=1))
        ]
    )
    return [address for name, address in pairs if name == _host(endpoint)]


def _validated(
    keys: Mapping[str, object],
) -> tuple[dict[str, object], LogLevel | None, list[Refusal]]:
    """Return the keys that ``settings`` accepts, newt's log level, and objections to the rest. A
    key that is still missing is no objection.
    """
    kept = dict(keys)
    refused: list[Refusal] = []
    while True:
        found = examine(tree({"platform": "docker", **kept}))
        objections = {
            key: Refusal(f"{key}: {problem.value or ''}".rstrip(": "), problem.remedy)
            for problem in found.problems
            for key in kept
            if re.match(rf"{re.escape(key)}($|[.\[])", problem.key)
        }
        if not objections:
            return kept, found.facts.log_level, refused
        refused += objections.values()
        kept = {key: value for key, value in kept.items() if key not in objections}


def tree(keys: Mapping[str, object]) -> dict[str, object]:
    """``{"docker.subnet": …}`` as nested sections."""
    root: dict[str, object] = {}
    for key, value in keys.items():
        *sections, last = key.split(".")
        place = root
        for section in sections:
            inner = place.setdefault(section, {})
            assert isinstance(inner, dict)
            place = inner
        place[last] = value
    return root


def _listed(names: Iterable[str]) -> str:
    return ", ".join(shown(name) for name in names)
