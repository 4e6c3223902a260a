"""The program of a former commit, and what today's changes of that which it deployed.

Owns which commit that is, and how its files are taken from this repository's history. The shell
programs that travel to a host or into a pod were changed on purpose since, and so were the names of
newt's rules on a Docker host, which are the stack's own now: each resource that carries one of them
is changed once. Everything else must be as it was: URNs, parents, dependencies, and every input but
the text of these programs, those names, and the generated name of a resource that is replaced.
newt's network and container keep theirs.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import subprocess
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import pytest

from newt_tunnel.cluster.pod import GATE, PROBE
from newt_tunnel.docker_host.docker_names import DockerNames
from newt_tunnel.docker_host.programs import EGRESS, PROOF
from tests.deployment import REPOSITORY, Deployment

#: The last commit before the product moved into one package, which was to change no deployed stack.
#: A later change that is meant to show on deployed stacks, and not in its shell programs alone,
#: replaces it, in the commit that follows.
COMMIT = "4a29be224268b2ba586b40241b1ed55cc76c4bd5"
CREDENTIALS = DockerNames.of(None).credentials
#: Not part of the program, and most of the files.
LEFT_OUT = (":!tests", ":!docs")
#: Where COMMIT has the shell programs, and their text today.
SHELL_PROGRAMS = {
    "host/newt-egress": EGRESS,
    "host/newt-proof": PROOF,
    "pod/newt-gate": GATE,
    "pod/newt-probe": PROBE,
}

#: The Kubernetes provider's mark on an object that it named, and how such a name ends.
AUTONAMED = "pulumi.com/autonamed"
RANDOM_END = re.compile(r"-[0-9a-f]{8}$")
#: In the URN of a Job, whose pod template is immutable.
JOB = "kubernetes:batch/v1:Job::"


#: What was one newt's on a host, and is now one of several: the declaration, the rules' names, and
#: the commands for the host's program.
NAMES_OF_AN_INSTANCE = (
    ("\nowner=", "\nformat=2\ninstance=nas\nowner="),
    ("\ncontainer=newt-tunnel\n", "\ncontainer=newt-tunnel\ncredentials=" + CREDENTIALS + "\n"),
    ("NEWT-EGRESS", "NEWT-EGRESS-nas"),
    ("NEWT-INGRESS", "NEWT-INGRESS-nas"),
    ("END-OF-NEWT-EGRESS-nas", "END-OF-NEWT-EGRESS"),
    ("newt_guard", "newt_guard_nas"),
    ("newt-egress credentials ", "newt-egress --instance nas credentials "),
    ("sh -s -- enforce", "sh -s -- enforce nas"),
    (
        "        owner=$(sed -n",
        "        instance=$(sed -n 's/^instance=//p' \"$staging/declaration\")\n"
        "        owner=$(sed -n",
    ),
    ('newt-egress" remove', 'newt-egress" --instance "$instance" remove'),
)


def former_program(folder: Path) -> Path:
    """The files of COMMIT, unpacked into ``folder``.

    Skips the test where this clone does not have the commit.
    """
    archive = subprocess.run(
        ["git", "-C", str(REPOSITORY), "archive", COMMIT, "--", ".", *LEFT_OUT],
        capture_output=True,
        check=False,
    )
    if archive.returncode != 0:
        why = archive.stderr.decode().strip()
        pytest.skip(f"commit {COMMIT[:7]} is not here (git fetch --unshallow gets it): {why}")
    subprocess.run(["tar", "-xC", str(folder)], input=archive.stdout, check=True)
    return folder


def assert_today_changes_only_shell_programs(program: Path, deployment: Deployment) -> None:
    """Deploy the stack anew with the former ``program``, then go on with today's."""
    deployment.destroy()
    deployment.change_program(sorted(program.iterdir()))
    try:
        deployment.up()
        former = declared(deployment)
    finally:
        deployment.change_program()
    expected = with_todays_shell_programs(former, program)
    changed = {urn for urn in former if former[urn] != expected[urn]}
    planned = planned_changes(deployment.preview())
    assert set(planned) <= {"update", "replace"}, planned
    assert sum(planned.values()) == len(changed), planned
    deployment.up()
    found, due = (without_new_names(all_, changed) for all_ in (declared(deployment), expected))
    assert found == due, "another difference than in the shell programs"
    deployment.preview("--expect-no-changes")


def declared(deployment: Deployment) -> dict[str, Any]:
    """URN of each resource to what the program declared, text that travels to the host included."""
    state = json.loads(deployment.pulumi("stack", "export", "--show-secrets").stdout)
    return {
        resource["urn"]: {
            "parent": resource.get("parent"),
            "inputs": resource.get("inputs"),
            "depends on": sorted(resource.get("dependencies") or ()),
        }
        for resource in state["deployment"]["resources"]
    }


def with_todays_shell_programs(former: Mapping[str, Any], program: Path) -> dict[str, Any]:
    """What ``former`` would be if the shell programs had been today's: where their texts are in it,
    and where the first digits of their hashes are (``Declaration.arrangement``)."""
    text = json.dumps(former)
    programs = {name: (program / name).read_text() for name in SHELL_PROGRAMS}
    for name, before in programs.items():
        text = text.replace(_in_json(before), f"<{name}>")
    for before, now in NAMES_OF_AN_INSTANCE:
        text = text.replace(_in_json(before), _in_json(now))
    for name, today in SHELL_PROGRAMS.items():
        text = text.replace(f"<{name}>", _in_json(today))
        text = text.replace(_short_hash(programs[name]), _short_hash(today))
    result: dict[str, Any] = json.loads(text)
    return result


def without_new_names(resources: Mapping[str, Any], changed: Set[str]) -> dict[str, Any]:
    """``resources`` without the random end of the names of ``changed`` Jobs: another program
    replaces a Job, and the provider gives each replacement another name. All other names count.
    """
    result: dict[str, Any] = copy.deepcopy(dict(resources))
    for urn in changed & result.keys():
        metadata = result[urn]["inputs"].get("metadata", {})
        if JOB in urn and metadata.get("annotations", {}).get(AUTONAMED) == "true":
            metadata["name"] = RANDOM_END.sub("", metadata["name"])
    return result


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def planned_changes(preview: str) -> dict[str, int]:
    """How many resources a preview would create, update and so on."""
    _, heading, summary = preview.partition("Resources:\n")
    assert heading, preview
    planned = re.findall(r"^ +[^\s\d]+ ?(\d+) to (\w+)", summary, re.MULTILINE)
    return {operation: int(count) for count, operation in planned}
