"""``python -m newt_tunnel adopt compose.yaml``: prints the stack file for an existing newt."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from newt_tunnel.settings.files import expanded
from newt_tunnel.tools.adopt import AdoptError, compose, compose_newt
from newt_tunnel.tools.adopt.stackfile import render
from newt_tunnel.tools.adopt.store import store
from newt_tunnel.tools.adopt.suggestions import suggestions
from newt_tunnel.tools.output import complain


def main(words: Sequence[str]) -> int:
    arguments = _arguments(words)
    try:
        project = compose.read(arguments.compose)
        newt = compose_newt.find(project, arguments.service)
        found = compose_newt.compose_newt(project, newt, address=arguments.address)
        if arguments.store:
            store(found, arguments.stack)
            return 0
        again = [str(arguments.compose), "--store", "--stack", arguments.stack]
        again += ["--service", arguments.service] if arguments.service else []
        command = f".venv/bin/python -m newt_tunnel adopt {shlex.join(again)}"
        hints = suggestions(project, newt)
        text = render(arguments.compose.name, arguments.stack, found, hints, command)
        if found.secret and found.secret in text:
            raise AdoptError(
                "newt's secret is in another key as well, so nothing is printed; "
                "change that key in the compose file"
            )
        sys.stdout.write(text)
    except AdoptError as error:
        complain(f"adopt: {error}")
        return 1
    return 0


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m newt_tunnel adopt", description=__doc__)
    parser.add_argument(
        "compose", type=expanded, help="the compose file; the .env in its folder is read"
    )
    parser.add_argument("--address", help="the Docker host's own address, like 10.0.1.10")
    parser.add_argument(
        "--service", help="name of newt's service; needed where several look like newt"
    )
    parser.add_argument("--stack", default="nas", help="name of the stack, nas by default")
    parser.add_argument(
        "--store", action="store_true", help="store newt's secret in the stack, and print nothing"
    )
    return parser.parse_args(words)
