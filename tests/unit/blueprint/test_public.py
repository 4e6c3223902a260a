"""Public resources: what newt dials for them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.blueprint.given import exposed, fault, faults, found, notes, public


def resource(*targets: Any, **keys: Any) -> dict[str, Any]:
    named = {key.replace("_", "-"): value for key, value in keys.items()}
    return {"public-resources": {"web": {"name": "Web", **named, "targets": list(targets)}}}


TARGET = {"hostname": "10.0.1.77", "port": 80}


@pytest.mark.parametrize(
    ("mode", "protocol"),
    [("http", "tcp"), ("tcp", "tcp"), ("udp", "udp"), ("ssh", "tcp"), ("rdp", "tcp")],
)
def test_a_target_is_its_host_and_port(mode: str, protocol: str) -> None:
    assert exposed(resource(TARGET, mode=mode)) == [f"10.0.1.77 80/{protocol}"]
    assert exposed(resource(TARGET, protocol=mode)) == [f"10.0.1.77 80/{protocol}"], "its old name"


def test_the_new_name_of_the_mode_counts_where_both_are_written() -> None:
    assert exposed(resource(TARGET, mode="udp", protocol="tcp")) == ["10.0.1.77 80/udp"]


def test_a_resource_of_targets_only_is_http_where_they_have_a_method() -> None:
    document = {"public-resources": {"web": {"targets": [{**TARGET, "method": "https"}]}}}
    assert exposed(document) == ["10.0.1.77 80/tcp"]
    del document["public-resources"]["web"]["targets"][0]["method"]
    assert "TCP and UDP cannot be distinguished" in fault(document)


def test_a_health_check_has_a_host_and_port_of_its_own() -> None:
    check = {"hostname": "10.0.1.78", "port": 81}
    assert exposed(public(healthcheck=check)) == ["10.0.1.77 80/tcp", "10.0.1.78 81/tcp"]
    assert exposed(public(healthcheck={**check, "enabled": False})) == ["10.0.1.77 80/tcp"]
    assert exposed(public(healthcheck=None)) == ["10.0.1.77 80/tcp"]


def test_the_health_check_of_a_udp_target_is_tcp() -> None:
    target = {**TARGET, "healthcheck": {"hostname": "10.0.1.77", "port": 81, "mode": "tcp"}}
    assert exposed(resource(target, mode="udp")) == ["10.0.1.77 80/udp", "10.0.1.77 81/tcp"]


def test_entries_of_the_list_may_be_null() -> None:
    assert exposed(resource(None, TARGET, None, mode="tcp")) == ["10.0.1.77 80/tcp"]


def test_what_is_disabled_is_skipped_with_its_health_check_and_said_so() -> None:
    check = {"hostname": "10.0.1.78", "port": 81}
    assert exposed(public(enabled=False, healthcheck=check)) == []
    where = "public-resources.web.targets[0]: skipped: it has enabled: false"
    assert notes(public(enabled=False)) == [where]
    disabled = resource(TARGET, mode="http", enabled=False)
    assert exposed(disabled) == []
    assert notes(disabled) == ["public-resources.web: skipped: it has enabled: false"]


def test_a_switch_that_readers_of_yaml_disagree_about_is_an_error() -> None:
    assert "is neither true nor false" in fault(public(enabled="no"))


def test_a_target_without_a_site_is_ours_and_one_of_another_site_is_skipped() -> None:
    mine, other = {**TARGET, "site": "nas"}, {**TARGET, "port": 81, "site": "shop"}
    document = resource(mine, other, {**TARGET, "port": 82}, mode="tcp")
    assert exposed(document, site="nas") == ["10.0.1.77 80/tcp", "10.0.1.77 82/tcp"]
    assert notes(document, site="nas") == [
        "public-resources.web.targets[1]: skipped: it belongs to another site, shop"
    ]


def test_a_site_is_an_error_where_the_stack_does_not_say_which_is_its_own() -> None:
    assert "write its identifier as the stack's blueprint.site" in fault(public(site="nas"))


def test_inference_and_an_unknown_mode_are_refused() -> None:
    assert fault(resource(mode="inference")).startswith("public-resources.web.mode: leads to")
    assert "write http, tcp, udp" in fault(resource(TARGET, mode="quic"))


def test_of_another_auth_daemon_only_the_ssh_server_is_exposed() -> None:
    """In mode site newt is the daemon itself; a remote one needs a key that newt has not got."""
    for mode in ("site", "remote"):
        document = resource(TARGET, mode="ssh", auth_daemon={"mode": mode, "port": 22123})
        assert exposed(document) == ["10.0.1.77 80/tcp"]
    (note,) = found(document).notes
    assert note.is_warning
    assert "AD_KEY" in note.remedy


def test_newts_own_ssh_server_dials_nothing() -> None:
    document = resource(TARGET, mode="ssh", auth_daemon={"mode": "native"})
    assert exposed(document) == []
    assert "newt's own SSH server" in notes(document)[0]


@pytest.mark.parametrize(
    ("target", "where", "remedy"),
    [
        ({"hostname": None}, "hostname", "write the address or name"),
        ({"hostname": 10}, "hostname", "write the address or name"),
        ({"port": None}, "port", "as a number without quotes"),
        ({"port": "80"}, "port", "as a number without quotes"),
        ({"port": True}, "port", "as a number without quotes"),
        ({"port": 0}, "port", "out of range"),
        ({"port": 65536}, "port", "out of range"),
        ({"healthcheck": 5}, "healthcheck", "is not a map"),
        ({"healthcheck": {"hostname": "a"}}, "healthcheck.port", "write the port"),
        ({"healthcheck": {"port": 1}}, "healthcheck.hostname", "write the address"),
        ({"site": 7}, "site", "is not the identifier of a site"),
    ],
)
def test_a_damaged_target_is_an_error_that_names_its_place(
    target: dict[str, Any], where: str, remedy: str
) -> None:
    line = fault(public(**target))
    assert line.startswith(f"public-resources.web.targets[0].{where}: ")
    assert remedy in line


def test_a_health_check_of_an_unknown_kind_is_an_error() -> None:
    check = {"hostname": "10.0.1.77", "port": 161, "mode": "snmp"}
    assert "write http or tcp" in fault(public(healthcheck=check))


def test_a_damaged_target_does_not_hide_what_else_is_wrong() -> None:
    broken = resource({"port": 80}, {**TARGET, "port": 0}, mode="tcp")
    broken["public-resources"]["other"] = 5
    assert [line.partition(": ")[0] for line in faults(broken)] == [
        "public-resources.web.targets[0].hostname",
        "public-resources.web.targets[1].port",
        "public-resources.other",
    ]


@pytest.mark.parametrize("targets", ["text", {"a": 1}, 5])
def test_targets_that_are_no_list_are_an_error(targets: object) -> None:
    document = {"public-resources": {"web": {"mode": "tcp", "targets": targets}}}
    assert fault(document).startswith("public-resources.web.targets: is not a list")


def test_sections_have_an_old_name_and_may_be_empty() -> None:
    document = {"proxy-resources": public()["public-resources"], "private-resources": None}
    assert exposed(document) == ["10.0.1.77 80/tcp"]
    assert found(document).exposures[0].where == "proxy-resources.web.targets[0]", (
        "as it is written"
    )


def test_a_resource_under_both_names_is_an_error() -> None:
    both = {**public(), "proxy-resources": public(port=81)["public-resources"]}
    assert fault(both) == "proxy-resources.web: is in public-resources too; keep one of the two"


def test_an_unknown_section_is_said_and_not_named() -> None:
    (note,) = found({**public(), "public-resuorces": {}}).notes
    assert note.is_warning
    assert "resuorces" not in note.remedy
    assert found({**public(), "sites": {}, "public-policies": {}}).notes == ()


@pytest.mark.parametrize("key", ["a b", "$(x)", "", "-a", "a" * 64, "é", "a\nb", 'a"b'])
def test_a_key_that_cannot_name_a_rule_is_an_error(key: str) -> None:
    document = {"public-resources": {key: {"mode": "tcp", "targets": [TARGET]}}}
    assert "cannot be the name of a rule" in fault(document)
