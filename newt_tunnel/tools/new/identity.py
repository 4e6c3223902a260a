"""Who newt is: endpoint and id for the stack file, and where its secret comes from.

The secret goes to Pulumi's command alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from newt_tunnel.findings import shown
from newt_tunnel.settings import secrets
from newt_tunnel.tools.new import NewError
from newt_tunnel.tools.new.draft import Draft
from newt_tunnel.tools.new.outcome import fact
from newt_tunnel.tools.new.pulumi_stack import Store, passed_on, typed
from newt_tunnel.tools.new.questions import RefusedAnswer, Terminal

ENDPOINT_KEY, ID_KEY = "pangolin.endpoint", "newtId"
HOST, STDIN, LATER = "host", "stdin", "later"
_PASTE = (
    "Paste newt's command from Pangolin (hidden), or press Enter to type endpoint, id and secret:"
)
_QUOTES = "\"'`,\\"
#: In a command line of newt, in `docker run -e`, and in a compose file.
_FORMS = {
    "endpoint": re.compile(r"(?:--?endpoint[= ]+|\bPANGOLIN_ENDPOINT[=:] *)(\S+)"),
    "id": re.compile(r"(?:--?id[= ]+|\b(?:NEWT|SITE)_ID[=:] *)(\S+)"),
    "secret": re.compile(r"(?:--?secret[= ]+|\b(?:NEWT|SITE)_SECRET[=:] *)(\S+)"),
}


@dataclass(frozen=True)
class Identity:
    """What is known of a site. ``secret`` was typed; ``store`` reads it elsewhere."""

    endpoint: str | None = None
    id: str | None = None
    secret: str | None = field(default=None, repr=False)


def pasted(text: str) -> Identity:
    """Read Pangolin's command for a site. Raises ``RefusedAnswer`` where nothing of it is there."""
    if not text:
        return Identity()
    found = {
        name: match[1].strip(_QUOTES)
        for name, form in _FORMS.items()
        if (match := form.search(text))
    }
    if not found:
        # The text is not shown, because it may be a secret.
        raise RefusedAnswer("holds no --endpoint, --id or --secret; copy the whole command")
    return Identity(**found)


def ask(
    draft: Draft,
    terminal: Terminal,
    given: Identity,
    found: Identity,
    *,
    secret_from: str | None,
    on_host: Store | None,
) -> Store | None:
    """Complete endpoint and id, and return what stores the secret; None for later.

    ``given`` comes from flags, ``found`` from a newt that runs, whose secret ``on_host`` stores.
    """
    if secret_from == HOST and on_host is None:
        raise NewError(f"--secret-from: no newt with a secret was found; write {STDIN} or {LATER}")
    is_typed = secret_from is None and on_host is None
    if is_typed and not terminal.is_there:
        raise NewError(
            f"--secret-from: missing, and there is no terminal to ask at; write {STDIN} or {LATER}"
        )
    if given.id and found.id and given.id != found.id:
        raise NewError(
            f"--newt-id: {shown(given.id)} is another site than the {shown(found.id)} of the newt "
            "that runs; leave one out, with --old-newt none"
        )
    if is_typed and given.id is None and found.id is None:
        found = terminal.answer(_PASTE, "--newt-id", pasted, hidden=True)
    for key, flag, question, flags_value, value in (
        (ENDPOINT_KEY, "--endpoint", "URL of the Pangolin server:", given.endpoint, found.endpoint),
        (ID_KEY, "--newt-id", "Id of the site:", given.id, found.id),
    ):
        _complete(draft, terminal, key, flag, question, flags_value, value)
    if found != Identity():
        terminal.say(fact("endpoint", str(draft.get(ENDPOINT_KEY))))
        terminal.say(fact("id", str(draft.get(ID_KEY))))
    if secret_from == LATER:
        return None
    if secret_from == STDIN:
        return passed_on
    return typed(_secret(terminal, found.secret)) if on_host is None else on_host


def _complete(
    draft: Draft,
    terminal: Terminal,
    key: str,
    flag: str,
    question: str,
    given: str | None,
    read: str | None,
) -> None:
    def take(text: str) -> None:
        draft.set(key, text.rstrip("/"))

    if given is None and read is not None:
        try:
            return take(read)
        except RefusedAnswer as refused:
            terminal.say(f"  {refused}")
    return terminal.answer(question, flag, take, given=given)


def _secret(terminal: Terminal, found: str | None) -> str:
    if found is not None:
        try:
            return _judged(found)
        except RefusedAnswer as refused:
            terminal.say(f"  {secrets.NEWT_SECRET}: {refused}")
    question = "Secret of the site (hidden):"
    return terminal.answer(question, "--secret-from", _judged, hidden=True)


def _judged(text: str) -> str:
    """Raises ``RefusedAnswer``, which never shows the text."""
    key = secrets.KEYS[secrets.NEWT_SECRET]
    if not key.form.fullmatch(text):
        raise RefusedAnswer(
            key.remedy if text else "is empty; copy the site's secret from Pangolin"
        )
    return text
