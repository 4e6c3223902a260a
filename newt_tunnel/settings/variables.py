"""Which environment variables of newt a stack file may set, by the rows of ``variable_table``.

A variable that is not in the table needs ``newt.unknownEnvironment``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from newt_tunnel.settings.variable_row import Family
from newt_tunnel.settings.variable_table import FAMILIES, VARIABLES

BY_NAME = {name: variable for variable in VARIABLES for name in variable.names}
BY_FLAG = {variable.flag: variable for variable in VARIABLES if variable.flag}
ALLOWED = frozenset(name for name, variable in BY_NAME.items() if variable.refusal is None)


def refusal(name: str) -> str | None:
    """Return why a variable may not be set at all."""
    if known := BY_NAME.get(name):
        return known.refusal
    return next((family.refusal for family in _of(name) if family.is_final), None)


def caution(name: str) -> str | None:
    """Return why a variable may be set as an unknown one only."""
    return next((family.refusal for family in _of(name) if not family.is_final), None)


def _of(name: str) -> Iterator[Family]:
    return (family for family in FAMILIES if re.fullmatch(family.form, name))
