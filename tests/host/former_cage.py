"""The cage as a former release sets it up: one on a host, in names without an instance.

Its program comes from this repository's history; its declaration is today's in the names of then.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from newt_tunnel.docker_host.payload import Declaration
from tests.host.rig import INSTANCE, Host

#: A commit whose program knows one newt of a host, where COMMIT has it.
COMMIT = "4a29be224268b2ba586b40241b1ed55cc76c4bd5"
PROGRAM = "host/newt-egress"
REPOSITORY = Path(__file__).parents[2]

_NEW = (f"format=2\ninstance={INSTANCE.name}\n", "credentials=/var/lib/newt-egress/credentials\n")


def former_script(declaration: Declaration) -> str:
    """What the former release sends; skips the test where this clone does not have its commit."""
    shown = subprocess.run(
        ["git", "-C", str(REPOSITORY), "show", f"{COMMIT}:{PROGRAM}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode != 0:
        pytest.skip(f"commit {COMMIT[:7]} is not here (git fetch --unshallow gets it)")
    files = {name: _named_as_then(text) for name, text in declaration.files.items()}
    files["newt-egress"] = shown.stdout
    unpacked = "".join(
        f"cat >\"$staging/{name}\" <<'END-OF-FILE'\n{text}END-OF-FILE\n"
        for name, text in files.items()
    )
    return (
        f"set -eu; umask 077; staging=$(mktemp -d); trap 'rm -rf \"$staging\"' EXIT\n{unpacked}"
        'case $1 in\n    apply) sh "$staging/newt-egress" apply --from "$staging" ;;\n'
        f'    remove) sh "$staging/newt-egress" remove --owner {declaration.owner} ;;\nesac\n'
    )


def _named_as_then(text: str) -> str:
    for line in _NEW:
        text = text.replace(line, "")
    for name in ("NEWT-EGRESS-", "NEWT-INGRESS-", "newt_guard_"):
        text = text.replace(f"{name}{INSTANCE.name}", name[:-1])
    return text


def set_up(host: Host, declaration: Declaration) -> None:
    host.nas.run(["sh", "-s", "--", "apply"], stdin=former_script(declaration))
