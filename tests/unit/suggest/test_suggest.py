"""What newt was refused, as entries: which are offered, under which names, and which never."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.docker_host.payload import PROGRAM_PATH
from newt_tunnel.docker_host.ssh import SshHost, UnreachableError
from newt_tunnel.egress.model import HostName, Pods, Protocol
from newt_tunnel.settings.addresses import is_private
from newt_tunnel.settings.load import judge
from newt_tunnel.settings.policy import cage, policy
from newt_tunnel.tools.suggest.assessment import Advice, DockerHost, RefusedTarget, grouped
from newt_tunnel.tools.suggest.attempts import Attempt, NotUnderstoodError, of_host
from newt_tunnel.tools.suggest.command import LISTED, NOTHING_TO_READ, command, main
from tests.unit.egress.strategies import bounded
from tests.unit.host.program import NEWT_EGRESS, shell_function
from tests.unit.settings.example import (
    ABSENT,
    PREFIX,
    STACKS,
    cluster_stack,
    problems,
    settings,
    stack,
)

REMEMBERING = {"docker.logDrops": True}
OWNER = "owner newt-tunnel/nas"
HOMEASSISTANT = "resolved homeassistant.lan 10.0.1.100"


def refused(*targets: str) -> str:
    """``"10.0.1.70:80/tcp 5+ 60"``: target, packets, seconds ago; as ``newt-egress refused``."""
    rows = []
    for target in targets:
        place, packets, ago = f"{target} 1 5".split()[:3] if " " not in target else target.split()
        address, _, service = place.partition(":")
        port, _, protocol = service.partition("/")
        rows.append("\t".join((ago, packets, protocol, address, port)))
    return "".join(f"{row}\n" for row in rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stacks").mkdir()
    for file in STACKS.glob("blueprint.*.yaml"):
        (tmp_path / "stacks" / file.name).write_text(file.read_text())
    (tmp_path / "Pulumi.yaml").write_text("name: newt-tunnel\nstackConfigDir: stacks\n")
    write(tmp_path, "nas", stack(REMEMBERING))
    write(tmp_path, "k3s-home", cluster_stack())
    return tmp_path


def write(folder: Path, name: str, tree: dict[str, Any]) -> None:
    config = {f"{PREFIX}{key}": value for key, value in tree.items()}
    (folder / "stacks" / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}))


def run(
    folder: Path, *targets: str, head: Iterable[str] = (OWNER,), arguments: Iterable[str] = ("nas",)
) -> tuple[int, str]:
    said: list[str] = []

    def look(host: SshHost, asked: str) -> str:
        assert host.address == "10.0.1.10"
        names = [line.split()[1] for line in head if line.startswith("resolved ")]
        assert [name for name in names if f"@{{{name}}}" not in asked] == [], "it has to be asked"
        return "\n".join((*head, "", refused(*targets)))

    status = main([*arguments], folder, said.append, look, said.append)
    return status, "\n".join(said)


def entries(said: str) -> list[dict[str, Any]]:
    """What would be pasted."""
    return yaml.safe_load(said) or []


# on a Docker host


def test_refused_targets_become_entries_that_the_program_takes(folder: Path) -> None:
    status, said = run(
        folder, "10.0.1.70:443/tcp 3 90", "10.0.1.70:80/tcp 5+ 600", "10.0.1.71:161/udp 1 9000"
    )
    assert status == LISTED
    found = entries(said)
    assert found == [
        {"name": "10.0.1.70", "host": "10.0.1.70", "port": [80, 443]},
        {"name": "10.0.1.71", "host": "10.0.1.71", "port": 161, "protocol": "UDP"},
    ]
    assert "# at least 8 packets, the last 90 s ago" in said
    assert "# 1 packet, the last 2 h ago" in said
    assert not problems({"egress": [*stack()["egress"], *found]})


def test_it_is_said_that_an_attacker_may_write_this_list(folder: Path) -> None:
    _, said = run(folder, "10.0.1.70:443/tcp")
    assert "what newt TRIED, not what it needs" in said
    assert "an attacker who controls newt chooses what is here" in said


def test_names_come_from_what_the_stack_knows_at_the_address(folder: Path) -> None:
    _, said = run(
        folder,
        "10.0.1.50:22/tcp",
        "10.0.1.100:8443/tcp",
        head=(OWNER, HOMEASSISTANT),
    )
    assert [(entry["name"], entry["host"]) for entry in entries(said)] == [
        ("gitea-22", "10.0.1.50"),
        ("homeassistant.lan-8443", "homeassistant.lan"),
    ]


def test_a_name_with_two_addresses_is_not_put_in_the_place_of_one(folder: Path) -> None:
    both = (HOMEASSISTANT, "resolved homeassistant.lan 10.0.1.101")
    _, said = run(folder, "10.0.1.100:8443/tcp", head=(OWNER, *both))
    assert entries(said)[0]["host"] == "10.0.1.100"


def test_names_come_from_a_blueprint(folder: Path) -> None:
    tree = stack({**REMEMBERING, "egress": []})
    write(folder, "nas", tree)
    blueprint = ("nas", "--blueprint", "stacks/blueprint.nas.yaml")
    _, said = run(folder, "10.0.1.50:3000/tcp", "10.0.1.200:631/tcp", arguments=blueprint)
    assert {entry["name"] for entry in entries(said)} == {"gitea", "printer"}


NEVER = {
    "10.0.1.60:5432/tcp": "mustNotReach postgres",
    "10.0.1.1:80/tcp": "mustNotReach router",
    "169.254.169.254:80/tcp": "link-local",
    "100.100.100.200:80/tcp": "metadata",
    "127.0.0.1:80/tcp": "loopback",
    "224.0.0.251:5353/udp": "multicast",
    "255.255.255.255:67/udp": "broadcast",
    "172.30.0.1:22/tcp": "NEWT'S OWN NETWORK",
    "172.30.0.11:80/tcp": "NEWT'S OWN NETWORK",
    "9.9.9.9:53/udp": "none of the resolvers",
    "10.0.1.99:853/tcp": "none of the resolvers",
    "10.0.1.10:22/tcp": "the Docker host's own SSH",
}


@pytest.mark.parametrize(("target", "reason"), NEVER.items())
def test_what_the_cage_keeps_shut_is_never_an_entry(folder: Path, target: str, reason: str) -> None:
    status, said = run(folder, target)
    assert status == LISTED
    assert entries(said) == []
    assert "{" not in said, "not even commented out"
    assert reason in said


DOUBTED = {
    "10.0.1.10:8080/tcp": "THE DOCKER HOST ITSELF",
    "10.0.1.60:22/tcp": "the machine of mustNotReach postgres",
    "10.0.1.53:443/tcp": "a resolver, at another port",
    "198.51.100.66:443/tcp": "ago; ON THE INTERNET",
    "198.51.100.66:51820/udp": "belongs into pangolin.nodes, not here; ON THE INTERNET",
    "198.51.100.66:21820/udp": "which need newt.clients: true, not an entry; ON THE INTERNET",
    "198.51.100.66:80/tcp": "one of your Pangolin belongs into pangolin.nodes; ON THE INTERNET",
}


@pytest.mark.parametrize(("target", "reason"), DOUBTED.items())
def test_what_is_unusual_is_commented_out_and_says_why(
    folder: Path, target: str, reason: str
) -> None:
    _, said = run(folder, target)
    assert entries(said) == []
    (line,) = [line for line in said.splitlines() if "{" in line]
    assert line.startswith("#   - {")
    assert reason in line


def test_a_scan_of_one_machine_is_not_offered(folder: Path) -> None:
    _, said = run(folder, *(f"10.0.1.70:{port}/tcp" for port in range(20, 40)))
    assert entries(said) == []
    assert "20 ports of it were tried" in said


def test_a_forbidden_name_is_known_by_the_hosts_answer(folder: Path) -> None:
    never = [{"name": "vault", "host": "vault.lan", "port": 8200}]
    write(folder, "nas", stack({**REMEMBERING, "mustNotReach": never}))
    _, said = run(folder, "10.0.1.88:8200/tcp", head=(OWNER, "resolved vault.lan 10.0.1.88"))
    assert entries(said) == []
    assert "mustNotReach vault" in said


def test_what_is_allowed_by_now_is_only_told(folder: Path) -> None:
    _, said = run(folder, "10.0.1.50:3000/tcp")
    assert entries(said) == []
    assert "10.0.1.50 3000/tcp: the stack file allows it now" in said


def test_nothing_refused_is_said_so(folder: Path) -> None:
    status, said = run(folder)
    assert status == LISTED
    assert said.endswith("# Nothing.")


@bounded
@given(
    st.lists(
        st.builds(
            Attempt,
            destination=st.ip_addresses(v=4)
            | st.sampled_from([IPv4Address(target.partition(":")[0]) for target in NEVER]),
            protocol=st.sampled_from((Protocol.TCP, Protocol.UDP)),
            port=st.sampled_from((22, 53, 80, 853, 5432)) | st.integers(0, 65535),
            packets=st.integers(1, 9),
            ago=st.integers(0, 9),
        )
    )
)
def test_whatever_newt_tries_what_is_offered_is_private_and_not_forbidden(
    attempts: list[Attempt],
) -> None:
    found = settings()
    docker = DockerHost(
        policy=policy(found),
        cage=cage(found, "nas"),
        ssh_port=22,
        resolution={HostName("a.lan"): []},
    )
    judged = grouped(attempts, docker.verdict_on)
    assert sum(len(one.attempts) for one in judged) == len(attempts), "one is lost"
    for one in judged:
        if one.advice is Advice.OFFERED:
            assert isinstance(one.destination, IPv4Address)
            assert is_private(one.destination)
            assert one.destination not in found.docker.subnet
            assert one.destination != found.docker.address
            assert not {0, 53, 853} & {*one.ports}
            assert str(one.destination) not in ("10.0.1.60", "10.0.1.1")


def test_a_port_that_no_entry_can_have_is_not_offered(folder: Path) -> None:
    _, said = run(folder, "10.0.1.70:0/tcp")
    assert entries(said) == []


@pytest.mark.parametrize("text", ["nonsense", "1\t2\ttcp\t10.0.1.70", "1\t2\tgre\t10.0.1.70\t80"])
def test_another_answer_of_the_host_is_an_error(text: str) -> None:
    with pytest.raises(NotUnderstoodError, match="not a line of newt-egress refused"):
        list(of_host(text))


def _complaint(folder: Path, *arguments: str) -> str:
    status, said = run(folder, arguments=arguments)
    assert status == NOTHING_TO_READ
    return said


def test_a_host_that_remembers_nothing_is_not_asked(folder: Path) -> None:
    write(folder, "nas", stack())
    said = _complaint(folder, "nas")
    assert "docker.logDrops: is off" in said
    assert "set it to true, run pulumi up" in said


def test_the_host_of_another_stack_is_not_read(folder: Path) -> None:
    status, said = run(folder, "10.0.1.70:443/tcp", head=("owner other/nas",))
    assert status == NOTHING_TO_READ
    assert "is not guarded by newt-tunnel/nas" in said


#: newt-egress with its own `expand`, and nothing of a firewall. For `status`, whose text is for
#: people, it fails.
ON_THE_HOST = f"""\
#!/bin/sh
{shell_function(NEWT_EGRESS, "expand")}
[ "$1 $2" = "--instance nas" ] || exit 1
shift 2
case $1 in
    check) echo state=ok; echo owner=newt-tunnel/nas; echo generation=1 ;;
    expand) expand "$RESOLVED" "$2" ;;
    refused) printf '5\\t1\\ttcp\\t10.0.1.100\\t80\\n' ;;
    *) exit 1 ;;
esac
"""


@pytest.mark.parametrize("shell", [["dash"], ["busybox", "sh"]])
def test_the_host_is_asked_by_its_commands_for_programs(
    folder: Path, tmp_path: Path, shell: list[str]
) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not installed")
    program, resolved = tmp_path / "newt-egress", tmp_path / "resolved"
    program.write_text(ON_THE_HOST)
    program.chmod(0o755)
    resolved.write_text("homeassistant.lan 10.0.1.100\nhomeassistant.lan 10.0.1.101\n")
    said: list[str] = []

    def look(_: SshHost, asked: str) -> str:
        text = asked.replace(PROGRAM_PATH, str(program))
        environment = {"RESOLVED": str(resolved), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [*shell, "-c", text], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[:3] == [
            "owner newt-tunnel/nas",
            "resolved homeassistant.lan 10.0.1.100",
            "resolved homeassistant.lan 10.0.1.101",
        ]
        return done.stdout

    assert main(["nas"], folder, said.append, look, said.append) == LISTED
    assert [entry["host"] for entry in entries("\n".join(said))] == ["10.0.1.100"]


def test_a_host_that_cannot_resolve_names_is_an_error(folder: Path) -> None:
    said: list[str] = []
    assert main(["nas"], folder, said.append, lookup_fails, said.append) == NOTHING_TO_READ
    assert said == [
        "suggest: 10.0.1.10: newt-egress does not say which addresses host names have: "
        "pulumi up first"
    ]


def lookup_fails(_: SshHost, asked: str) -> str:
    assert "expand /dev/stdin || echo not-expanded" in asked
    return "\n".join((OWNER, "not-expanded", "", refused("10.0.1.100:80/tcp")))


def test_a_policy_without_names_asks_for_none() -> None:
    assert "expand" not in command([], "nas")


def test_a_host_that_does_not_answer_is_named(folder: Path) -> None:
    def look(host: SshHost, command: str) -> str:
        raise UnreachableError(f"no answer of {host.address} to {command[:2]}")

    said: list[str] = []
    assert main(["nas"], folder, said.append, look, said.append) == NOTHING_TO_READ
    assert "10.0.1.10: no answer" in said[0]


def test_what_there_is_no_list_for_is_said_on_standard_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["x"], ["k3s-home"], ["k3s-home", "--flows", "~/absent.json"]):
        assert main(arguments, folder) == NOTHING_TO_READ
        out, err = capsys.readouterr()
        assert out == "", "it may be on its way into a file"
        assert err != ""


def test_a_tilde_in_a_path_is_the_users_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    (folder / "flows.json").write_text("")
    (folder / "b.yaml").write_text("{}")
    options = ("--flows", "~/flows.json", "--blueprint", "~/b.yaml")
    status, said = run(folder, arguments=("k3s-home", *options))
    assert status == LISTED, said


def test_an_unknown_stack_is_named_with_those_there_are(folder: Path) -> None:
    assert "x: is no stack here; there are: k3s-home, nas" in _complaint(folder, "x")


# in a cluster


def flow(address: str, port: int, *labels: str, **changes: Any) -> str:
    transport = changes.pop("transport", "TCP")
    message = {
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z"),
        "verdict": "DROPPED",
        "drop_reason": 133,
        "drop_reason_desc": "POLICY_DENIED",
        "traffic_direction": "EGRESS",
        "event_type": {"type": 1, "sub_type": 133},
        "IP": {"source": "10.42.0.9", "destination": address, "ipVersion": "IPv4"},
        "l4": {transport: {"source_port": 40000, "destination_port": port}},
        "source": {"namespace": "newt-tunnel", "pod_name": "newt-0"},
        "destination": {"labels": [*labels]},
    }
    return json.dumps({"flow": message | changes, "node_name": "node"})


def pods(namespace: str, **labels: str) -> list[str]:
    own = [f"k8s:{key}={value}" for key, value in labels.items()]
    return [
        f"k8s:io.kubernetes.pod.namespace={namespace}",
        "k8s:io.cilium.k8s.policy.serviceaccount=default",
        "k8s:pod-template-hash=5d8f",
        *own,
    ]


def flows(folder: Path, *lines: str) -> str:
    (folder / "flows.json").write_text("\n".join(lines))
    status, said = run(folder, arguments=("k3s-home", "--flows", str(folder / "flows.json")))
    assert status == LISTED, said
    return said


def allowed(address: str, port: int, *labels: str, **changes: Any) -> str:
    """The verdict on the first packet of a connection."""
    verdict = {"verdict": "FORWARDED", "event_type": {"type": 5}}
    return flow(address, port, *labels, **verdict | changes)


def test_flows_tell_how_often_each_entry_was_used(folder: Path) -> None:
    gitea = pods("gitea", **{"app.kubernetes.io/component": "gitea"})
    said = flows(
        folder,
        allowed("10.42.0.4", 3000, *gitea),
        allowed("10.42.0.4", 3000, *gitea),
        allowed("10.42.0.2", 53, *pods("kube-system", **{"k8s-app": "kube-dns"}), transport="UDP"),
        allowed("203.0.113.10", 443, "reserved:world"),
        allowed("10.42.0.5", 8123, *pods("homeassistant", app="homeassistant")),
        allowed("10.0.1.77", 80, "reserved:world"),
        flow("10.0.1.70", 161, "reserved:world", transport="UDP"),
    )
    used, _, refused = said.partition("# What newt of")
    assert [line.removeprefix("#   ").partition(", the last")[0] for line in used.splitlines()] == [
        "# Connections that were allowed, as far as the flows show:",
        "dns: 1",
        "pangolin: 1",
        "gitea: 2",
        "homeassistant: none",
        "printer: none",
        "10.0.1.77 80/tcp, of none that the file has now: 1",
        "homeassistant/app=homeassistant 8123/tcp, of homeassistant?: 1",
    ]
    assert "10.0.1.70" in refused
    assert "gitea" not in refused, "what was allowed was not refused"


def test_addresses_that_are_looked_up_may_be_pangolins_or_a_names(folder: Path) -> None:
    tree = cluster_stack({"pangolin.addresses": ABSENT})
    tree["egress"].append({"name": "wiki", "host": "wiki.lan", "port": 443})
    write(folder, "k3s-home", tree)
    said = flows(folder, allowed("203.0.113.10", 443, "reserved:world"))
    assert "203.0.113.10 443/tcp, of wiki?, pangolin?: 1, the last" in said
    assert "#   pangolin: none" in said


@pytest.mark.parametrize(
    "changes",
    [
        {"traffic_direction": "INGRESS"},
        {"source": {"namespace": "other"}},
        # Each packet once more, where it was seen to pass.
        {"event_type": {"type": 4}},
        {"l4": {"ICMPv4": {"type": 8}}},
    ],
)
def test_without_verdicts_on_connections_it_is_said_how_to_observe_them(
    folder: Path, changes: dict[str, Any]
) -> None:
    said = flows(folder, allowed("203.0.113.10", 443, "reserved:world", **changes))
    assert said.startswith("# How often an entry was used is not in these flows")
    assert "--type policy-verdict" in said


def test_without_flows_it_is_said_plainly_that_there_is_nothing_to_read(folder: Path) -> None:
    said = _complaint(folder, "k3s-home")
    assert "the Kubernetes API offers nothing to read" in said
    assert "--from-namespace newt-tunnel" in said
    assert "NFLOG group 100" in said
    assert yaml.safe_load(said) is None, "comments only"


def test_flows_of_hubble_become_entries_that_the_program_takes(folder: Path) -> None:
    said = flows(
        folder,
        flow("10.42.0.7", 8080, *pods("wiki", app="wiki")),
        flow("10.42.0.7", 8080, *pods("wiki", app="wiki")),
        flow("10.0.1.70", 161, "reserved:world", transport="UDP"),
    )
    found = entries(said)
    assert sorted(found, key=lambda entry: str(entry["name"])) == [
        {"name": "10.0.1.70", "host": "10.0.1.70", "port": 161, "protocol": "UDP"},
        {"name": "wiki", "namespace": "wiki", "labels": {"app": "wiki"}, "port": 8080},
    ]
    assert "# 2 packets" in said
    tree = cluster_stack()
    tree["egress"] += found
    assert judge(tree)[1] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "FORWARDED"},
        {"verdict": "FORWARDED", "event_type": {"type": 5}},
        {"traffic_direction": "INGRESS"},
        {"drop_reason": 181, "drop_reason_desc": "CT_NO_MAP_FOUND"},
        {"source": {"namespace": "other"}},
        # The same packet once more, as the verdict on it.
        {"event_type": {"type": 5}},
        {"l4": {"ICMPv4": {"type": 8}}},
    ],
)
def test_other_flows_are_left_out(folder: Path, changes: dict[str, Any]) -> None:
    if "drop_reason_desc" in changes:
        changes = {**changes, "drop_reason": 190}
    assert flows(folder, flow("10.0.1.70", 80, **changes)).endswith("# Nothing.")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (flow("10.42.0.3", 5432, *pods("databases", app="pg")), "may be mustNotReach postgres"),
        (flow("10.0.1.1", 80, "reserved:world"), "mustNotReach router"),
        (flow("10.0.2.10", 6443, "reserved:kube-apiserver", "reserved:host"), "Kubernetes API"),
        (flow("10.42.0.8", 80, *pods("newt-tunnel", app="x")), "NEWT'S OWN NAMESPACE"),
        (flow("169.254.169.254", 80, "reserved:world"), "link-local"),
        (flow("fe80::1", 80, "reserved:world"), "link-local"),
        (flow("9.9.9.9", 53, "reserved:world", transport="UDP"), "none of the resolvers"),
    ],
)
def test_in_a_cluster_too_what_is_kept_shut_is_never_an_entry(
    folder: Path, line: str, reason: str
) -> None:
    said = flows(folder, line)
    assert entries(said) == []
    assert "{" not in said
    assert reason in said


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (flow("10.42.0.3", 80, *pods("wiki")), "opens their whole namespace"),
        (flow("10.42.0.3", 80, *pods("kube-system", app="x")), "PART OF THE CLUSTER ITSELF"),
        (flow("198.51.100.66", 443, "reserved:world"), "ON THE INTERNET"),
        (flow("2606:4700::1111", 443, "reserved:world"), "ON THE INTERNET"),
        (flow("198.51.100.66", 80, "reserved:world"), "belongs into pangolin.nodes"),
    ],
)
def test_in_a_cluster_too_what_is_unusual_is_commented_out(
    folder: Path, line: str, reason: str
) -> None:
    said = flows(folder, line)
    assert entries(said) == []
    assert reason in said


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"flow": 3}',
        flow("10.0.1.70", 80, "k8s:app=a\nb"),
        flow("nowhere", 80),
        flow("10.0.1.70", 80, time="yesterday"),
    ],
)
def test_what_is_no_flow_is_an_error_that_names_the_line(folder: Path, line: str) -> None:
    (folder / "flows.json").write_text(f"\n{line}\n")
    said = _complaint(folder, "k3s-home", "--flows", str(folder / "flows.json"))
    assert "line 2: not a flow of Hubble in JSON" in said


def test_flows_do_not_belong_to_a_docker_host(folder: Path) -> None:
    assert "a Docker host is asked itself" in _complaint(folder, "nas", "--flows", "x")


def test_pods_are_told_by_namespace_and_labels() -> None:
    attempt = Attempt(
        destination=Pods("wiki", (("app", "wiki"),)),
        protocol=Protocol.TCP,
        port=80,
        packets=1,
        ago=0,
    )
    assert (
        str(RefusedTarget(attempts=(attempt,), advice=Advice.OFFERED).destination)
        == "wiki/app=wiki"
    )


def test_the_command_says_how_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "newt_tunnel", "suggest", "--help"],
        cwd=STACKS.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "read them before you paste them" in done.stdout
