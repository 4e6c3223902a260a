"""The programs that run on the Docker host, as text, and single functions cut out of them.

So that a test can run one function for real without running the program, which would touch the
firewall of this machine.
"""

from __future__ import annotations

import re

from newt_tunnel.docker_host import programs

NEWT_EGRESS = programs.EGRESS
NEWT_PROOF = programs.PROOF


def shell_function(program: str, name: str) -> str:
    """The definition of a function, on one line or closed by a brace at the start of a line."""
    found = re.search(
        rf"^{re.escape(name)}\(\) \{{(.*\}}$|\n(?s:.*?)^\}}$)", program, flags=re.MULTILINE
    )
    assert found, f"there is no function {name} any more"
    return found[0]
