"""The rules as Pulumi's SDK runs them: levels, and resources behind the SDK's own view."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi_policy as sdk
import pytest
import yaml
from pulumi_policy.proxy import unknown_checking_proxy

from policies.rules import RULES
from policies.view import Resource, Violation
from tests.unit.components.recording import UNKNOWN
from tests.unit.policies.judging import Data, changed, everything
from tests.unit.policies.recorder import NAMES, REPOSITORY, recorded

MANDATORY = {
    *("newt-is-confined", "no-plain-secret", "no-copied-secret", "no-docker-socket"),
    *("no-engine-volume", "no-host-network", "pinned-version"),
}
PACK = REPOSITORY / "policies"
CONTAINER = "newt-tunnel-newt-container"
_OPTIONS = sdk.PolicyResourceOptions(False, [], None, [], sdk.PolicyCustomTimeouts(0, 0, 0), [])


@pytest.fixture
def policies(monkeypatch: pytest.MonkeyPatch) -> list[sdk.Policy]:
    """What `policies/__main__.py` hands to Pulumi."""
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with mock.patch.object(sdk, "PolicyPack") as pack:
        runpy.run_path(str(PACK), run_name="__main__")
    ((_, found),) = (call.args for call in pack.call_args_list)
    assert isinstance(found, list)
    return found


def said(policies: list[sdk.Policy], data: Data) -> dict[str, list[str]]:
    """What the policies report, by rule: as the SDK's server calls them."""
    together = _as_stack(data)
    found: dict[str, list[str]] = {}
    for policy in policies:

        def report(text: str, _urn: str | None = None, name: str = policy.name) -> None:
            found.setdefault(name, []).append(text)

        if isinstance(policy, sdk.StackValidationPolicy):
            policy.validate(sdk.StackValidationArgs(together), report)
        elif isinstance(policy, sdk.ResourceValidationPolicy):
            for one in data:
                properties = unknown_checking_proxy(one["inputs"])
                policy.validate(
                    sdk.ResourceValidationArgs(
                        one["type"], properties, one["urn"], one["name"], _OPTIONS, None
                    ),
                    report,
                )
    return found


def _as_stack(data: Data) -> list[sdk.PolicyResource]:
    views: Mapping[str, sdk.PolicyResource] = {
        one["urn"]: sdk.PolicyResource(
            one["type"],
            unknown_checking_proxy(one["outputs"]),
            one["urn"],
            one["name"],
            _OPTIONS,
            None,
            None,
            [],
            {},
        )
        for one in data
    }
    for one in data:
        views[one["urn"]].parent = views.get(one["parent"])
        views[one["urn"]].dependencies = [views[urn] for urn in one["needs"]]
        if provider := views.get(one["provider"]):
            views[one["urn"]].provider = sdk.PolicyProviderResource(
                provider.resource_type, provider.props, provider.urn, provider.name
            )
    return list(views.values())


def test_the_levels_are_those_that_the_documentation_promises(policies: list[sdk.Policy]) -> None:
    levels = {policy.name: policy.enforcement_level for policy in policies}
    assert set(levels) == {rule.name for rule in RULES}
    for name, level in levels.items():
        expected = "MANDATORY" if name in MANDATORY else "ADVISORY"
        assert level is sdk.EnforcementLevel[expected], name


def test_every_rule_is_documented_by_its_name_and_level() -> None:
    text = (REPOSITORY / "docs" / "policies.md").read_text()
    for rule in RULES:
        assert f"| `{rule.name}` | {rule.level.value} |" in text
        assert rule.description.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_behind_the_sdks_view_a_rule_finds_the_same(policies: list[sdk.Policy], name: str) -> None:
    assert said(policies, recorded(name)) == everything(recorded(name))


def test_a_value_that_a_preview_does_not_know_hides_no_other(policies: list[sdk.Policy]) -> None:
    def change(properties: dict[str, Any]) -> None:
        properties.update(image=UNKNOWN, dns=UNKNOWN, networkMode="host", mounts=[UNKNOWN])

    found = said(policies, changed("nas-preview", CONTAINER, change))
    assert found["no-host-network"] == [
        f"{CONTAINER}: networkMode: host: newt would be the machine itself, where no cage holds "
        "it: take it out"
    ]


def test_a_finding_is_one_line_whatever_the_value() -> None:
    resource = Resource(type="a:b:C", name="web", urn="urn", properties={})
    line = str(
        Violation(resource=resource, property="a", value="x\n\x1b[2J" * 99, remedy="mend it")
    )
    assert line.isprintable()
    assert len(line) < 200
    assert line.endswith("...: mend it")


def installed(requirements: Path) -> Iterator[str]:
    """What pip installs by a file of requirements, and by those that it includes."""
    for line in requirements.read_text().splitlines():
        if line.startswith("-r "):
            yield from installed(requirements.parent / line.removeprefix("-r "))
        elif not line.startswith("#"):
            yield line


def test_the_readmes_own_installation_installs_what_the_pack_needs() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    (named,) = re.findall(r"pip install -r (\S+)", readme)
    packages = {line.partition("==")[0] for line in installed(REPOSITORY / named)}
    assert {"pulumi-policy", "pulumi", "pydantic"} <= packages


def test_a_pack_whose_packages_are_missing_says_how_to_install_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pulumi_policy", None)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(PACK), run_name="__main__")
    assert "pulumi_policy is not installed" in str(ended.value)
    assert ".venv/bin/pip install -r policies/requirements.txt" in str(ended.value)


def test_the_pack_runs_in_the_programs_own_environment() -> None:
    project = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    program = yaml.safe_load((REPOSITORY / "Pulumi.yaml").read_text())
    options = project["runtime"]["options"]
    assert options["virtualenv"] == f"../{program['runtime']['options']['virtualenv']}"
    assert options["toolchain"] == program["runtime"]["options"]["toolchain"]
    requirements = (PACK / "requirements.txt").read_text()
    assert "-r ../requirements.txt" in requirements, "rules use parts of the program"
    assert "pulumi-policy==" in requirements, "pinned like all else"
