"""Reads Pulumi's configuration: the only place that does.

``load`` is for the program; ``judge`` looks at what was read, and knows nothing of Pulumi.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pulumi
from pulumi import runtime
from pulumi.runtime.config import CONFIG
from pydantic import ValidationError

from settings import checks, entries, secrets
from settings.errors import NOT_SHOWN, Problem, SettingsError
from settings.findings import keys_of, problems_of
from settings.secrets import Secrets
from settings.stack import KUBERNETES, Settings


def load() -> tuple[Settings, Secrets]:
    """The stack file, and its secrets beside it.

    Raises ``SettingsError`` with everything that is wrong.
    """
    config = pulumi.Config()
    keys = _keys(config)
    encrypted = frozenset(key for key in keys if _is_encrypted(config.full_key(key)))
    in_vain = encrypted & set(keys_of(Settings)) - secrets.KEYS.keys()
    settings, problems = judge(
        {
            # The value of an unknown key is nobody's business, least of all an encrypted one.
            key: None if key in encrypted else _decoded(config.require(key))
            for key in keys
            if key not in secrets.KEYS and key not in in_vain
        }
    )
    # What cannot be read is not missing.
    problems = [problem for problem in problems if problem.key not in in_vain]
    problems += [_encrypted_in_vain(key) for key in sorted(in_vain)]
    problems += secrets.check(
        {key: config.require(key) for key in keys if key in secrets.KEYS},
        encrypted,
        newt_id_written="newtId" in keys,
    )
    if settings is None or problems:
        raise SettingsError(problems)
    return settings, Secrets(
        newt_secret=config.get_secret(secrets.NEWT_SECRET),
        newt_provisioning_key=config.get_secret(secrets.PROVISIONING_KEY),
        ssh_private_key=config.get_secret(secrets.SSH_KEY),
    )


def judge(tree: Mapping[str, object]) -> tuple[Settings | None, list[Problem]]:
    """Validate the plain keys of a stack file; settings only if there is no problem."""
    tree = dict(tree)
    lists = ("egress", "mustNotReach")
    expanded = entries.expand(*(tree.get(key) for key in lists))
    tree.update((key, items) for key, items in zip(lists, expanded, strict=True) if key in tree)
    settings: Settings | None = None
    problems: list[Problem] = []
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        problems += problems_of(error, Settings)
    if tree.get("platform") == KUBERNETES:
        # Another platform's keys would all be unknown here.
        return None, [problem for problem in problems if problem.key == "platform"]
    problems += checks.check(checks.facts(tree))
    return None if problems else settings, problems


def _keys(config: pulumi.Config) -> list[str]:
    """Every key in the project's namespace. The engine hands over all of them, known or not."""
    prefix = config.full_key("")
    everything = {**runtime.get_config_env(), **CONFIG.get()}
    return sorted(key.removeprefix(prefix) for key in everything if key.startswith(prefix))


def _is_encrypted(full_key: str) -> bool:
    return runtime.is_config_secret(full_key) or full_key in runtime.get_config_secret_keys_env()


def _encrypted_in_vain(key: str) -> Problem:
    return Problem(
        key,
        NOT_SHOWN,
        f"is stored encrypted, whole or in part, but of all keys only {', '.join(secrets.KEYS)} "
        f"are secrets; run: pulumi config rm {key}, then write it into the file as plain text",
    )


def _decoded(text: str) -> object:
    """Sections and lists come as JSON, everything else as text."""
    if text[:1] not in ("[", "{"):
        return text
    try:
        value: object = json.loads(text)
    except ValueError:
        # Text that happens to start with a bracket; its type will refuse it.
        return text
    return value
