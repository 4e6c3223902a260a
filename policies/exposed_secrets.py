"""Secrets of newt in places that others can read.

The rules judge where a secret ends up. A pack in Python cannot see whether Pulumi stores it
encrypted; the program checks that in the stack file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from policies import charts, newt_resources
from policies.kinds import COMMANDS, CONFIGS, SECRETS
from policies.view import Resource, Violation, at, items, leaves, text

_CREDENTIALS = re.compile(
    r"(?i)(.*[_-])?(secret|password|passwd|token|provisioning_?key|private_?key)|newtSecret"
    r"|(newt)?provisioningKey"
)
_NAMES = "NEWT_SECRET|SITE_SECRET|NEWT_PROVISIONING_KEY|SITE_PROVISIONING_KEY"
_ARGUMENT = re.compile(rf"(?:--?(?:newt-|site-)?secret|--?provisioning-key|\b(?:{_NAMES}))[= ]+\S")
#: In a file of variables, or in YAML or JSON.
_VARIABLE = re.compile(rf"\b(?:{_NAMES})[\"']?[ \t]*[=:][ \t]*[\"']?[^\s\"'$]")
#: In the file that newt itself reads: what makes it newt's, and its secret.
_OF_NEWT = re.compile(r"[\"']?\b(?:endpoint|id|tlsClientCert)[\"']?[ \t]*[:=]")
_IN_FILE = re.compile(r"[\"']?\b(?:secret|provisioningKey)[\"']?[ \t]*[:=][ \t]*[\"']?[^\s\"'$]")
#: In a script that starts newt.
_STARTS_NEWT = re.compile(r"\b(?:newt|pangolin)\b")
_IN_SCRIPT = re.compile(r"--?(?:secret|provisioning-key)[= ]+[\"']?[^\s\"'$]")
_PRIVATE_KEY = "PRIVATE KEY-----"
#: Where a private key belongs. Other properties are shown, logged, or stored in the clear.
_PLACES_FOR_SECRETS = frozenset({"privateKey", "kubeconfig", "stdin", "stringData", "data"})
_TEXTS_OF_COMMANDS = ("create", "update", "delete")
#: Shorter texts occur by chance.
_SHORTEST_SECRET = 8
_WHERE_IT_BELONGS = (
    "run: pulumi config set --secret newtSecret, and let newt read it from a file or a Secret"
)


def secrets_in_the_clear(resource: Resource) -> Iterator[Violation]:
    """Find credentials that `docker inspect`, `kubectl describe`, `helm get values`, a list of
    processes or a log shows. The value is never repeated.
    """
    for name in dict.fromkeys(_exposed(resource)):
        yield Violation(
            resource=resource, property=name, value="(not shown)", remedy=_WHERE_IT_BELONGS
        )


def copied_secrets(resources: list[Resource]) -> Iterator[Violation]:
    """Find newt's own secret in another resource, under any name."""
    known = {secret for one in resources for secret in _secrets_in(one)}
    spellings = [*known, *(base64.b64encode(one.encode()).decode() for one in known)]
    for resource in resources:
        if resource.type in SECRETS or not resource.type.startswith(
            ("kubernetes:", "docker:", *COMMANDS)
        ):
            continue
        for path, _, value in leaves(resource.properties):
            in_place = not _PLACES_FOR_SECRETS.isdisjoint(re.split(r"[.\[]", path))
            if in_place and resource.type not in CONFIGS:
                continue
            if isinstance(value, str) and any(one in value for one in spellings):
                yield Violation(
                    resource=resource, property=path, value="(not shown)", remedy=_WHERE_IT_BELONGS
                )


def _secrets_in(resource: Resource) -> Iterator[str]:
    """The values of newt's secret, where they belong."""
    if resource.type in SECRETS:
        for key in ("stringData", "data"):
            for _, name, value in leaves(resource.at(key), key):
                decoded = _decoded(value) if key == "data" else value
                if re.fullmatch(_NAMES, name) and isinstance(decoded, str):
                    yield from _long(decoded)
    elif resource.type in COMMANDS:
        script = resource.at("stdin")
        if isinstance(script, str):
            for found in re.finditer(r'"(?:secret|provisioningKey)": "([^"]+)"', script):
                yield from _long(found[1])


def _long(secret: str) -> Iterator[str]:
    if len(secret) >= _SHORTEST_SECRET:
        yield secret


def _exposed(resource: Resource) -> Iterator[str]:
    for path, _, value in leaves(resource.properties):
        in_place = not _PLACES_FOR_SECRETS.isdisjoint(re.split(r"[.\[]", path))
        is_exempt = in_place and resource.type not in CONFIGS
        if isinstance(value, str) and _PRIVATE_KEY in value and not is_exempt:
            yield path
    if charts.is_release(resource):
        yield from _in_values(charts.values(resource))
    elif resource.type in CONFIGS:
        yield from _in_config(resource)
    elif resource.type in COMMANDS:
        for key in _TEXTS_OF_COMMANDS:
            yield from _in_arguments(key, [resource.at(key)])
        for path, key, value in leaves(resource.at("environment"), "environment"):
            if text(value) and _CREDENTIALS.fullmatch(key):
                yield path
    for program in newt_resources.programs(resource):
        for name, value in program.variables.items():
            if text(value) and _CREDENTIALS.fullmatch(name):
                yield program.at(program.variables_key, name)
        for key, words in program.words.items():
            yield from _in_arguments(program.at(key), words)


def _in_config(config: Resource) -> Iterator[str]:
    """By the name of an entry, or by what is in it."""
    given = [(key, config.at(key)) for key in ("data", "binaryData")]
    for place, value in given:
        # Of Docker the one value is the whole text.
        found = leaves(value, place) if not isinstance(value, str) else [(place, place, value)]
        for path, key, content in found:
            known = text(content)
            if known and (_CREDENTIALS.fullmatch(key) or _holds_credentials(known)):
                yield path


def _holds_credentials(content: str) -> bool:
    texts = [content, _decoded(content) or ""]
    return any(
        _PRIVATE_KEY in one
        or _VARIABLE.search(one)
        or (_OF_NEWT.search(one) and _IN_FILE.search(one))
        or (_STARTS_NEWT.search(one) and _IN_SCRIPT.search(one))
        for one in texts
    )


def _decoded(value: Any) -> str | None:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (TypeError, ValueError, binascii.Error):
        return None


def _in_arguments(place: str, arguments: Any) -> Iterator[str]:
    words = [one for one in items(arguments) if isinstance(one, str)]
    if _ARGUMENT.search(" ".join(words)):
        yield place


def _in_values(given: Any) -> Iterator[str]:
    for path, key, value in leaves(given, "values"):
        content = text(value) or ""
        # `auth.keys` says how the entries of a Secret are called.
        is_named = content and _CREDENTIALS.fullmatch(key) and ".keys." not in path
        if is_named or _VARIABLE.search(content) or _ARGUMENT.search(content):
            yield path
        if key == "name" and isinstance(value, str) and _CREDENTIALS.fullmatch(value):
            yield from _named_variable(given, path)


def _named_variable(given: Any, path: str) -> Iterator[str]:
    """``{name: NEWT_SECRET, value: ...}`` in a list of variables."""
    place = path.removeprefix("values.").removesuffix(".name")
    parts = [int(p) if p.isdigit() else p for p in re.findall(r"[^.\[\]]+", place)]
    if text(at(given, *parts, "value")):
        yield f"{path.removesuffix('.name')}.value"
