"""All other changes of a stack file: secrets, settings of other providers, and each setting that
neither ``safeguards`` nor ``changes`` reports.

A new setting is reported without a line here. The exceptions are listed with their reasons; a test
checks all keys. For a secret only the fact of a change is known, and no value is shown or stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from newt_tunnel.settings import secrets
from newt_tunnel.stackfile.layout import Project
from newt_tunnel.stackfile.stacks import Stack
from newt_tunnel.tools.review.safeguard_settings import KEYS as SAFEGUARD_KEYS
from newt_tunnel.tools.review.safeguards import NOT_THERE, Effect, SafeguardChange

#: Compared as reach, not as text.
REACH = (
    *("egress", "mustNotReach", "dns"),
    *("pangolin.addresses", "pangolin.nodes", "pangolin.ports"),
    *("blueprint.file", "blueprint.site", "blueprint.allPorts"),
)
#: Changes that are not reported, and why.
NOT_REPORTED: Mapping[str, str] = {
    "docker.firewall": "both kinds hold the same rules, which property tests say",
    "egress[].name": "whatever it is called, what it opens is compared",
    "egress[].reason": "a remark, which is shown with its entry",
    "kubernetes.chart.version": "a version that moves on; the proof judges what it installs",
    "newt.health": "whether Docker or the cluster can see that newt works",
    "reasons": "remarks; each is shown where its setting is reported",
}
_MEANINGS: Mapping[str, str] = {
    "agent.name": "another program holds the tunnel, under the same rules",
    "docker.instance": "what is newt's on the host gets other names; an update refuses that while "
    "newt is deployed",
    "newt.environment": "newt runs with another variable; its documentation says what it does",
    "newtId": "newt is another site to Pangolin, with that site's resources",
    secrets.NEWT_SECRET: "newt logs in with another secret, so it may be another site to Pangolin",
    secrets.PROVISIONING_KEY: "newt registers itself with another key, maybe as another site",
    secrets.SSH_KEY: "another key logs in to the host",
    secrets.KUBECONFIG: "newt may run in another cluster, and with other rights",
    "environment": "other values are imported, which this review does not see",
    "secretsprovider": "another provider encrypts the secrets",
    "encryptedkey": "the secrets are encrypted by another key",
    "encryptionsalt": "the secrets are encrypted by another passphrase",
}
_UNKNOWN = "this review does not judge what it does"
_OTHER_PROVIDER = "another provider's setting, which this review does not judge"
_THERE, _OTHER_VALUE = "(not shown)", "(not shown, another value)"


def other_changes(before: Stack | None, after: Stack) -> tuple[SafeguardChange, ...]:
    """Return these changes: none for a new stack, and for another platform those of common keys."""
    if before is None:
        return ()
    return (*_settings(before, after), *_hidden(before, after))


def project_notes(before: Project | None, after: Project | None) -> tuple[str, ...]:
    """Return the changes of the project file that are no settings of ours."""
    if before is None or after is None:
        return ()
    names = {"name": (before.name, after.name)} if before.name != after.name else {}
    changed = [*names, *_changed(before.others, after.others)]
    return tuple(
        f"{after.file}: {key} changed: it has a part in what Pulumi runs and where, which this "
        "review does not judge"
        for key in changed
    )


def is_reported_elsewhere(key: str) -> bool:
    """Whether ``safeguards`` or the reach reports the key."""
    return key in SAFEGUARD_KEYS or _is_below(key, (*REACH, "newt.unknownEnvironment"))


def _settings(before: Stack, after: Stack) -> Iterator[SafeguardChange]:
    old, new = _written(before), _written(after)
    if before.settings.platform is not after.settings.platform:
        common = old.keys() & new.keys()
        old, new = ({key: one[key] for key in common} for one in (old, new))
    for key in _changed(old, new):
        if not is_reported_elsewhere(key) and not _is_below(key, NOT_REPORTED):
            yield SafeguardChange(
                key=key,
                before=_shown(old.get(key)),
                after=_shown(new.get(key)),
                effect=Effect.MOVED,
                meaning=_meaning(key),
                reason=after.settings.reasons.given().get(key.rpartition(".")[2]),
            )


def _hidden(before: Stack, after: Stack) -> Iterator[SafeguardChange]:
    """Yield changes of hidden values: only whether they exist, and are equal."""
    for old, new in ((before.secrets, after.secrets), (before.around, after.around)):
        for key in _changed(old, new):
            yield SafeguardChange(
                key=key,
                before=_THERE if key in old else NOT_THERE,
                after=NOT_THERE if key not in new else _OTHER_VALUE if key in old else _THERE,
                effect=Effect.MOVED,
                meaning=_OTHER_PROVIDER if ":" in key else _meaning(key),
            )


def _written(stack: Stack) -> dict[str, object]:
    # Entries are reach, and too many to write out.
    tree = stack.settings.model_dump(
        mode="json", by_alias=True, exclude={"egress", "must_not_reach"}
    )
    return dict(_leaves(tree))


def _leaves(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    return [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]


def _is_below(key: str, keys: Iterable[str]) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in keys)


def _meaning(key: str) -> str:
    return next((text for one, text in _MEANINGS.items() if _is_below(key, (one,))), _UNKNOWN)


def _shown(value: object) -> str:
    if value is None:
        return NOT_THERE
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(str, value)) or NOT_THERE
    return str(value)
