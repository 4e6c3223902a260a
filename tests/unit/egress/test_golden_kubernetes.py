"""NetworkPolicies are compared with files, so that a change of a rule can be read in a review.

A directory per case under ``tests/golden-kubernetes``: ``policy.txt`` goes in, all the rest comes
out. After a wanted change write them anew and read the diff, as ``test_golden`` says.
"""

from __future__ import annotations

import pytest
import yaml

from egress.model import Policy
from egress.network_policy import annotations_of, deny_all, digest, newt_policy
from tests.unit.egress.cluster_cases import GOLDEN, golden
from tests.unit.egress.test_golden import differences, write

CASES = sorted(file.parent.name for file in GOLDEN.glob("*/policy.txt"))


@pytest.mark.parametrize("case", CASES)
def test_a_policy_renders_what_its_golden_file_says(case: str, pytestconfig: pytest.Config) -> None:
    files = rendered(golden(case))
    if pytestconfig.getoption("--update-golden", default=False):
        write(GOLDEN / case, files)
    difference = "".join(differences(GOLDEN / case, files))
    assert not difference, f"another text than tests/golden-kubernetes/{case}:\n{difference}"


def test_every_directory_of_golden_files_is_a_case() -> None:
    assert sorted(folder.name for folder in GOLDEN.iterdir()) == CASES


def rendered(policy: Policy) -> dict[str, str]:
    """Manifests, complete enough for kubectl apply --dry-run=server."""
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    newts = kind | {
        "metadata": {"name": "newt-tunnel-netpol", "annotations": annotations_of(policy, "newt")},
        "spec": newt_policy(policy, "newt"),
    }
    everybodys = kind | {"metadata": {"name": "deny-all"}, "spec": deny_all()}
    text = yaml.dump_all([newts, everybodys], Dumper=_Plain, sort_keys=False, width=100)
    return {"networkpolicy.yaml": text, "digest": f"{digest(policy)}\n"}


class _Plain(yaml.SafeDumper):
    """Writes everything out, without references to what was written before."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True
