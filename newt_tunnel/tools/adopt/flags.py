"""newt's command line, read as newt's own library reads it (Go's ``flag``), and its variables.

Which flag means which variable is data (``settings.variable_table``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from newt_tunnel.settings.variables import BY_FLAG, BY_NAME
from newt_tunnel.tools.adopt.compose import ComposeService
from newt_tunnel.tools.adopt.refusals import Refusal

_FLAG = re.compile(r"--?(?P<name>[A-Za-z][A-Za-z0-9-]*)(?:=(?P<value>.*))?", re.DOTALL)
_SWITCHES = {
    *(name for name, variable in BY_FLAG.items() if variable.is_switch),
    *("version", "show-config"),
}
#: Go's flag takes these for true (strconv.ParseBool).
_TRUE = ("1", "t", "T", "true", "TRUE", "True")


def variables(service: ComposeService) -> tuple[dict[str, str], list[Refusal]]:
    """Return newt's settings in ``service`` as variables, by newt's own names. A flag wins over its
    variable, and newt's name of a variable over its successor's.
    """
    renamed = {
        BY_NAME[name].names[0]: value
        for name, value in service.environment.items()
        if name in BY_NAME
    }
    said = renamed | {
        name: value
        for name, value in service.environment.items()
        if name not in BY_NAME or BY_NAME[name].names[0] == name
    }
    refused: list[Refusal] = []
    for name, value in flags(service.words):
        if name is None:
            refused.append(
                Refusal(
                    "the words after the first that is no flag",
                    "newt does not read them; write a switch with `=`, like --native=false",
                )
            )
            continue
        variable = BY_FLAG.get(name)
        if variable is None:
            refused.append(Refusal(f"flag --{name}", "there is no key for it; leave it out"))
        elif variable.is_switch:
            said[variable.names[0]] = "true" if value is None or value in _TRUE else "false"
        elif value is not None:
            said[variable.names[0]] = value
    return said, refused


def flags(words: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    """Yield name and value of each flag. The name None marks the point where newt stops reading."""
    rest = iter(words)
    started = False
    for word in rest:
        found = _FLAG.fullmatch(word)
        if found is None:
            # The words before the first flag are the program.
            if started:
                yield None, None
                return
            continue
        started = True
        name, value = found["name"], found["value"]
        if value is None and name not in _SWITCHES:
            value = next(rest, None)
        yield name, value
