"""``python -m newt_tunnel new STACK``: writes the stack file of a new stack.

Looks at the Docker host or the cluster, changes nothing there, and asks only what it cannot find
out. Exit status: 0 the stack is ready to be deployed, 1 it is not, and nothing was written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from newt_tunnel.settings.load import examine
from newt_tunnel.tools.new import NewError, on_docker, on_kubernetes
from newt_tunnel.tools.new.identity import HOST, LATER, STDIN
from newt_tunnel.tools.new.outcome import Outcome
from newt_tunnel.tools.new.pulumi_stack import PASSPHRASE, Pulumi, place
from newt_tunnel.tools.new.questions import RefusedAnswer, Terminal, people
from newt_tunnel.tools.new.stack_text import render
from newt_tunnel.tools.output import complain

READY, NOT_WRITTEN, INTERRUPTED = 0, 1, 130


def main(words: Sequence[str], folder: Path | None = None, terminal: Terminal | None = None) -> int:
    """``folder`` is the one of Pulumi.yaml; the current one by default."""
    options = _options(words)
    terminal = terminal or people()
    try:
        _make(options, folder or Path.cwd(), terminal)
    except NewError as error:
        complain(f"new: {error}")
        return NOT_WRITTEN
    except EOFError:
        complain("\nnew: stopped; nothing was written")
        return NOT_WRITTEN
    except KeyboardInterrupt:
        complain("\nnew: stopped; nothing was written")
        return INTERRUPTED
    return READY


def _make(options: argparse.Namespace, folder: Path, terminal: Terminal) -> None:
    where = place(folder, options.stack)
    pulumi = Pulumi(folder, options.stack)
    needs_passphrase = pulumi.needs_passphrase()
    pulumi.refuse_existing()
    if needs_passphrase and not terminal.is_there:
        raise NewError(
            f"{PASSPHRASE}: not set, and there is no terminal to ask at; it encrypts newt's secret"
        )
    look = on_docker if options.host else on_kubernetes
    outcome = look.prepare(options, terminal)
    problems = examine(outcome.tree).problems
    if problems:
        raise NewError(
            "the answers do not fit together:\n" + "\n".join(f"  {one}" for one in problems)
        )
    text = render(outcome.tree, outcome.where, outcome.left_out)
    if needs_passphrase:
        pulumi = replace(pulumi, passphrase=_passphrase(terminal))
    pulumi.create(where, text, outcome.store)
    stored = "" if outcome.store is None else ", with newt's secret, encrypted"
    terminal.say(f"Written: {where.shown}; made: the stack {options.stack}{stored}.")
    for line in left(options.stack, outcome):
        terminal.say(line)


def left(stack: str, outcome: Outcome) -> Iterator[str]:
    """Yield the commands that are left."""
    preview = f"pulumi preview -s {stack} --diff"
    commands = [preview, *(command for command, _ in outcome.before_up), f"pulumi up -s {stack}"]
    if outcome.store is None:
        commands.insert(0, f"pulumi config set --secret newtSecret -s {stack}")
    counts = {2: "Two", 3: "Three", 4: "Four"}
    yield f"{counts[len(commands)]} commands are left:"
    reasons = dict(outcome.before_up)
    for command in commands:
        yield f"  {command}" + (f"  # {reasons[command]}" if command in reasons else "")


def _passphrase(terminal: Terminal) -> str:
    """Ask for a new one twice; Pulumi asks for it later."""
    while True:
        first = terminal.answer(
            "New passphrase for the stack's secrets (hidden):",
            PASSPHRASE,
            _some,
            hidden=True,
        )
        if first == terminal.answer("The same again:", PASSPHRASE, str, hidden=True):
            return first
        terminal.say("  the two differ")


def _some(text: str) -> str:
    if not text:
        raise RefusedAnswer("is empty; newt's secret would be as good as plain text")
    return text


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m newt_tunnel new",
        description="Write the stack file of a new stack. Looks at the Docker host or the "
        "cluster, changes nothing there, and asks only what it cannot find out. Each question has "
        "a flag, for scripts.",
        epilog="Exit status: 0 the stack is ready to be deployed; 1 it is not, and nothing was "
        "written.",
        allow_abbrev=False,
    )
    parser.add_argument("stack", help="name of the new stack, like nas")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--host", metavar="[USER@]ADDRESS", help="the Docker host, as ssh knows it")
    where.add_argument("--context", help="the cluster, as the kubeconfig calls it")
    docker = parser.add_argument_group("a Docker host")
    docker.add_argument("--user", help="who logs in; default: as ssh would")
    docker.add_argument("--port", type=int, help="SSH port; default: as ssh would")
    docker.add_argument(
        "--fingerprint",
        metavar="SHA256:...",
        help="of the host's key, so that nobody has to compare",
    )
    site = parser.add_argument_group("the site")
    site.add_argument("--endpoint", metavar="URL", help="of the Pangolin server")
    site.add_argument("--newt-id", metavar="ID", help="of the site")
    site.add_argument(
        "--secret-from",
        choices=(HOST, STDIN, LATER),
        help="where newt's secret comes from: the newt that runs, the standard input, or later; "
        "default: a newt that runs, else it is asked",
    )
    site.add_argument(
        "--pangolin-address",
        metavar="ADDRESS",
        action="append",
        help="of the server, if it is not public; may be repeated",
    )
    site.add_argument(
        "--old-newt",
        metavar="NAME",
        help="the newt that runs and whose site the stack takes over, or none",
    )
    reach = parser.add_argument_group("what newt may reach")
    entry = "NAME=HOST:PORT[:PROTOCOL]"
    reach.add_argument("--allow", metavar=entry, action="append", help="may be repeated")
    reach.add_argument("--must-not-reach", metavar=entry, action="append", help="may be repeated")
    reach.add_argument("--dns", metavar="ADDRESSES", help="resolvers; default: the host's")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
