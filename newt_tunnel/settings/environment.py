"""``newt.environment`` and ``newt.unknownEnvironment``: further variables of newt.

Which variables newt has is data (``settings.variable_table``). Owns the form of names and values,
and what no variable may carry.
"""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from newt_tunnel.findings import NOT_SHOWN
from newt_tunnel.settings import variables
from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.types import Kind
from newt_tunnel.settings.variable_table import FAMILIES

_NAME = "[A-Z][A-Z0-9_]{0,63}"
# No quotes, no `$`, and nothing else that a shell interprets.
_VALUE = "[A-Za-z0-9 _.,:/@%+=-]{0,512}"
# `http://user:password@proxy`, which Go also takes without `http://`.
_USER = r"(://[^/ ,]*|:[^/ ,]+)@"
_LIKE_A_SECRET = (
    "(?!.*_(FILE|PATH|DIR)$)(.*_)?"
    "(SECRETS?|PASSWORD|PASSWD|PASSPHRASE|TOKENS?|KEYS?|APIKEY|CREDENTIALS?|HEADERS?|AUTH)(_.*)?"
)
_UNKNOWN = "newt.unknownEnvironment"
_USER_REMEDY = (
    "holds a user name or password, and everyone who may run `docker inspect` reads it; use one "
    "that needs none"
)


def _known(value: object) -> str:
    name = _permitted(value)
    if name in variables.ALLOWED:
        return name
    if remedy := variables.caution(name):
        raise refuse(remedy)
    near = difflib.get_close_matches(name, variables.ALLOWED, n=1)
    guess = f"did you mean {near[0]}? If newt reads it" if near else "if newt reads it"
    raise refuse(f"is not among newt's documented variables; {guess}, write it under {_UNKNOWN}")


def _unknown(value: object) -> str:
    name = _permitted(value)
    if name not in variables.ALLOWED and re.fullmatch(_LIKE_A_SECRET, name):
        raise refuse(
            "is called like a secret, and everyone who may run `docker inspect` reads the "
            "environment; leave it out"
        )
    return name


def _permitted(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(_NAME, value):
        raise refuse("is not the name of a variable; use capital letters, digits and `_`")
    if remedy := variables.refusal(value):
        raise refuse(remedy)
    return value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    # The value may be a password, so it is not shown.
    if not isinstance(value, str) or not re.fullmatch(_VALUE, value):
        raise refuse("may hold letters, digits, spaces and _.,:/@%+=- only", value=NOT_SHOWN)
    if re.search(_USER, value):
        raise refuse(_USER_REMEDY, value=NOT_SHOWN)
    return value


def _shape(names: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "object",
            "propertyNames": names,
            "additionalProperties": {
                "type": ["string", "number", "boolean"],
                "pattern": f"^(?!.*{_USER}){_VALUE}$",
            },
        }
    )


def _unknown_names() -> dict[str, Any]:
    final = "|".join(f"({family.form})" for family in FAMILIES if family.is_final)
    permitted = {"enum": sorted(variables.ALLOWED)}
    other = {
        "pattern": f"^(?!({final})$)(?!{_LIKE_A_SECRET}$){_NAME}$",
        "not": {"enum": sorted(variables.BY_NAME.keys() - variables.ALLOWED)},
    }
    return {"anyOf": [permitted, other]}


_Value = Annotated[str, PlainValidator(_text)]
Environment = Annotated[
    dict[Annotated[str, PlainValidator(_known)], _Value],
    _shape({"enum": sorted(variables.ALLOWED)}),
    Kind("map of variables"),
]
UnknownEnvironment = Annotated[
    dict[Annotated[str, PlainValidator(_unknown)], _Value],
    _shape(_unknown_names()),
    Kind("map of variables"),
]
