"""All rules: name, sentence, level, and the function that judges.

Mandatory rules about one resource stop it before it is made. A rule that needs the stack's graph,
or a reason in another resource, judges the whole stack at the end of the preview.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from policies import advice, confinement, exposed_secrets, machine, pinning, volumes
from policies.view import Resource, Violation


class RuleLevel(enum.Enum):
    #: Fails the preview and the update.
    MANDATORY = "mandatory"
    #: Is reported, unless the stack file gives a reason.
    ADVISORY = "advisory"


@dataclass(frozen=True)
class ResourceRule:
    name: str
    description: str
    level: RuleLevel
    check: Callable[[Resource], Iterable[Violation]]


@dataclass(frozen=True)
class StackRule:
    name: str
    description: str
    level: RuleLevel
    check: Callable[[list[Resource]], Iterable[Violation]]


RULES: tuple[ResourceRule | StackRule, ...] = (
    StackRule(
        "newt-is-confined",
        "A firewall or a NetworkPolicy confines newt, and is there before it.",
        RuleLevel.MANDATORY,
        confinement.unconfined,
    ),
    ResourceRule(
        "no-plain-secret",
        "No credential is where others can read it.",
        RuleLevel.MANDATORY,
        exposed_secrets.secrets_in_the_clear,
    ),
    StackRule(
        "no-copied-secret",
        "newt's secret is in no resource but the one that newt reads it from.",
        RuleLevel.MANDATORY,
        exposed_secrets.copied_secrets,
    ),
    ResourceRule(
        "no-docker-socket",
        "newt does not get the socket of a container engine.",
        RuleLevel.MANDATORY,
        machine.docker_socket,
    ),
    StackRule(
        "no-engine-volume",
        "No volume of newt is a folder of the host that holds the socket of a container engine.",
        RuleLevel.MANDATORY,
        volumes.host_folders,
    ),
    ResourceRule(
        "no-host-network",
        "newt shares neither the machine's network nor its processes, and is not privileged.",
        RuleLevel.MANDATORY,
        machine.host_access,
    ),
    ResourceRule(
        "pinned-version",
        "newt's image and chart have an exact version.",
        RuleLevel.MANDATORY,
        pinning.unpinned,
    ),
    StackRule(
        "confinement-is-known",
        "What decides whether newt is confined is known in the preview.",
        RuleLevel.ADVISORY,
        confinement.not_known,
    ),
    StackRule(
        "no-whole-namespace",
        "newt reaches the pods it needs, not a whole namespace.",
        RuleLevel.ADVISORY,
        advice.whole_namespaces,
    ),
    StackRule(
        "no-wide-target",
        "newt reaches neither everything nor a whole private network.",
        RuleLevel.ADVISORY,
        advice.wide,
    ),
    StackRule(
        "no-added-capability",
        "newt has no kernel capability.",
        RuleLevel.ADVISORY,
        advice.capabilities,
    ),
    StackRule(
        "proof-is-on",
        "What newt can reach is tried out.",
        RuleLevel.ADVISORY,
        advice.unproved,
    ),
    StackRule(
        "image-has-digest",
        "newt's image is named by its content.",
        RuleLevel.ADVISORY,
        pinning.without_digest,
    ),
)
