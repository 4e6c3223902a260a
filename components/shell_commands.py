"""Commands among the stack's outputs, to be pasted into a shell.

The engine's display cuts a line after 150 characters (``truncatePropertyString`` in its
``object_diff.go``), and would take what a command must fail for, or the command's end.
"""

from __future__ import annotations

SHOWN_OF_A_LINE = 150
_CONTINUED = " \\"


def folded(command: str) -> str:
    """``command`` in lines that are shown whole; a shell reads them as one."""
    lines: list[str] = []
    line = ""
    for word in command.split(" "):
        if line and len(f"{line} {word}{_CONTINUED}") > SHOWN_OF_A_LINE:
            lines.append(line + _CONTINUED)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join((*lines, line))
