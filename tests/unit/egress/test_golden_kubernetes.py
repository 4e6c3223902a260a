"""NetworkPolicies are compared with files, so that a change of a rule can be read in a review.

A directory per case under ``tests/golden-kubernetes``: ``policy.txt`` goes in, newt's policy comes
out. The one that denies everything to the namespace is in ``every-policy``. After a wanted change
write the files anew and read the diff, as ``test_golden`` says.
"""

from __future__ import annotations

import pytest
import yaml

from newt_tunnel.egress.network_policy import annotations_of, deny_all, digest, newt_policy
from newt_tunnel.egress.rules import Policy
from tests.unit.egress.cluster_cases import GOLDEN, golden
from tests.unit.egress.test_golden import EVERY_POLICY, check

CASES = sorted(file.parent.name for file in GOLDEN.glob("*/policy.txt"))


@pytest.mark.parametrize("case", CASES)
def test_a_policy_renders_what_its_golden_file_says(case: str, pytestconfig: pytest.Config) -> None:
    check(GOLDEN / case, rendered(golden(case)), pytestconfig)


def test_what_denies_everything_renders_what_its_golden_file_says(
    pytestconfig: pytest.Config,
) -> None:
    text = manifest({"name": "deny-all"}, deny_all())
    check(GOLDEN / EVERY_POLICY, {"deny-all.yaml": text}, pytestconfig)


def test_every_directory_of_golden_files_is_a_case() -> None:
    assert {folder.name for folder in GOLDEN.iterdir()} == {*CASES, EVERY_POLICY}


def rendered(policy: Policy) -> dict[str, str]:
    annotations = annotations_of(policy, "newt")
    assert digest(policy) in annotations.values(), "the digest would be in no golden file"
    metadata = {"name": "newt-tunnel-netpol", "annotations": annotations}
    return {"networkpolicy.yaml": manifest(metadata, newt_policy(policy, "newt"))}


def manifest(metadata: object, spec: object) -> str:
    """Complete enough for kubectl apply --dry-run=server."""
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    whole = kind | {"metadata": metadata, "spec": spec}
    return yaml.dump(whole, Dumper=_Plain, sort_keys=False, width=100)


class _Plain(yaml.SafeDumper):
    """Writes everything out, without references to what was written before."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True
