"""Derived targets beside written ones: names, doubles, contradictions, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from newt_tunnel.settings.files import OnDisk
from newt_tunnel.settings.load import examine
from newt_tunnel.settings.policy import policy
from newt_tunnel.settings.stack import KubernetesSettings, Settings
from tests.unit.blueprint.given import FILE, judged, names, private, problems, public, text_of
from tests.unit.settings.example import ABSENT, cluster_stack, shipped, stack

GITEA = {"name": "gitea", "host": "10.0.1.77", "port": 80}


def resources(**targets: list[dict[str, Any]]) -> dict[str, Any]:
    """Public TCP resources by their keys; `_` stands for a dash."""
    return {
        "public-resources": {
            name.replace("_", "-"): {"name": name, "mode": "tcp", "targets": listed}
            for name, listed in targets.items()
        }
    }


def at(host: str, port: int, **keys: Any) -> dict[str, Any]:
    return {"hostname": host, "port": port, **keys}


def remarks(document: object, changes: dict[str, Any] | None = None) -> list[str]:
    judgement = judged(document, changes)
    assert not judgement.problems
    return [str(remark) for remark in judgement.remarks]


def allowed(document: object, changes: dict[str, Any] | None = None) -> list[str]:
    judgement = judged(document, changes)
    assert isinstance(judgement.settings, Settings), judgement.problems
    rules = policy(judgement.settings).allowed
    return [str(rule) for rule in rules if rule.name not in ("dns", "pangolin")]


# names


def test_a_target_has_the_name_of_its_resource() -> None:
    assert names(resources(gitea=[at("10.0.1.50", 3000)])) == ["gitea"]


def test_several_targets_of_a_resource_are_told_apart_by_what_differs() -> None:
    one_host = resources(gitea=[at("10.0.1.50", 3000), at("10.0.1.50", 22)])
    assert names(one_host) == ["gitea-3000", "gitea-22"]
    two_hosts = resources(gitea=[at("10.0.1.50", 3000), at("10.0.1.51", 3000)])
    assert names(two_hosts) == ["gitea-10.0.1.50", "gitea-10.0.1.51"]
    both = resources(web=[at("10.0.1.50", 1), at("10.0.1.50", 2), at("10.0.1.51", 1)])
    assert names(both) == ["web-10.0.1.50-1", "web-10.0.1.50-2", "web-10.0.1.51"]
    assert names(private(tcp_ports="53", udp_ports="53")) == ["box-53", "box-53-udp"]


def test_a_name_of_our_own_rules_is_not_taken() -> None:
    assert names(resources(dns=[at("10.0.1.50", 80)], pangolin=[at("10.0.1.51", 81)])) == [
        "dns-80",
        "pangolin-81",
    ]


def test_a_public_and_a_private_resource_of_one_name_are_told_apart() -> None:
    document = {**resources(box=[at("10.0.1.50", 80)]), **private()}
    assert names(document) == ["box", "box-22"]


# the same target twice


def test_a_target_of_two_resources_is_one_and_both_are_named() -> None:
    document = resources(first=[at("10.0.1.50", 80)], second=[at("10.0.1.50", 80)])
    assert names(document) == ["first"]
    assert (
        "blueprint.public-resources.second.targets[0]: "
        "blueprint.public-resources.first.targets[0] allows 10.0.1.50 80/tcp already"
    ) in remarks(document)


def test_a_health_check_of_the_target_itself_says_nothing_new() -> None:
    document = public(healthcheck={"hostname": "10.0.1.77", "port": 80})
    assert remarks(document) == [
        "blueprint.public-resources.web.targets[0]: allows web, 10.0.1.77 80/tcp"
    ]


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "web", "host": "10.0.1.77", "port": 80},
        {"name": "other", "host": "10.0.1.77", "port": 80},
        {"name": "other", "cidr": "10.0.1.77/32", "port": 80},
        {"name": "other", "host": "10.0.1.77", "port": [22, "70-90"]},
        "10.0.1.77:80:tcp",
    ],
)
def test_what_is_written_already_is_not_derived_again(entry: object) -> None:
    assert len(names(public(), {"egress": [entry]})) == 1
    assert remarks(public(), {"egress": [entry]}) == [
        "blueprint.public-resources.web.targets[0]: egress[0] allows 10.0.1.77 80/tcp already"
    ]


def test_of_several_ports_those_are_derived_that_are_missing() -> None:
    entry = {"name": "ssh", "host": "10.0.1.77", "port": 22}
    document = private(tcp_ports="22,443")
    assert allowed(document, {"egress": [entry]}) == [
        "ssh (10.0.1.77 22/tcp)",
        "box (10.0.1.77 443/tcp)",
    ]


def test_the_same_port_of_another_protocol_is_another_target() -> None:
    entry = {"name": "other", "host": "10.0.1.77", "port": 80, "protocol": "UDP"}
    assert len(names(public(), {"egress": [entry]})) == 2


def test_a_written_entry_may_cover_one_target_of_the_resource_of_its_name() -> None:
    document = resources(gitea=[at("10.0.1.77", 80), at("10.0.1.77", 22)])
    assert names(document, {"egress": [GITEA]}) == ["gitea", "gitea-22"]


# contradictions


def test_another_target_under_the_name_of_a_written_one_is_an_error_that_names_both() -> None:
    (line,) = problems(resources(gitea=[at("10.0.1.50", 3000)]), {"egress": [GITEA]})
    assert line == (
        "blueprint.public-resources.gitea.targets[0]: gitea, 10.0.1.50 3000/tcp: has the name of "
        "egress[0], which is another target: 10.0.1.77 80/tcp; make them the same, or rename "
        "egress[0]"
    )


def test_a_health_check_does_not_hide_that_contradiction() -> None:
    check = {"hostname": "10.0.1.50", "port": 3000}
    document = resources(gitea=[at("10.0.1.50", 3000, healthcheck=check)])
    (line,) = problems(document, {"egress": [GITEA]})
    assert "has the name of egress[0]" in line


def test_what_must_not_be_reached_contradicts_a_derived_target_and_both_are_named() -> None:
    never = {"name": "secret", "cidr": "10.0.1.64/26", "port": "1-1024"}
    (line,) = problems(public(), {"mustNotReach": [never]})
    assert line.startswith("mustNotReach[0]: secret (10.0.1.64/26 1-1024/tcp): overlaps with ")
    assert "blueprint.public-resources.web.targets[0]: web (10.0.1.77 80/tcp)" in line
    same_name = {"name": "web", "host": "10.0.1.9", "port": 80}
    (line,) = problems(public(), {"mustNotReach": [same_name]})
    assert "has the name of mustNotReach[0]" in line


def test_the_same_contradiction_is_found_in_a_cluster() -> None:
    never = {"name": "secret", "service": "gitea/gitea", "port": 80}
    document = public(hostname="gitea.gitea.svc")
    (line,) = problems(document, {"mustNotReach": [never]}, cluster=True)
    assert "blueprint.public-resources.web.targets[0] (web), which newt may reach" in line


# what every target has to be


@pytest.mark.parametrize(
    ("host", "remedy"),
    [
        ("127.0.0.1", "is loopback"),
        ("localhost", "is newt itself inside newt's container"),
        ("169.254.169.254", "is link-local"),
        ("0.0.0.0", "is the unspecified address"),
        ("fd00::1", "is IPv6"),
        ("10.0.1.0/24", "is a block"),
        ("10.0.1.77:80", "is not a host name"),
        ("http://web.lan", "is not an IPv4 address"),
        ("$(reboot)", "is not a host name"),
        ("web.lan\n", "is not a host name"),
        ("0x7f000001", "is neither an IPv4 address nor a host name"),
        ("172.30.0.1", "overlaps with"),
        ("immich-server", "write `container: NAME`, or docker.address and its published port"),
    ],
)
def test_a_derived_target_is_judged_like_a_written_one(host: str, remedy: str) -> None:
    (line,) = problems(public(hostname=host))
    assert remedy in line
    assert "blueprint.public-resources.web.targets[0].host" in line
    assert line.isprintable()


def test_a_name_without_a_dot_is_no_target_in_a_cluster_either() -> None:
    (line,) = problems(public(hostname="gitea"), cluster=True)
    assert "targets[0].hostname: gitea: is not a full name" in line
    assert "write `service: NAMESPACE/NAME`" in line


def test_a_block_is_judged_too() -> None:
    (line,) = problems(private(mode="cidr", destination="0.0.0.0/0"))
    assert line.startswith(
        "blueprint.private-resources.box.destination: 0.0.0.0/0: is every address"
    )
    (line,) = problems(private(mode="cidr", destination="10.0.0.0/8"), cluster=True)
    assert "is a whole network or more" in line


def test_a_name_needs_dns() -> None:
    changes = {"dns": "none", "mustNotReach": []}
    (line,) = problems(public(hostname="web.lan"), changes)
    assert line.startswith("blueprint.public-resources.web.targets[0].host: web.lan: is a name")


# in a cluster


@pytest.mark.parametrize(
    "host",
    ["gitea.gitea.svc", "gitea.gitea.svc.cluster.local.", "Gitea.gitea.SVC.home.arpa"],
)
def test_the_dns_name_of_a_service_is_the_service(host: str) -> None:
    judgement = judged(public(hostname=host), cluster=True)
    assert isinstance(judgement.settings, KubernetesSettings), judgement.problems
    (target,) = judgement.settings.egress
    assert (str(target.service), str(target.port)) == ("gitea/gitea", "80")


@pytest.mark.parametrize(
    "host", ["gitea.lan", "gitea.gitea", "pod.gitea.gitea.svc", "svc.gitea.example.com"]
)
def test_any_other_name_stays_a_name(host: str) -> None:
    judgement = judged(public(hostname=host), cluster=True)
    assert isinstance(judgement.settings, KubernetesSettings), judgement.problems
    assert judgement.settings.egress[0].host == host


def test_every_port_of_a_service_is_an_error_because_a_service_has_single_ports() -> None:
    document = private(destination="gitea.gitea.svc", tcp_ports="1-10")
    (line,) = problems(document, cluster=True)
    assert line.startswith("blueprint.private-resources.box.tcp-ports: ")
    assert "a Service has single ports" in line


def test_newts_own_namespace_is_out_of_reach_for_a_blueprint_too() -> None:
    (line,) = problems(public(hostname="x.newt-tunnel.svc"), cluster=True)
    assert "is in newt's own namespace" in line


# what is said


def test_what_was_skipped_is_said() -> None:
    document = resources(
        gitea=[at("10.0.1.50", 3000, site="shop"), at("10.0.1.50", 22, enabled=False)]
    )
    changes = {"blueprint": {"file": FILE, "site": "nas"}}
    assert remarks(document, changes) == [
        "blueprint.public-resources.gitea.targets[0]: skipped: it belongs to another site, shop",
        "blueprint.public-resources.gitea.targets[1]: skipped: it has enabled: false",
        f"blueprint.file: {FILE} exposes nothing at this site",
    ]


def test_a_private_resource_without_client_mode_is_warned_of() -> None:
    assert [line for line in remarks(private()) if "newt.clients is false" in line]
    assert not [
        line
        for line in remarks(private(), {"newt": {"clients": True}})
        if "newt.clients is false" in line
    ]


def test_opting_in_to_every_port_is_a_matter_of_the_stack() -> None:
    document = private(tcp_ports="*", udp_ports="")
    (line,) = problems(document)
    assert line.startswith("blueprint.private-resources.box.tcp-ports: *: ")
    assert allowed(document, {"blueprint": {"file": FILE, "allPorts": ["box"]}}) == [
        "box (10.0.1.77 1-65535/tcp)"
    ]
    (line,) = problems(document, {"blueprint": {"file": FILE, "allPorts": ["box", "bx"]}})
    assert line.startswith("blueprint.allPorts: bx: ")


def test_no_problem_repeats_what_a_blueprint_keeps_secret() -> None:
    document = public(port="0")
    document["public-resources"]["web"]["auth"] = {"password": "correct-horse", "pincode": 123456}
    document["public-resources"]["web"]["targets"].append({"correct-horse": "correct-horse"})
    judgement = judged(document)
    said = "\n".join(map(str, (*judgement.problems, *judgement.remarks)))
    assert judgement.problems
    assert "correct-horse" not in said


# the key


@pytest.mark.parametrize(
    ("written", "key", "remedy"),
    [
        ("/etc/blueprint.yaml", "blueprint.file", "below the folder of Pulumi.yaml"),
        ("../blueprint.yaml", "blueprint.file", "below the folder of Pulumi.yaml"),
        ("stacks/../../b.yaml", "blueprint.file", "below the folder of Pulumi.yaml"),
        ("./b.yaml", "blueprint.file", "below the folder of Pulumi.yaml"),
        (".git/config", "blueprint.file", "below the folder of Pulumi.yaml"),
        ("", "blueprint.file", "below the folder of Pulumi.yaml"),
        ("a" * 201, "blueprint.file", "longer than 200"),
        (["a.yaml"], "blueprint", "is not a section"),
        ({"site": "nas"}, "blueprint", "has no file"),
        ({"file": FILE, "sight": "nas"}, "blueprint.sight", "did you mean site?"),
        ({"file": FILE, "site": "n s"}, "blueprint.site", "is not a site"),
        ({"file": FILE, "allPorts": "box"}, "blueprint.allPorts", "is not a list"),
        ({"file": FILE, "allPorts": ["*"]}, "blueprint.allPorts[0]", "is not the key"),
    ],
)
def test_a_wrong_key_is_an_error_that_says_what_to_write(
    written: object, key: str, remedy: str
) -> None:
    (line,) = problems(public(), {"blueprint": written})
    assert line.startswith(f"{key}: ")
    assert remedy in line


def test_without_the_key_nothing_is_read() -> None:
    class Unreadable:
        def read(self, path: str) -> str:
            raise AssertionError(f"{path} was read")

    assert examine(stack(), Unreadable()).settings is not None
    assert examine(cluster_stack({"blueprint": ABSENT} if "blueprint" in shipped() else None))


# the file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "project"
    (inside / "stacks").mkdir(parents=True)
    (inside / "stacks" / FILE).write_text(text_of(public()))
    return inside


def from_disk(folder: Path, path: str) -> list[str]:
    tree = stack({"egress": [], "blueprint": path})
    return [str(problem) for problem in examine(tree, OnDisk(folder)).problems]


def test_the_file_is_read_from_the_folder_of_the_project(folder: Path) -> None:
    assert from_disk(folder, f"stacks/{FILE}") == []


def test_a_file_that_is_not_there_is_an_error(folder: Path) -> None:
    (line,) = from_disk(folder, FILE)
    assert line == (
        f"blueprint.file: {FILE}: does not exist; write a path from the folder of Pulumi.yaml"
    )


def test_a_symbolic_link_is_refused_wherever_it_leads(folder: Path) -> None:
    (folder / "link.yaml").symlink_to(folder / "stacks" / FILE)
    (folder / "out").symlink_to(folder.parent)
    (folder.parent / FILE).write_text("{}")
    for path in ("link.yaml", f"out/{FILE}"):
        (line,) = from_disk(folder, path)
        assert "symbolic link" in line


def test_what_is_no_plain_text_is_refused(folder: Path) -> None:
    import os

    os.mkfifo(folder / "pipe")
    (folder / "bytes").write_bytes(b"\xff\xfe")
    (folder / "huge").write_text("#" * (1024 * 1024 + 1))
    (folder / "large").write_text("#" * (300 * 1024))
    for path, reason in {
        "pipe": "not a regular file",
        "stacks": "not a regular file",
        "bytes": "not text in UTF-8",
        "huge": "more than 1048576 characters",
        "large": "more than the 262144",
    }.items():
        (line,) = from_disk(folder, path)
        assert line.startswith(f"blueprint.file: {path}: ")
        assert reason in line
