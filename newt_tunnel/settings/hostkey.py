"""``docker.hostKey``: the Docker host's public SSH key, by which it is known.

Accepts what Pulumi's SSH client can check: a whole Ed25519 or ECDSA key. People must compare
whether it is the right one.
"""

from __future__ import annotations

import base64
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from newt_tunnel.settings.errors import refuse
from newt_tunnel.settings.types import Kind

HELP = (
    "run: pulumi config set --path docker.hostKey "
    '"$(ssh-keyscan -t ed25519 ADDRESS | cut -d " " -f 2-)", then compare '
    "`ssh-keyscan -t ed25519 ADDRESS | ssh-keygen -lf -` with what "
    "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` says on the host itself"
)
_CURVES = {
    "ecdsa-sha2-nistp256": (b"nistp256", 65),
    "ecdsa-sha2-nistp384": (b"nistp384", 97),
    "ecdsa-sha2-nistp521": (b"nistp521", 133),
}
_ED25519 = "ssh-ed25519"
_ED25519_BYTES = 32
_KEY_KINDS = (_ED25519, *_CURVES)


def _host_key(value: object) -> str:
    """``TYPE BASE64`` without its comment."""
    if not isinstance(value, str) or "PRIVATE KEY" in value:
        raise refuse(f"is not a public host key; {HELP}")
    if not value.strip():
        raise refuse(f"is empty, so ssh-keyscan got no answer from that address; {HELP}")
    words = value.split(" ")
    if words[0] == "ssh-rsa":
        raise refuse(
            "is an RSA key, with which Pulumi's SSH client fails against OpenSSH 9; " + HELP
        )
    if len(words) > 1 and words[1] in _KEY_KINDS:
        raise refuse(
            f"starts with the host's address; remove it and write the key from `{words[1]}` on"
        )
    if words[0] not in _KEY_KINDS or len(words) < 2:
        raise refuse(f"is not `{_ED25519} AAAA...`, the whole public host key; {HELP}")
    kind, blob = words[0], words[1]
    try:
        fields = _wire_fields(base64.b64decode(blob, validate=True))
    except ValueError:
        raise refuse(f"is damaged after `{kind}`: not a whole key in base64; {HELP}") from None
    if fields[0] != kind.encode():
        raise refuse(f"says {kind} but holds a key of another type; {HELP}")
    if not _is_whole(kind, fields[1:]):
        raise refuse(f"is damaged after `{kind}`: the key has a wrong length; {HELP}")
    return f"{kind} {blob}"


def _wire_fields(blob: bytes) -> list[bytes]:
    """The length-prefixed fields of a key (RFC 4253, 6.6).

    ``ValueError`` when they do not fill it exactly.
    """
    fields = []
    while blob:
        end = 4 + int.from_bytes(blob[:4], "big")
        if len(blob) < max(end, 4):
            raise ValueError("cut off")
        fields.append(blob[4:end])
        blob = blob[end:]
    if not fields:
        raise ValueError("empty")
    return fields


def _is_whole(kind: str, fields: list[bytes]) -> bool:
    if kind == _ED25519:
        return [len(field) for field in fields] == [_ED25519_BYTES]
    curve, length = _CURVES[kind]
    return len(fields) == 2 and fields[0] == curve and len(fields[1]) == length


HostKey = Annotated[
    str,
    PlainValidator(_host_key),
    WithJsonSchema(
        {"type": "string", "pattern": f"^({'|'.join(_KEY_KINDS)}) [A-Za-z0-9+/]+=*( .*)?$"}
    ),
    Kind("`ssh-ed25519 AAAA...`"),
]
