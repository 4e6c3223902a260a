"""What Kubernetes would refuse is an error before anything is changed."""

from __future__ import annotations

import pytest

from newt_tunnel.cluster.lookup.limits import LONGEST_ANNOTATIONS, policy_too_large


def test_annotations_are_counted_as_the_api_server_counts_them() -> None:
    fits = {"a" * 100: "b" * (LONGEST_ANNOTATIONS - 2 * 1024)}
    assert list(policy_too_large({}, fits)) == []
    (line,) = map(str, policy_too_large({}, {"a": "ä" * (LONGEST_ANNOTATIONS // 2)}))
    assert line.startswith("egress: names, reasons and destinations take 263169 bytes")
    assert "Kubernetes takes 262144; shorten the longest `reason`" in line


@pytest.mark.parametrize(("rules", "wrong"), [(5_000, False), (30_000, True)])
def test_a_policy_that_fits_in_no_object_is_an_error(rules: int, wrong: bool) -> None:
    spec = {"egress": [{"to": [{"ipBlock": {"cidr": f"10.0.0.{n}/32"}}]} for n in range(rules)]}
    lines = [str(one) for one in policy_too_large(spec, {})]
    assert [line.startswith("egress: the policy takes ") for line in lines] == [True] * wrong
