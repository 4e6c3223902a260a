"""The look at the Docker host before anything is declared: its state, and the firewall that follows
from its record where the stack file does not say one.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.stack_state import last_firewall
from newt_tunnel.docker_host import firewall_choice
from newt_tunnel.docker_host.ssh import HostKeyError, SshHost, UnreachableError
from newt_tunnel.docker_host.state import HostState, check_command
from newt_tunnel.egress.cage import Firewall
from newt_tunnel.egress.instance import Instance
from newt_tunnel.findings import Level
from newt_tunnel.settings.docker import Docker


@dataclass(frozen=True, kw_only=True)
class DockerLook:
    #: None if a preview cannot reach the host.
    found: HostState | None
    firewall: Firewall


def look(
    host: SshHost, docker: Docker, instance: Instance, targets: int, resource: pulumi.Resource
) -> DockerLook:
    """Look, and report what the firewall of a list of ``targets`` is and costs."""
    found = _ask(host, instance, resource)
    choice = firewall_choice.choose(docker, found, last_firewall)
    findings = [*firewall_choice.judge(docker, choice.firewall, targets, found)]
    if errors := [str(finding) for finding in findings if finding.level is Level.ERROR]:
        raise pulumi.RunError("\n".join(errors))
    for finding in filter(None, (choice.remark, *findings)):
        tell = pulumi.log.warn if finding.is_warning else pulumi.log.info
        tell(str(finding), resource=resource)
    return DockerLook(found=found, firewall=choice.firewall)


def _ask(host: SshHost, instance: Instance, resource: pulumi.Resource) -> HostState | None:
    """Return the host's state; None if a preview cannot reach it. An update must reach it."""
    address = host.address
    try:
        return HostState.parse(host.look(check_command(instance.name)))
    except UnreachableError as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(
                f"docker.address: {address}: {error}: nothing was changed"
            ) from error
        pulumi.log.warn(
            f"{address} cannot be reached ({error}): "
            "whether its firewall is still the declared one is not known",
            resource=resource,
        )
        return None
    except HostKeyError as error:
        raise pulumi.RunError(
            f"docker.hostKey: {address} presents another key ({error}): "
            "find out why before you change it"
        ) from error
    except (RuntimeError, ValueError) as error:
        raise pulumi.RunError(
            f"docker.address: {address}: cannot read the state of its firewall: {error}"
        ) from error
