"""``python -m newt_tunnel suggest STACK``: what newt was refused, as entries for the allow-list.

On a Docker host asks the host, over SSH as the stack says; changes nothing there. In a cluster
reads flows from a file, which also show how often each entry was used. Exit status: 0 the list is
printed, 2 nothing could be read. See docs/suggest.md.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

from newt_tunnel.blueprint import reading
from newt_tunnel.blueprint.exposed import Exposure
from newt_tunnel.docker_host.payload import PROGRAM_PATH
from newt_tunnel.docker_host.ssh import HostKeyError, SshHost, UnreachableError
from newt_tunnel.egress.model import HostName
from newt_tunnel.egress.placeholders import address_text
from newt_tunnel.settings import policy
from newt_tunnel.settings.docker import Docker
from newt_tunnel.settings.files import expanded, within
from newt_tunnel.settings.stack import Settings
from newt_tunnel.stackfile import revisions, stacks, yaml_document
from newt_tunnel.tools.output import Say, complain
from newt_tunnel.tools.suggest import hubble, used
from newt_tunnel.tools.suggest.assessment import DockerHost, RefusedTarget, grouped
from newt_tunnel.tools.suggest.attempts import NotUnderstoodError, of_host
from newt_tunnel.tools.suggest.cluster import EXPLANATION, Cluster
from newt_tunnel.tools.suggest.entries import lines
from newt_tunnel.tools.suggest.naming import Names

LISTED, NOTHING_TO_READ = 0, 2

HostLook = Callable[[SshHost, str], str]

_NOT_EXPANDED = "not-expanded"

_WARNING = """\
# What newt of `{stack}` tried and was refused{since}.
# This is what newt TRIED, not what it needs: an attacker who controls newt chooses what is here.
# The proof's own tries are among it.
"""


def command(names: Iterable[HostName], instance: str) -> str:
    """Return the command for the host. It prints the owner of the rules, each of ``names`` with its
    addresses, an empty line, and what was refused.
    """
    program = f"{PROGRAM_PATH} --instance {instance}"
    lines = [shlex.quote(f"resolved {name} {address_text(name)}") for name in names]
    resolve = (
        f"printf '%s\\n' {' '.join(lines)} | {program} expand /dev/stdin || echo {_NOT_EXPANDED}; "
    )
    return "sh -c " + shlex.quote(
        f"[ -x {PROGRAM_PATH} ] || {{ echo 'has no rules of newt-tunnel' >&2; exit 1; }}; "
        f"{program} check | sed -n 's/^owner=/owner /p'; "
        f"{resolve if lines else ''}echo; {program} refused"
    )


class _NothingToReadError(Exception):
    """The text says why, and what to do about it."""


def main(
    arguments: Sequence[str],
    folder: Path | None = None,
    say: Say = print,
    look: HostLook = SshHost.look,
    complain: Say = complain,
) -> int:
    """``folder`` is the one of Pulumi.yaml; the current one by default."""
    options = _options(arguments)
    folder = folder or Path.cwd()
    state = revisions.WorkingTree(folder, prefix="")
    use: Sequence[str] = ()  # a Docker host's `newt-egress status` has counters
    try:
        project, settings = stacks.settings_of(options.stack, state)
        given = within(folder, options.blueprint) if options.blueprint else None
        exposures = _exposures(given or settings.blueprint.file, state)
        if isinstance(settings, Settings):
            if options.flows:
                raise _NothingToReadError("--flows is for clusters; a Docker host is asked itself")
            owner = f"{project.name}/{options.stack}"
            targets, names = _of_host(settings, options.stack, owner, exposures, look)
            since = " within a day, or since its rules were loaded"
        elif options.flows:
            namespace, now = settings.kubernetes.namespace, datetime.now(UTC)
            flows = [*_read(options.flows)]
            targets = grouped(hubble.attempts(flows, namespace, now), Cluster(settings).verdict_on)
            use = [*used.lines(settings, hubble.connections(flows, namespace, now))]
            names, since = Names(settings, exposures=exposures), ", as far as the flows show"
        else:
            namespace = settings.kubernetes.namespace
            complain(EXPLANATION.format(stack=options.stack, namespace=namespace).rstrip())
            return NOTHING_TO_READ
    except (stacks.NotLoadedError, NotUnderstoodError, _NothingToReadError) as error:
        complain(f"suggest: {error}")
        return NOTHING_TO_READ
    for line in use:
        say(line)
    say(_WARNING.format(stack=options.stack, since=since).rstrip())
    for line in lines(targets, names) if targets else ("# Nothing.",):
        say(line)
    return LISTED


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m newt_tunnel suggest",
        description="Print entries for what newt was refused; read them before you paste them.",
        epilog="Exit status: 0 the list is printed, 2 nothing could be read.",
    )
    parser.add_argument("stack", help="name of the stack, like nas")
    parser.add_argument(
        "--flows", metavar="PATH", help="in a cluster: flows of Hubble in JSON; - for the input"
    )
    parser.add_argument(
        "--blueprint", metavar="PATH", help="takes names from it; default: the stack's own"
    )
    return parser.parse_args(arguments)


def _exposures(path: str | None, state: revisions.State) -> Sequence[Exposure]:
    """Read the blueprint for its names alone, so faults do not matter."""
    if path is None:
        return ()
    try:
        return reading.read(state.read(path)).exposures
    except (OSError, UnicodeDecodeError) as error:
        raise _NothingToReadError(f"{path}: {yaml_document.why_unread(error)}") from None


def _read(path: str) -> Iterable[str]:
    if path == "-":
        return sys.stdin
    try:
        return expanded(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _NothingToReadError(f"{path}: {yaml_document.why_unread(error)}") from None


def _of_host(
    settings: Settings, stack: str, owner: str, exposures: Sequence[Exposure], look: HostLook
) -> tuple[list[RefusedTarget], Names]:
    docker = settings.docker
    if not docker.log_drops:
        raise _NothingToReadError(
            "docker.logDrops: is off, so the host remembers nothing; set it to true, run "
            "pulumi up, and ask again when newt has tried what it needs"
        )
    allowed = policy.policy(settings)
    cage = policy.cage(settings, stack)
    asked = command(allowed.host_names, cage.instance.name)
    head, _, refused = _asked(docker, look, asked).partition("\n\n")
    found = [line.split() for line in head.splitlines()]
    if ["owner", owner] not in found:
        raise _NothingToReadError(f"{docker.address}: is not guarded by {owner}: pulumi up first")
    if [_NOT_EXPANDED] in found:
        raise _NothingToReadError(
            f"{docker.address}: newt-egress does not say which addresses host names have: "
            "pulumi up first"
        )
    resolution = dict(_resolution(found))
    judge = DockerHost(
        policy=allowed,
        cage=cage,
        ssh_port=docker.port,
        resolution=resolution,
    )
    names = Names(settings, resolution, exposures)
    return grouped(of_host(refused), judge.verdict_on), names


def _asked(docker: Docker, look: HostLook, command: str) -> str:
    host = SshHost.of(docker)
    try:
        return look(host, command)
    except HostKeyError as error:
        raise _NothingToReadError(
            f"docker.hostKey: {docker.address} presents another key ({error})"
        ) from error
    except (UnreachableError, RuntimeError) as error:
        raise _NothingToReadError(f"{docker.address}: {error}") from error


def _resolution(lines: Iterable[Sequence[str]]) -> Iterator[tuple[HostName, list[IPv4Address]]]:
    found: dict[HostName, list[IPv4Address]] = {}
    for line in lines:
        if line[0] == "resolved":
            found.setdefault(HostName(line[1]), []).append(IPv4Address(line[2]))
    yield from found.items()
