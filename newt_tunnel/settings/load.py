"""Reads Pulumi's configuration, and is the only module that does.

``load`` is for the program; ``judge`` validates keys without Pulumi.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

import pulumi
from pulumi import runtime
from pulumi.runtime.config import CONFIG

from newt_tunnel.findings import NOT_SHOWN, Finding
from newt_tunnel.settings import checks, cluster_checks, entries, pangolin, secrets
from newt_tunnel.settings.derived import derive
from newt_tunnel.settings.errors import SettingsError
from newt_tunnel.settings.facts import Facts, validated
from newt_tunnel.settings.files import Files, OnDisk
from newt_tunnel.settings.secrets import Secrets
from newt_tunnel.settings.stack import MODELS, AnySettings, KubernetesSettings, Settings
from newt_tunnel.settings.validation_errors import keys_of


def load() -> tuple[AnySettings, Secrets]:
    """Return the validated stack file and its secrets.

    Raises ``SettingsError`` with everything that is wrong.
    """
    config = pulumi.Config()
    keys = _keys(config)
    encrypted = frozenset(key for key in keys if _is_encrypted(config.full_key(key)))
    plain = {key: decoded(config.require(key)) for key in keys if key not in encrypted}
    model = model_of(plain)
    secret_keys = set(model.secret_keys)
    in_vain = encrypted & set(keys_of(model)) - secret_keys
    settings, problems, remarks, facts = examine(
        # The value of an unknown key is not read, because it may be a secret.
        {key: plain.get(key) for key in keys if key not in secret_keys and key not in in_vain}
    )
    given = {key: config.require(key) for key in keys if key in secret_keys}
    if model is KubernetesSettings:
        problems += cluster_checks.beside_secrets(plain.get("kubernetes"), given.keys())
    else:
        problems += secrets.identity(given.keys(), newt_id_written="newtId" in keys)
        problems += secrets.kept_from_logs(given.keys(), facts.log_level)
    # A key that cannot be read is not missing.
    problems = [problem for problem in problems if problem.key.partition(".")[0] not in in_vain]
    problems += [encrypted_in_vain(key, model.secret_keys) for key in sorted(in_vain)]
    problems += secrets.check(given, encrypted)
    if settings is None or problems:
        raise SettingsError(problems)
    for remark in remarks:
        (pulumi.log.warn if remark.is_warning else pulumi.log.info)(str(remark))
    return settings, Secrets(
        newt_secret=config.get_secret(secrets.NEWT_SECRET),
        newt_provisioning_key=config.get_secret(secrets.PROVISIONING_KEY),
        ssh_private_key=config.get_secret(secrets.SSH_KEY),
        kubeconfig=config.get_secret(secrets.KUBECONFIG),
    )


def kubeconfig() -> str | None:
    """Return the kubeconfig as text, for the look at the cluster before any resource.

    No other secret is returned as text: do not store it, and do not put it into an error.
    """
    return pulumi.Config().get(secrets.KUBECONFIG)


class Judgement(NamedTuple):
    """``settings`` only if there is no problem. ``remarks`` are about a valid file, too, and
    ``facts`` what is valid in any file.
    """

    settings: AnySettings | None
    problems: list[Finding]
    remarks: list[Finding]
    facts: Facts


def judge(
    tree: Mapping[str, object], files: Files | None = None
) -> tuple[AnySettings | None, list[Finding]]:
    """Validate the plain keys of a stack file; settings only if there is no problem."""
    judgement = examine(tree, files)
    return judgement.settings, judgement.problems


def examine(tree: Mapping[str, object], files: Files | None = None) -> Judgement:
    """Validate like ``judge``, and return the remarks and facts too. ``files`` are the project's
    files; by default those of the working folder.
    """
    tree, model = dict(tree), model_of(tree)
    tree |= _in_full(tree, model.entry.reserved)
    found = validated(model, tree)
    derived = derive(found.facts, files or OnDisk())
    # Without a valid list there is no allow-list to add to.
    if derived.entries and isinstance(tree.get("egress", []), list):
        found = found.with_entries(derived.entries)
    checked = list(checks.check(found.facts))
    remarks = [*derived.remarks, *(one for one in checked if not one.is_error)]
    checked = [one for one in checked if one.is_error]
    problems = [*derived.problems, *found.problems, *checked]
    return Judgement(None if problems else found.settings, problems, remarks, found.facts)


def model_of(tree: Mapping[str, object]) -> type[AnySettings]:
    """Return the model of the file's platform. A wrong platform is guessed from the sections."""
    platform = tree.get("platform")
    if isinstance(platform, str) and platform in MODELS:
        return MODELS[platform]
    return KubernetesSettings if "kubernetes" in tree and "docker" not in tree else Settings


def _in_full(tree: Mapping[str, object], reserved: Set[str]) -> dict[str, object]:
    """Return the keys that may have a short form, in full."""
    section = {"pangolin": pangolin.in_full(tree["pangolin"])} if "pangolin" in tree else {}
    lists = ("egress", "mustNotReach")
    egress, must_not_reach = (tree.get(key) for key in lists)
    expanded = entries.expand(egress, must_not_reach, reserved)
    return section | {key: items for key, items in zip(lists, expanded, strict=True) if key in tree}


def _keys(config: pulumi.Config) -> list[str]:
    """Return every key in the project's namespace, known or not."""
    prefix = config.full_key("")
    everything = {**runtime.get_config_env(), **CONFIG.get()}
    return sorted(key.removeprefix(prefix) for key in everything if key.startswith(prefix))


def _is_encrypted(full_key: str) -> bool:
    return runtime.is_config_secret(full_key) or full_key in runtime.get_config_secret_keys_env()


def encrypted_in_vain(key: str, secret_keys: Iterable[str]) -> Finding:
    return Finding(
        key,
        NOT_SHOWN,
        f"is stored encrypted, whole or in part, but of all keys only {', '.join(secret_keys)} "
        f"are secrets; run: pulumi config rm {key}, then write it into the file as plain text",
    )


def decoded(text: str) -> object:
    """Decode a value: sections and lists come as JSON, everything else as text."""
    if text[:1] not in ("[", "{"):
        return text
    try:
        value: object = json.loads(text)
    except ValueError:
        # Text that happens to start with a bracket; its type will refuse it.
        return text
    return value
