"""What a lab has left on this machine: tests assert that it is nothing."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .lab import Lab


def traces(lab: Lab) -> list[str]:
    """What there is of a lab on this machine: namespaces, mounts, control groups, processes."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    ours = (f"{lab.folder}/", f"/run/netns/{lab.prefix}-")
    return [
        *lab.network.existing(),
        *(line for line in mounts if any(each in line for each in ours)),
        *map(str, Path("/sys/fs/cgroup").glob(f"**/newt-tunnel-lab-{lab.prefix}-*")),
        *(line for line in _command_lines() if any(each in line for each in ours)),
        *(str(lab.folder) for _ in [lab.folder] if lab.folder.exists()),
    ]


def _command_lines() -> Iterator[str]:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            yield entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
