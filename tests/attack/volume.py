"""What newt leaves in its own volume for root to fall into, where Pangolin provisions it.

Evidence is a file outside the volume, and the clock. Without a cage root writes there as a plain
program does, to know that each of the attacks works.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.host.rig import IMAGE, Host

VOLUME, MOUNTED = "newt-config", "/var/lib/newt"
USER = "65534:65534"
VICTIMS = "/etc/victims"
KEY = '{"provisioningKey":"do-not-tell"}'
PATIENCE = 10  # seconds; the command takes a tenth of one


@dataclass(frozen=True)
class Trap:
    """What newt does in its volume, where root is about to write ``config.json``."""

    name: str
    script: str


TRAPS = tuple(
    Trap(f"{what}, left in newt's volume", script)
    for what, script in (
        ("a link to a file of the host", f"ln -s {VICTIMS}/file config.json"),
        ("a link to a new file of the host", f"ln -s {VICTIMS}/made config.json"),
        ("a pipe that nobody reads", "mkfifo config.json"),
        (
            "links under every name that root may use",
            f"ln -s {VICTIMS}/made .new; ln -s {VICTIMS}/made config.json.new; "
            f"ln -s {VICTIMS}/made config.json",
        ),
    )
)


def traps(host: Host, *, caged: bool) -> Iterator[tuple[Trap, bool]]:
    """Has newt lay each trap and root store a key: whether something outside the volume changed, or
    root still waited."""
    host.sh(f"docker volume create {VOLUME}")
    folder = host.sh(f"docker volume inspect -f '{{{{.Mountpoint}}}}' {VOLUME}").strip()
    write = f"newt-egress credentials volume {VOLUME}" if caged else f"tee {folder}/config.json"
    try:
        for trap in TRAPS:
            host.sh(
                f"mkdir -p {VICTIMS}; echo untouched >{VICTIMS}/file; chown {USER} {folder}; "
                f"docker run --rm --network none --user {USER} --volume {VOLUME}:{MOUNTED} "
                f"--entrypoint sh {IMAGE} "
                f"-c 'cd {MOUNTED} && rm -f config.json* .new; {trap.script}'"
            )
            said = host.sh(
                f"timeout {PATIENCE} {write} || echo failed $?; cat {VICTIMS}/*", stdin=KEY
            )
            yield trap, "failed" in said or not said.endswith("\nuntouched\n")
            host.sh(f"rm -rf {VICTIMS}")
    finally:
        host.sh(f"docker volume rm {VOLUME}; rm -rf {VICTIMS}")
