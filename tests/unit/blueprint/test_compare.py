"""The blueprint against the cage, as sets; and the program that says so."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.egress.decide_packet import Direction, Packet, decide
from newt_tunnel.settings.policy import cage, policy
from newt_tunnel.stackfile.reach_entries import allowed
from newt_tunnel.tools.check_blueprint.command import AGREE, CANNOT_TELL, DIFFER, main
from newt_tunnel.tools.check_blueprint.compare import Comparison, compare
from tests.unit.blueprint.given import STACKS, judged, private, public, text_of
from tests.unit.egress.strategies import bounded
from tests.unit.settings.example import cluster_settings, settings, shipped

CAGE = settings()


def entries(document: object, *, cluster: bool = False) -> Any:
    changes = {"mustNotReach": [], "blueprint": {"file": "b.yaml", "allPorts": []}}
    judgement = judged(document, changes, cluster=cluster)
    assert judgement.settings is not None, judgement.problems
    return judgement.settings.egress


def found(document: object, *egress: Any, cluster: bool = False) -> Comparison:
    changes = {"egress": list(egress), "mustNotReach": []}
    cage = cluster_settings(changes) if cluster else settings(changes)
    return compare(entries(document, cluster=cluster), allowed(cage))


def lines(some: tuple[object, ...]) -> list[str]:
    return [str(one) for one in some]


def test_pangolins_own_nodes_are_not_expected_in_a_blueprint() -> None:
    hosted = settings({"pangolin": "cloud", "egress": [WEB], "mustNotReach": []})
    assert compare(entries(public()), allowed(hosted)) == Comparison()


WEB = {"name": "web", "host": "10.0.1.77", "port": 80}
WHERE = "blueprint.public-resources.web.targets[0]"


def test_what_is_exposed_and_not_allowed_is_named_by_its_place_in_the_blueprint() -> None:
    assert lines(found(public()).not_allowed) == [f"{WHERE}: 10.0.1.77 80/tcp"]


def test_what_is_allowed_and_not_exposed_is_named_by_its_entry() -> None:
    answer = found(public(), WEB, {"name": "ssh", "host": "10.0.1.77", "port": 22})
    assert answer == Comparison(not_exposed=answer.not_exposed)
    assert lines(answer.not_exposed) == ["egress ssh: 10.0.1.77 22/tcp"]


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "other", "host": "10.0.1.77", "port": "80"},
        {"name": "other", "cidr": "10.0.1.77/32", "port": [80]},
        "10.0.1.77:80:TCP",
    ],
)
def test_the_same_set_in_other_words_agrees(entry: object) -> None:
    assert found(public(), entry) == Comparison()


def test_only_the_difference_is_told() -> None:
    answer = found(
        private(mode="cidr", destination="10.0.1.0/30", tcp_ports="80-90"),
        {"name": "a", "host": "10.0.1.2", "port": "80-100"},
    )
    assert lines(answer.not_allowed) == [
        "blueprint.private-resources.box: 10.0.1.0/31 80-90/tcp",
        "blueprint.private-resources.box: 10.0.1.3 80-90/tcp",
    ]
    assert lines(answer.not_exposed) == ["egress a: 10.0.1.2 91-100/tcp"]


def test_what_newt_needs_for_itself_is_no_excess_and_covers_nothing_else() -> None:
    assert found({}) == Comparison()
    resolver = found(public(hostname="10.0.1.53", port=53))
    assert resolver == Comparison(), "newt may ask the resolver already"


def test_a_name_is_no_address() -> None:
    answer = found(public(hostname="web.lan"), WEB)
    assert lines(answer.not_allowed) == [f"{WHERE}: web.lan 80/tcp"]
    assert lines(answer.not_exposed) == ["egress web: 10.0.1.77 80/tcp"]


def test_a_service_is_itself() -> None:
    document = public(hostname="web.web.svc")
    same = {"name": "web", "service": "web/web", "port": 80}
    assert found(document, same, cluster=True) == Comparison()
    other = found(document, {**same, "port": 81}, cluster=True)
    assert lines(other.not_allowed) == [f"{WHERE}: service web/web 80/tcp"]
    assert lines(other.not_exposed) == ["egress web: service web/web 81/tcp"]


@pytest.mark.parametrize(
    ("entry", "is_unsure"),
    [
        ({"namespace": "web", "labels": {"app": "web"}, "port": 8080}, True),
        ({"namespace": "web", "port": "http"}, True),
        ({"service": "web/web", "port": "http"}, True),
        ({"namespace": "web", "port": 8080, "protocol": "UDP"}, False),
        ({"namespace": "shop", "port": 8080}, False),
        ({"service": "web/other", "port": "http"}, False),
        ({"host": "10.0.1.77", "port": 80}, False),
    ],
)
def test_what_only_the_cluster_can_tell_is_neither(entry: dict[str, Any], is_unsure: bool) -> None:
    answer = found(public(hostname="web.web.svc"), {"name": "web", **entry}, cluster=True)
    assert bool(answer.unsure) is is_unsure
    assert bool(answer.not_allowed) is not is_unsure
    assert bool(answer.not_exposed) is not is_unsure


def test_pods_beside_an_allowed_service_are_told_too() -> None:
    service = {"name": "web", "service": "web/web", "port": 80}
    pods = {"name": "other", "namespace": "web", "labels": {"app": "other"}, "port": 9090}
    answer = found(public(hostname="web.web.svc"), service, pods, cluster=True)
    assert lines(answer.unsure) == [f"egress other: pods web/app=other 9090/tcp may be {WHERE}"]


HOSTS = ["10.0.1.76", "10.0.1.77", "10.0.1.78"]
PORTS = [21, 22, 23]
ENTRY = st.one_of(
    st.builds(
        lambda host, port: {"host": host, "port": port},
        st.sampled_from(HOSTS),
        st.sampled_from(PORTS),
    ),
    st.builds(
        lambda cidr, port: {"cidr": cidr, "port": port},
        st.sampled_from(["10.0.1.76/31", "10.0.1.76/30"]),
        st.sampled_from(["21-22", "22-23"]),
    ),
)
TARGET = st.tuples(st.sampled_from(HOSTS), st.sampled_from(PORTS))


@bounded
@given(st.lists(ENTRY, max_size=3, unique_by=str), st.lists(TARGET, max_size=4, unique=True))
def test_it_says_what_the_packets_say(
    egress: list[dict[str, Any]], targets: list[tuple[str, int]]
) -> None:
    named = [{"name": f"e{n}", **entry} for n, entry in enumerate(egress)]
    document = {
        "public-resources": {
            "web": {"mode": "tcp", "targets": [{"hostname": h, "port": p} for h, p in targets]}
        }
    }
    stack = settings({"egress": named, "mustNotReach": []})
    answer = compare(entries(document), allowed(stack))
    passes = {
        (host, port)
        for host, port in product([*HOSTS, "10.0.1.79"], PORTS)
        if decide(
            policy(stack),
            cage(stack, "nas"),
            Packet(
                direction=Direction.FROM_NEWT,
                source=cage(stack, "nas").newt,
                destination=type(cage(stack, "nas").newt)(host),
                protocol="tcp",
                port=port,
            ),
        ).allowed
    }
    assert len(answer.not_allowed) == len(set(targets) - passes)
    assert bool(answer.not_exposed) is bool(passes - set(targets))


# the program


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stacks").mkdir()
    for file in STACKS.glob("*.yaml"):
        (tmp_path / "stacks" / file.name).write_text(file.read_text())
    (tmp_path / "Pulumi.yaml").write_text("name: newt-tunnel\nstackConfigDir: stacks\n")
    return tmp_path


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    said: list[str] = []
    status = main(arguments, folder, said.append, said.append)
    return status, "\n".join(said)


def write_stack(folder: Path, **changes: Any) -> None:
    tree = shipped() | changes
    config = {f"newt-tunnel:{key}": value for key, value in tree.items()}
    (folder / "stacks" / "Pulumi.nas.yaml").write_text(yaml.safe_dump({"config": config}))


@pytest.mark.parametrize("stack", ["nas", "k3s-home"])
def test_the_examples_agree_with_the_blueprints_beside_them(folder: Path, stack: str) -> None:
    status, said = run(folder, stack, "--blueprint", f"stacks/blueprint.{stack}.yaml")
    assert status == AGREE, said
    assert f"{stack}: the cage allows what stacks/blueprint.{stack}.yaml exposes" in said


def test_a_difference_fails_and_is_told(folder: Path) -> None:
    (folder / "b.yaml").write_text(text_of(public()))
    status, said = run(folder, "nas", "--blueprint", "b.yaml")
    assert status == DIFFER
    assert f"b.yaml exposes what the cage does not allow:\n  {WHERE}: 10.0.1.77 80/tcp" in said
    assert "does not expose:\n  egress gitea: 10.0.1.50 3000/tcp" in said


def test_excess_may_be_accepted_and_a_lack_not(folder: Path) -> None:
    (folder / "b.yaml").write_text("{}")
    assert run(folder, "nas", "--blueprint", "b.yaml")[0] == DIFFER
    assert run(folder, "nas", "--blueprint", "b.yaml", "--extra-ok")[0] == AGREE
    (folder / "b.yaml").write_text(text_of(public()))
    assert run(folder, "nas", "--blueprint", "b.yaml", "--extra-ok")[0] == DIFFER


def test_a_stack_is_held_to_its_own_blueprint(folder: Path) -> None:
    write_stack(folder, blueprint={"file": "b.yaml", "site": "nas"})
    (folder / "b.yaml").write_text(text_of(public(site="nas")))
    status, said = run(folder, "nas")
    assert status == DIFFER
    assert "exposes what the cage does not allow" not in said, "it is derived"
    assert "egress jellyfin: 10.0.1.10 8096/tcp" in said
    write_stack(folder, blueprint="b.yaml", egress=[])
    (folder / "b.yaml").write_text(text_of(public()))
    assert run(folder, "nas")[0] == AGREE


def test_what_is_not_compared_is_told(folder: Path) -> None:
    document = public(site="shop")
    (folder / "b.yaml").write_text(text_of(document))
    _, said = run(folder, "nas", "--blueprint", "b.yaml", "--site", "nas")
    assert "skipped: it belongs to another site, shop" in said


def test_a_blueprint_that_is_refused_cannot_be_compared(folder: Path) -> None:
    (folder / "b.yaml").write_text(text_of(private(tcp_ports="*")))
    status, said = run(folder, "nas", "--blueprint", "b.yaml")
    assert status == CANNOT_TELL
    assert "blueprint.private-resources.box.tcp-ports: *: " in said
    accepted = run(folder, "nas", "--blueprint", "b.yaml", "--all-ports", "box")
    assert accepted[0] == DIFFER


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nas"], "has no blueprint; write `blueprint: PATH`"),
        (["shop"], "is no stack here; there are: k3s-home, nas"),
        (["nas", "--blueprint", "b.yaml"], "blueprint.file: b.yaml: does not exist"),
        (["nas", "--blueprint", "../b.yaml"], "below the folder of Pulumi.yaml"),
        (["nas", "--blueprint", "link.yaml"], "is no plain file"),
        (["nas", "--blueprint", "~/b.yaml"], "/b.yaml: is not a path below the folder of"),
        (["", "--blueprint", "b.yaml"], "is no stack here; there are: k3s-home, nas"),
    ],
)
def test_what_cannot_be_told_has_a_status_of_its_own(
    folder: Path, arguments: list[str], said: str
) -> None:
    (folder / "link.yaml").symlink_to("stacks/blueprint.nas.yaml")
    status, lines = run(folder, *arguments)
    assert status == CANNOT_TELL
    assert said in lines


def test_a_name_without_a_dot_in_a_blueprint_is_an_error(folder: Path) -> None:
    (folder / "b.yaml").write_text(text_of(public(hostname="immich-server")))
    status, said = run(folder, "nas", "--blueprint", "b.yaml")
    assert status == CANNOT_TELL
    assert "targets[0].hostname: immich-server: is not a full name" in said


def test_a_blueprint_may_be_named_by_its_whole_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    whole = folder / "stacks" / "blueprint.nas.yaml"
    for path in (str(whole), f"~/{whole.relative_to(folder.parent)}"):
        status, said = run(folder, "nas", "--blueprint", path)
        assert status == AGREE, said
        assert "stacks/blueprint.nas.yaml exposes, and nothing else" in said


def test_what_cannot_be_told_is_on_standard_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.yaml").write_text(text_of(private(tcp_ports="*")))
    for arguments in (["shop"], ["nas", "--blueprint", "bad.yaml"]):
        assert main(arguments, folder) == CANNOT_TELL
        out, err = capsys.readouterr()
        assert out == ""
        assert err != ""


def test_a_stack_file_that_the_program_would_refuse_is_told(folder: Path) -> None:
    write_stack(folder, egress="gitea")
    status, said = run(folder, "nas", "--blueprint", "stacks/blueprint.nas.yaml")
    assert status == CANNOT_TELL
    assert "egress: gitea: is not a list" in said


def test_secrets_stay_encrypted_and_unseen(folder: Path) -> None:
    write_stack(folder, newtSecret={"secure": "v1:xyz:canary"}, blueprint="b.yaml", egress=[])
    (folder / "b.yaml").write_text(text_of(public()))
    status, said = run(folder, "nas")
    assert status == AGREE, said
    assert "canary" not in said


def test_options_that_belong_to_a_given_blueprint_are_refused_without_one(folder: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        run(folder, "nas", "--site", "nas")
    assert ended.value.code == CANNOT_TELL


def test_it_runs_as_a_program_without_an_engine(folder: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "newt_tunnel",
            "check-blueprint",
            "nas",
            "--blueprint",
            "stacks/blueprint.nas.yaml",
        ],
        cwd=folder,
        env={"PYTHONPATH": str(STACKS.parent), "PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == AGREE, done.stderr
    assert "and nothing else" in done.stdout
