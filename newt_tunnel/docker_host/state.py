"""Compares the cage on the Docker host with the one that the last update left, and decides on a
repair.

The engine compares a program with its own state and never looks at the host. So the program looks:
when the host differs it changes one input of the firewall, the *generation*, which makes the
firewall an update. The host records the generation together with the rules, so that the next look
finds what the state holds and nothing changes any more.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from newt_tunnel.docker_host.docker_names import STATE_FOLDER
from newt_tunnel.docker_host.others import Other, conflict
from newt_tunnel.docker_host.payload import PROGRAM_PATH, Declaration

#: A jump of the blog post's script, on a host that has no program of ours yet.
_FORMER = r"s/^-A DOCKER-USER -s \([0-9./]*\) -j NEWT-EGRESS$/\1/p"
#: What the rendered table needs of nft and the kernel; `nft -c` changes nothing.
_NEEDED = (
    "table inet newt_guard_check { "
    "set targets { type ipv4_addr . inet_proto . inet_service; counter; }; "
    "chain egress { ip daddr . meta l4proto . th dport @targets return; "
    "counter reject with icmpx admin-prohibited; }; }"
)
_NFT = (
    f'refusal=$(PATH="$PATH:/usr/sbin:/sbin"; echo "{_NEEDED}" | nft -c -f - 2>&1) || '
    'echo "without_nft=$(echo "${refusal:-no reason given}" | head -n 1)"'
)


def check_command(instance: str) -> str:
    """The command for the host; prints ``key=value`` lines and changes nothing.

    A program of a former release knows one newt, and no instance.
    """
    return "sh -c " + shlex.quote(
        f"{_recorded(instance)}; {_NFT}; "
        f"if [ ! -x {PROGRAM_PATH} ]; then echo state=absent; "
        'PATH="$PATH:/usr/sbin:/sbin"; iptables -w 5 -S DOCKER-USER 2>/dev/null '
        f'| sed -n "{_FORMER}" | while read -r source; do '
        "echo \"former=the rules of the blog post's script confine $source; "
        'if that is newt, they are removed once the declared rules are in force"; done; '
        f"elif grep -q ^VERSION= {PROGRAM_PATH}; then "
        f"{PROGRAM_PATH} --instance {instance} check; else {PROGRAM_PATH} check; fi"
    )


def _recorded(instance: str) -> str:
    """Print which firewall the host's record declares, also that of a former release, whose program
    does not print it. Between two renames the record is ``previous``.
    """
    folders = (f"{STATE_FOLDER}/instances/{instance}", STATE_FOLDER)
    records = " ".join(
        f"{folder}/{record}/declaration" for folder in folders for record in ("current", "previous")
    )
    return f"sed -n '/^firewall=/{{p;q;}}' {records} 2>/dev/null | head -n 1"


#: Docker's states of a container that was stopped, or never started.
_STOPPED = ("created", "exited")
#: Messages for states of newt's container that a changed generation does not repair.
_NOT_RUNNING = {
    "absent": "has no container of newt; where this update does not create it, "
    "pulumi up --refresh does",
    "dead": "has a newt that Docker could not remove: docker rm --force {container}, "
    "then pulumi up --refresh",
    "paused": "has a newt that is paused: docker unpause {container}",
    "restarting": "has a newt that does not stay up: see docker logs {container}",
}


class ForeignOwnerError(Exception):
    """What this stack needs on the host is another stack's."""


@dataclass(frozen=True, kw_only=True)
class HostState:
    """The host's answer: ``state`` is ``absent``, ``ok`` or ``drifted``; ``confirmed`` is the hash
    that an update is known to have recorded; ``faults`` says in words what differs from what was
    loaded.
    """

    state: str
    #: Empty for the one newt of a host that a former release has set up.
    instance: str = ""
    owner: str = ""
    hash: str = ""
    generation: str = ""
    confirmed: str = ""
    faults: str = ""
    #: The firewall of the declaration in force; empty if there is none, or none can be read.
    firewall: str = ""
    #: Why nft cannot hold the rules there.
    without_nft: str = ""
    #: ``yes`` when the proof has stopped newt.
    held: str = ""
    #: Docker's word for the state of newt's container, or ``absent``; empty while it runs.
    newt: str = ""
    #: See ``host.credentials``.
    credentials: str = ""
    #: Which part of the way to the rules is broken and cannot be repaired by the program.
    open: str = ""
    #: Why host names are not refreshed.
    unresolved: str = ""
    #: What the blog post's script left there.
    former: str = ""
    #: Other containers on newt's network.
    neighbours: str = ""
    #: The other newts of the host.
    others: tuple[Other, ...] = ()
    #: Where the entries with ``container`` lead now.
    containers: str = ""

    @classmethod
    def parse(cls, output: str) -> HostState:
        """Read the output of ``check_command``; ``ValueError`` when it is something else."""
        lines = [line.split("=", 1) for line in output.splitlines() if "=" in line]
        others = tuple(Other.parse(value) for key, value in lines if key == "other")
        values = dict(lines)
        if values.get("state") not in {"absent", "ok", "drifted"}:
            raise ValueError(f"not an answer of newt-egress: {output[:200]!r}")
        known: dict[str, Any] = {
            key: values[key] for key in cls.__dataclass_fields__ if key in values
        }
        return cls(**(known | {"others": others}))


@dataclass(frozen=True)
class Generation:
    """The firewall's ``generation`` input, and a message for the user (empty if the host is
    unchanged).
    """

    text: str
    finding: str = ""


def generation(state: HostState, declaration: Declaration, now: datetime) -> Generation:
    """Decide the generation for ``declaration`` on a host in ``state``. Raises
    ``ForeignOwnerError``.
    """
    # A record without an owner is damaged. It belongs to no stack, so it is repaired and not
    # refused.
    if state.owner and state.owner != declaration.owner:
        raise ForeignOwnerError(
            f"has docker.instance {state.instance} already, of stack {state.owner}: write another "
            "docker.instance, or choose another docker.address"
            if state.instance
            else f"is guarded by stack {state.owner} as a former release did it, which allows no "
            f"other newt: run pulumi up of {state.owner} with this release first"
        )
    if taken := conflict(declaration, state.others):
        raise ForeignOwnerError(taken)
    fresh = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    if state.state == "absent":
        return Generation(fresh, "has no rules of newt-tunnel yet; they will be loaded")
    if state.state == "drifted":
        return Generation(
            fresh,
            f"differs from what was deployed ({state.faults}); the rules will be loaded again",
        )
    if state.held:
        # The failed proof is not in the engine's state: after a return to the former settings
        # nothing would run, and newt would stay stopped.
        return Generation(
            fresh,
            "holds newt, whose cage a proof found open; newt starts when a proof finds it shut",
        )
    if state.newt in _STOPPED:
        return Generation(
            fresh,
            f"has a newt that does not run (its container is {state.newt}): "
            "it will be started and its cage proved",
        )
    if state.hash not in (declaration.digest, state.confirmed):
        return Generation(
            fresh,
            "carries rules of an update that did not finish; the declared rules will be loaded",
        )
    # Rules that were loaded by hand carry none.
    return Generation(state.generation or fresh, _not_running(state, declaration))


def _not_running(state: HostState, declaration: Declaration) -> str:
    return _NOT_RUNNING.get(state.newt, "").format(container=declaration.names.container)
