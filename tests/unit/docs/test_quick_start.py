"""The quick start shows all that a reader has to replace; what is not shown is found."""

from __future__ import annotations

import pytest
import yaml

from tests import readme
from tests.readme import Substitutions
from tests.unit.docs.documents import REPOSITORY

HEADINGS = {
    "nas": ("By hand", readme.GETTING_STARTED),
    "k3s-home": ("A Kubernetes cluster", readme.README),
}
#: What looks like a reader's own value in an example, and fits every reader: the defaults of newt's
#: own network and namespace, and of the cluster's DNS.
FITS_ALL = {
    *("172.30.0.0", "172.30.0.10", "newt-tunnel", "kube-system", "{k8s-app: kube-dns}"),
}
TABLE = {"10.0.1.10": "192.168.7.2", "admin": "ann"}


@pytest.mark.parametrize("stack", HEADINGS)
def test_no_value_of_the_example_is_left_in_the_stack_file_of_a_reader(stack: str) -> None:
    shown = readme.block(HEADINGS[stack][0], "yaml", HEADINGS[stack][1])
    file = (REPOSITORY / "stacks" / f"Pulumi.{stack}.yaml").read_text()
    substitutions = Substitutions(dict.fromkeys(readme.placeholders(shown), "reader"))
    edited = readme.edited(file, shown, substitutions)
    substitutions.assert_used()
    left = readme.placeholders(readme.uncommented(edited)) - FITS_ALL
    assert left <= {"reader"}, f"stacks/Pulumi.{stack}.yaml: its page does not show {left}"
    assert yaml.safe_load(edited)["config"].keys() == yaml.safe_load(file)["config"].keys()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("git clone REPOSITORY newt-tunnel", {"REPOSITORY"}),
        ("ssh admin@10.0.1.10 sudo newt-egress status", {"admin", "10.0.1.10"}),
        ("- homeassistant.lan:8123:tcp", {"homeassistant.lan"}),
        ("endpoint: https://pangolin.example.com", {"pangolin.example.com"}),
        ("- {name: gitea, namespace: git, labels: {app: web}, port: 1}", {"git", "{app: web}"}),
        ("- {name: grafana, service: monitoring/grafana, port: 3000}", {"monitoring/grafana"}),
        ("kubectl --context k3s-home get pods", {"k3s-home"}),
        ("addresses: [203.0.113.10] # a comment", {"203.0.113.10"}),
        (".venv/bin/pip install -r policies/requirements.txt", set()),
    ],
)
def test_what_is_a_readers_own_is_found(text: str, found: set[str]) -> None:
    assert readme.placeholders(text) == found


def test_a_reader_writes_their_own_values() -> None:
    substitutions = Substitutions(TABLE)
    assert substitutions.fill("ssh admin@10.0.1.10 id") == "ssh ann@192.168.7.2 id"
    assert (
        substitutions.fill("10.0.1.10/32 user: admin # admin") == "192.168.7.2/32 user: ann # admin"
    )
    substitutions.assert_used()


def test_a_value_that_nobody_replaces_and_a_replacement_for_nothing_are_errors() -> None:
    substitutions = Substitutions(TABLE)
    with pytest.raises(AssertionError, match=r"'10\.0\.1\.50'"):
        substitutions.fill("nc 10.0.1.50 3000")
    with pytest.raises(AssertionError, match="'admin'"):
        substitutions.assert_used()


def test_a_line_that_is_not_in_the_stack_file_is_an_error() -> None:
    with pytest.raises(AssertionError, match="0 lines of the stack file"):
        readme.edited("config:\n  a: 1\n", "b: 2\n", Substitutions({}))
    with pytest.raises(AssertionError, match="2 lines of the stack file"):
        readme.edited("a: 1\na: 1\n", "a: 1\n", Substitutions({}))
