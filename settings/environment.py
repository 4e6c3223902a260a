"""``newt.environment``: further variables of newt, and those that may not be set there.

A list of refusals and not of permissions, because newt gains variables with every version. What is
refused is the product's own, carries a secret, or works against the cage.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from settings.errors import NOT_SHOWN, refuse
from settings.types import Kind

_SECRET = "is a secret; store it by: pulumi config set --secret {}"
_OWNED = "is set from {}; write that key"
_CAGE = "would open the cage: {}"
_REFUSED: Mapping[str, str] = {
    "PANGOLIN_ENDPOINT": _OWNED.format("pangolin.endpoint"),
    "NEWT_ID": _OWNED.format("newtId"),
    "NEWT_SECRET": _SECRET.format("newtSecret"),
    "NEWT_PROVISIONING_KEY": _SECRET.format("newtProvisioningKey"),
    "LOG_LEVEL": _OWNED.format("newt.logLevel"),
    "HEALTH_FILE": _OWNED.format("newt.health"),
    "DISABLE_CLIENTS": _OWNED.format("newt.clients"),
    "DISABLE_SSH": _OWNED.format("newt.ssh"),
    "CONFIG_FILE": "is where the secrets are mounted; it cannot be moved",
    "HOME": "is where newt keeps its configuration; it cannot be moved",
    "PATH": "decides what runs in the container; it cannot be changed",
    "DOCKER_SOCKET": _CAGE.format(
        "with the Docker socket the server sees every container; list targets in egress"
    ),
    "USE_NATIVE_INTERFACE": _CAGE.format("it needs NET_ADMIN, which newt does not get"),
    "USE_NATIVE_MAIN_INTERFACE": _CAGE.format("it needs NET_ADMIN, which newt does not get"),
    "UPDOWN_SCRIPT": _CAGE.format("it runs a program at the server's word"),
    "SKIP_TLS_VERIFY": _CAGE.format(
        "anybody on the way could pose as Pangolin; give the server a valid certificate"
    ),
    "NEWT_PPROF_ENABLED": _CAGE.format("it serves newt's memory, secrets included"),
    "AD_KEY": "is a secret of newt's SSH daemon, and there is no key for it; leave it out",
    "AD_PRINCIPALS_FILE": "belongs to newt's SSH daemon, which has no files here; leave it out",
    "AD_CA_CERT_PATH": "belongs to newt's SSH daemon, which has no files here; leave it out",
    "AD_GENERATE_RANDOM_PASSWORD": "belongs to newt's SSH daemon; leave it out",
    "OTEL_EXPORTER_OTLP_HEADERS": "carries credentials, and `docker inspect` shows the "
    "environment; leave it out",
}
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_LOADER = "LD_"
# No quotes, no `$`, nothing that a shell would act on.
_VALUE = re.compile(r"[A-Za-z0-9 _.,:/@%+=-]{0,512}")


def _variable(value: object) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise refuse("is not the name of a variable; use capital letters, digits and `_`")
    if remedy := _REFUSED.get(value):
        raise refuse(remedy)
    if value.startswith(_LOADER):
        raise refuse("decides what newt's program loads; leave it out")
    return value


def _variable_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str) and _VALUE.fullmatch(value):
        return value
    # People put passwords into environments.
    raise refuse("may hold letters, digits, spaces and _.,:/@%+=- only", value=NOT_SHOWN)


Environment = Annotated[
    dict[
        Annotated[str, PlainValidator(_variable)],
        Annotated[str, PlainValidator(_variable_value)],
    ],
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {
                "pattern": f"^(?!{_LOADER}){_VARIABLE.pattern}$",
                "not": {"enum": [*_REFUSED]},
            },
            "additionalProperties": {
                "type": ["string", "number", "boolean"],
                "pattern": f"^{_VALUE.pattern}$",
            },
        }
    ),
    Kind("map of variables"),
]
