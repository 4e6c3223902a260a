"""The front door: ``python -m newt_tunnel COMMAND``.

Only dispatches: each command is a module with ``main(arguments) -> exit status`` and its own help.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

#: Name, module, and the question that the command answers.
COMMANDS = {
    "new": (
        "newt_tunnel.tools.new.command",
        "what is the stack file for a host or a cluster that has no stack yet?",
    ),
    "check": (
        "newt_tunnel.tools.check.command",
        "is a stack file valid, and what would it allow?",
    ),
    "review": (
        "newt_tunnel.tools.review.command",
        "what does a change do to newt's reach?",
    ),
    "adopt": (
        "newt_tunnel.tools.adopt.command",
        "what is the stack file of a newt in a compose file?",
    ),
    "check-blueprint": (
        "newt_tunnel.tools.check_blueprint.command",
        "does the cage fit the Pangolin blueprint?",
    ),
    "suggest": (
        "newt_tunnel.tools.suggest.command",
        "what was newt refused lately, as entries for the allow-list?",
    ),
    "forge": (
        "newt_tunnel.tools.forge.command",
        "the jobs of the workflows: review, preview, drift",
    ),
}
USAGE_ERROR = 2


def main(arguments: Sequence[str]) -> int:
    """Run one command; without one, or with ``--help``, print the list."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        return 0 if arguments else USAGE_ERROR
    command, *rest = arguments
    if command not in COMMANDS:
        sys.stderr.write(
            f"newt_tunnel: {command!r} is not a command; write one of {', '.join(COMMANDS)}\n"
        )
        return USAGE_ERROR
    module, _ = COMMANDS[command]
    status: int = import_module(module).main(rest)
    return status


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = (f"  {name:<{width}}  {question}" for name, (_, question) in COMMANDS.items())
    return "\n".join(
        (
            "usage: python -m newt_tunnel COMMAND [ARGUMENTS]",
            "",
            "Commands. None of them needs Pulumi's engine, except new and the jobs of forge:",
            *lines,
            "",
            "`python -m newt_tunnel COMMAND --help` explains one of them.",
            "",
        )
    )


if __name__ == "__main__":
    # A character that this terminal or pipe cannot show must not end a command.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
