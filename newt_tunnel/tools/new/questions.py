"""Questions at a terminal, and what happens without one."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from newt_tunnel.tools.new import NewError
from newt_tunnel.tools.output import Say

_Value = TypeVar("_Value")


class RefusedAnswer(Exception):
    """The text says what is wrong with an answer, and what to write."""


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """Where questions are asked. ``ask`` and ``ask_hidden`` raise ``EOFError`` at its end."""

    is_there: bool
    say: Say
    ask: Callable[[str], str]
    ask_hidden: Callable[[str], str]

    def answer(
        self,
        question: str,
        flag: str,
        read: Callable[[str], _Value],
        *,
        given: str | None = None,
        hidden: bool = False,
        otherwise: str | None = None,
    ) -> _Value:
        """Return the answer as ``read`` makes it; one that ``read`` refuses is asked again.

        ``given`` is the flag's value, which is not asked again. ``otherwise`` stands for an empty
        answer, and for none where there is no terminal.
        """
        if given is None and not self.is_there:
            given = otherwise
            if given is None:
                raise NewError(
                    f"{flag}: missing, and there is no terminal to ask at; give the flag"
                )
        if given is not None:
            try:
                return read(given)
            except RefusedAnswer as refused:
                raise NewError(f"{flag}: {refused}") from None
        while True:
            text = (self.ask_hidden if hidden else self.ask)(f"{question} ").strip()
            try:
                return read(otherwise if not text and otherwise is not None else text)
            except RefusedAnswer as refused:
                self.say(f"  {refused}")

    def confirmed(self, question: str, flag: str) -> bool:
        """Return whether the answer is yes; an empty one is no. Raises ``NewError`` without a
        terminal.
        """

        def read(text: str) -> bool:
            if text.lower() not in ("", "n", "no", "y", "yes"):
                raise RefusedAnswer("answer y or n")
            return text.lower().startswith("y")

        return self.answer(f"{question} [y/N]", flag, read)


def people() -> Terminal:
    """The terminal that this program was started at."""
    return Terminal(
        is_there=sys.stdin.isatty() and sys.stdout.isatty(),
        say=print,
        ask=input,
        ask_hidden=getpass.getpass,
    )
