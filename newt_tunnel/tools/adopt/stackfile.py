"""The stack file as text: what is known as keys, everything else as comments."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

from newt_tunnel.findings import shown
from newt_tunnel.settings.agent_table import AGENTS, AgentName
from newt_tunnel.settings.docker import Services
from newt_tunnel.settings.nodes import CLOUD_NODES
from newt_tunnel.settings.pangolin_cloud import CLOUD
from newt_tunnel.settings.schema import MODELINE
from newt_tunnel.tools.adopt.compose import mapping
from newt_tunnel.tools.adopt.compose_newt import ADDRESS, ComposeNewt, tree
from newt_tunnel.tools.adopt.suggestions import ServiceRemark, SuggestedEntry
from newt_tunnel.tools.yaml_lines import lines_of, scalar

_PREFIX = "newt-tunnel:"
_ORDER = ("platform", "pangolin", "newtId", "agent", "newt", "dns", "egress", "docker")
_WIDTH = 100
#: A compose file does not name the user who logs in, nor what the host has. The section of the
#: Docker host comes last.
_ON_HOST = (
    "    # root logs in. Another user in the group docker, root through sudo without a password:\n"
    "    # user: admin\n"
    "    # sudo: true\n"
    "    # A host without nft:\n"
    "    # firewall: iptables"
)
#: A placeholder for an unknown address; no host has this name.
UNKNOWN_ADDRESS = "<docker.address>"


def render(
    source: str,
    stack: str,
    found: ComposeNewt,
    suggested: Iterable[SuggestedEntry | ServiceRemark],
    store: str,
) -> str:
    """The file for ``stacks/Pulumi.STACK.yaml``. ``store`` is the command that stores the secret;
    the file never contains the secret itself.
    """
    origin = f"{shown(source)}, service {shown(found.service)}"
    lines = [
        MODELINE,
        f"# newt on a Docker host, taken over from {origin}.",
        *_steps(stack, found, store),
        *_refusals(found),
        "config:",
    ]
    sections = tree({"platform": "docker", "egress": [], **found.keys})
    sections["docker"] = {"address": None, "hostKey": None, **mapping(sections.get("docker"))}
    for key in _ORDER:
        lines += _note(key, found)
        if key == "egress":
            lines += _egress([*suggested], str(found.keys.get(ADDRESS, UNKNOWN_ADDRESS)))
        elif key in sections:
            lines += lines_of(f"{_PREFIX}{key}", sections[key], 1)
    lines.append(_ON_HOST)
    return "\n".join(lines) + "\n"


def _steps(stack: str, found: ComposeNewt, store: str) -> Iterator[str]:
    yield "#"
    yield f"# Save it as stacks/Pulumi.{stack}.yaml; then, from the directory of Pulumi.yaml:"
    yield f"#   pulumi stack init {stack}"
    address = found.keys.get(ADDRESS, "ADDRESS")
    scan = f"$(ssh-keyscan -t ed25519 {address} | cut -d ' ' -f 2-)"
    yield f'#   pulumi config set --path docker.hostKey "{scan}"'
    if found.secret_key is None:
        yield "# The secret is not in the compose file; this asks for it:"
        yield "#   pulumi config set --secret newtSecret"
    else:
        yield f"# This pipes {found.secret_key} into `pulumi config set --secret`. Set"
        yield "# PULUMI_CONFIG_PASSPHRASE before: Pulumi cannot ask for the passphrase then."
        yield f"#   {store}"
    yield "# docs/adopting.md goes on from there: the old newt must be gone before this one comes."


def _refusals(found: ComposeNewt) -> Iterator[str]:
    if found.refused:
        yield "#"
        yield "# Of the old set-up this is not taken over:"
    for refusal in found.refused:
        text = f"{refusal.what}: {refusal.why}"
        yield from textwrap.wrap(text, _WIDTH, initial_indent="#   - ", subsequent_indent="#     ")


def _note(key: str, found: ComposeNewt) -> Iterator[str]:
    keys = found.keys
    match key:
        case "pangolin" if "pangolin.endpoint" not in keys:
            yield "  # Missing: the server's URL."
            yield f"  # {_PREFIX}pangolin: {{endpoint: https://pangolin.example.com}}"
        case "pangolin" if str(keys["pangolin.endpoint"]).endswith(f"//{CLOUD.endpoint}"):
            yield "  # A newt of Pangolin Cloud gets no tunnel at the endpoint, but at nodes;"
            if "pangolin.nodes" in keys:
                yield f"  # {CLOUD_NODES}: {CLOUD}."
            else:
                yield "  # Missing in the section, because of NO_CLOUD: those of your own."
                yield "  #   nodes: [node.example.com]"
        case "newtId" if key not in keys and found.secret_key != "newtProvisioningKey":
            yield "  # Missing: the site's id."
            yield f"  # {_PREFIX}newtId: 2ix2t8xk22ubpfy"
        case "agent" if "agent.image" not in keys:
            kind = AGENTS[AgentName(keys.get("agent.name", AgentName.NEWT))]
            yield f"  # The image is this program's own choice, {kind.image}."
        case "dns" if key not in keys:
            yield "  # Missing: the resolvers that newt may ask, by address."
            yield f"  # {_PREFIX}dns: [10.0.1.53]"


def _egress(suggested: list[SuggestedEntry | ServiceRemark], address: str) -> Iterator[str]:
    every = [one for one in suggested if isinstance(one, SuggestedEntry)]
    entries = [one for one in every if one.container is None]
    named = [one for one in every if one.container is not None]
    yield "  # The allow-list: the targets that were entered in Pangolin, and nothing else."
    if every:
        yield "  # Remove the [] when you take the # off an entry below."
    yield f"  {_PREFIX}egress: []"
    if by_name := [one for one in named if not one.is_inside]:
        yield "  # Services that share a network with the old newt, by name as Pangolin dials them."
        yield f"  # Each joins {Services().network} in its compose file: docs/docker.md."
        yield from (f"  #  - {_entry(one, address)}" for one in by_name)
    if wanted := [one for one in entries if not one.is_inside]:
        yield "  # Services of the compose file that are published on the Docker host:"
        yield from (f"  #  - {_entry(one, address)}" for one in wanted)
    if inside := [one for one in every if one.is_inside]:
        yield "  # Databases and the like, better blocked for newt; the proof tries them:"
        yield f"  # {_PREFIX}mustNotReach:"
        yield from (f"  #  - {_entry(one, address)}" for one in inside)
    for one in suggested:
        if isinstance(one, ServiceRemark):
            yield f"  # {one.service}: {one.text}"


def _entry(entry: SuggestedEntry, address: str) -> str:
    port = entry.port if entry.port.isdigit() else json.dumps(entry.port)
    protocol = "" if entry.protocol == "tcp" else f", protocol: {scalar(entry.protocol)}"
    place = f"host: {scalar(address)}"
    if entry.container is not None:
        place = f"container: {scalar(entry.container)}"
    return f"{{name: {scalar(entry.name)}, {place}, port: {port}{protocol}}}"
