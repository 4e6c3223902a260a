"""A row of the variable table: names, source, and why a stack file may not set the variable."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Variable:
    """``names``: the variable as newt calls it, then as its successor does. ``flag`` is newt's
    command-line flag that means the same; a switch takes no value after a space.
    """

    names: tuple[str, ...]
    source: str
    flag: str | None = None
    is_switch: bool = False
    #: Its value is the path of a file in the container.
    is_file: bool = False
    #: None if it may be set.
    refusal: str | None = None


@dataclass(frozen=True, kw_only=True)
class Family:
    """Variables whose names have one form. ``is_final``: refused as unknown variables, too."""

    form: str
    source: str
    refusal: str
    is_final: bool = True


def variable(
    names: str,
    source: str,
    flag: str | None = None,
    *,
    switch: bool = False,
    file: bool = False,
    refusal: str | None = None,
) -> Variable:
    return Variable(
        names=tuple(names.split()),
        source=source,
        flag=flag,
        is_switch=switch,
        is_file=file,
        refusal=refusal,
    )
