"""Commands among the stack's outputs, to be pasted into a shell.

The engine's display cuts a line after 150 characters (``truncatePropertyString`` in its
``object_diff.go``), and would cut off the end of a command.
"""

from __future__ import annotations

SHOWN_OF_A_LINE = 150
_CONTINUED = " \\"


def folded(command: str) -> str:
    """Return ``command`` in lines that are shown whole, and that a shell reads as one."""
    lines: list[str] = []
    line = ""
    for word in command.split(" "):
        if line and len(f"{line} {word}{_CONTINUED}") > SHOWN_OF_A_LINE:
            lines.append(line + _CONTINUED)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join((*lines, line))
