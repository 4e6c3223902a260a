"""The stack file as text: what is known as keys, everything else as comments."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

import yaml

from newt_tunnel.findings import shown
from newt_tunnel.settings.docker import Services
from newt_tunnel.settings.newt import DEFAULT_IMAGE
from newt_tunnel.settings.schema import MODELINE
from newt_tunnel.tools.adopt.compose import mapping
from newt_tunnel.tools.adopt.compose_newt import ADDRESS, ComposeNewt, tree
from newt_tunnel.tools.adopt.suggestions import ServiceRemark, SuggestedEntry

_PREFIX = "newt-tunnel:"
_ORDER = ("platform", "pangolin", "newtId", "newt", "dns", "egress", "docker")
_WIDTH = 100
#: A compose file does not name the user who logs in. The section of the Docker host comes last.
_USER = (
    "    # root logs in. Another user in the group docker, root through sudo without a password:\n"
    "    # user: admin\n"
    "    # sudo: true"
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
            lines += _key(f"{_PREFIX}{key}", sections[key], 1)
    lines.append(_USER)
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
        case "newtId" if key not in keys and found.secret_key != "newtProvisioningKey":
            yield "  # Missing: the site's id."
            yield f"  # {_PREFIX}newtId: 2ix2t8xk22ubpfy"
        case "newt" if "newt.image" not in keys:
            yield f"  # The image is this program's own choice, {DEFAULT_IMAGE}."
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
    protocol = "" if entry.protocol == "tcp" else f", protocol: {_scalar(entry.protocol)}"
    place = f"host: {_scalar(address)}"
    if entry.container is not None:
        place = f"container: {_scalar(entry.container)}"
    return f"{{name: {_scalar(entry.name)}, {place}, port: {port}{protocol}}}"


def _key(key: str, value: object, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, dict):
        yield f"{indent}{key}:"
        for inner, item in value.items():
            yield from _key(str(inner), item, depth + 1)
    elif isinstance(value, list):
        yield f"{indent}{key}: [{', '.join(_scalar(item) for item in value)}]"
    elif value is None:
        yield f"{indent}# {key}: still to be written"
    else:
        yield f"{indent}{key}: {_scalar(value)}"


def _scalar(value: object) -> str:
    """Return YAML that reads back as ``value``, in quotes if needed."""
    if not isinstance(value, str):
        return json.dumps(value)
    plain = all(character.isalnum() or character in "._/:-" for character in value)
    try:
        if plain and value.isascii() and yaml.safe_load(f"[{value}]") == [value]:
            return value
    except yaml.YAMLError:
        pass
    return json.dumps(value)
