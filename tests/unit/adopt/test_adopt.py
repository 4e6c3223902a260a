"""From a compose file to a stack file that loads."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest
import yaml

from newt_tunnel.settings import pangolin_cloud
from newt_tunnel.settings.variables import BY_FLAG
from newt_tunnel.tools.adopt.command import main
from tests.unit.adopt.files import (
    ADDRESS,
    CANARY,
    ENDPOINT,
    NEWT_ID,
    POST,
    Folder,
    keys,
    problems,
    uncommented,
)

IDENTITY = {"PANGOLIN_ENDPOINT": ENDPOINT, "NEWT_ID": NEWT_ID, "NEWT_SECRET": CANARY}


def test_the_posts_compose_file_becomes_a_stack_file_that_loads(folder: Folder) -> None:
    folder.write(POST)
    text = folder.adopted("--address", ADDRESS)
    found = keys(text)
    assert found["pangolin"] == {"endpoint": ENDPOINT}
    assert found["newtId"] == NEWT_ID
    assert found["docker"]["subnet"] == "172.30.0.0/24"
    assert found["docker"]["newtAddress"] == "172.30.0.10"
    assert found["egress"] == []
    missing = problems(text)
    assert len(missing) == 1, missing
    assert missing[0].startswith("dns: (missing)"), "a compose file does not say who resolves"
    assert problems(text.replace("  # newt-tunnel:dns:", "  newt-tunnel:dns:")) == []


def test_what_is_offered_can_be_taken_in_by_removing_signs(folder: Folder) -> None:
    services = {
        "newt": {"image": "fosrl/newt:1.15.0", "environment": IDENTITY},
        "web": {"image": "web", "ports": ["8080:80"]},
        "db": {"image": "postgres"},
    }
    folder.write(yaml.safe_dump({"services": services}))
    text = folder.adopted("--address", ADDRESS)
    assert "# Remove the [] when you take the # off an entry below." in text
    assert "# db: names no port" in text
    for key in ("user", "sudo"):
        text = re.sub(rf"^    # ({key}: )", r"    \1", text, flags=re.MULTILINE)
    found = keys(uncommented(text))
    container = f"{folder.project}/web"
    assert found["egress"] == [{"name": "web", "container": container, "port": 80}]
    assert (found["docker"]["user"], found["docker"]["sudo"]) == ("admin", True)
    assert problems(uncommented(text)) == []


def test_a_name_without_a_dot_is_written_nowhere(folder: Folder) -> None:
    """Names of containers resolve on a network that newt shares with them, as `container` only."""
    services = {
        "newt": {
            "image": "fosrl/newt:1.15.0",
            "environment": {**IDENTITY, "PANGOLIN_ENDPOINT": "https://pangolin"},
            "dns": ["pihole"],
        },
        "immich-server": {
            "image": "immich",
            "ports": ["2283:2283"],
            "networks": ["elsewhere"],
        },
        "immich_ml": {"image": "immich-ml"},
    }
    folder.write(yaml.safe_dump({"services": services}))
    assert folder.run("--address", "nas").stderr == (
        "adopt: ADDRESS nas: is not an IPv4 address; write four numbers from 0 to 255, like "
        "10.0.1.50\n"
    )
    text = folder.adopted()
    assert "pangolin" not in keys(text)
    assert "#   - pangolin.endpoint: https://pangolin: pangolin is not a full name" in text
    assert "host: <docker.address>" in uncommented(text).replace('"', "")
    hosts = [
        entry["host"] for entry in keys(uncommented(folder.adopted("--address", ADDRESS)))["egress"]
    ]
    assert hosts == [ADDRESS]


def test_what_nobody_knows_is_missing_and_not_made_up(folder: Folder) -> None:
    folder.service()
    text = folder.adopted()
    said = [line.partition(":")[0] for line in problems(text)]
    assert said == ["pangolin", "dns", "docker.address"]


SPELLINGS: dict[str, dict[str, Any]] = {
    "a map": {"environment": IDENTITY},
    "a list": {"environment": [f"{name}={value}" for name, value in IDENTITY.items()]},
    "flags": {
        "command": ["--id", NEWT_ID, f"--secret={CANARY}", "-endpoint", ENDPOINT],
    },
    "flags in one string": {"command": f"--id {NEWT_ID} --secret '{CANARY}' --endpoint {ENDPOINT}"},
    "entrypoint": {
        "entrypoint": ["newt", "--id", NEWT_ID],
        "command": ["--secret", CANARY, "--endpoint", ENDPOINT],
    },
    "an env file": {"env_file": "newt.env"},
    "env files, one of them absent": {
        "env_file": [{"path": "newt.env"}, {"path": "absent.env", "required": False}]
    },
    "variables": {
        "environment": {
            "PANGOLIN_ENDPOINT": "https://${HOST}",
            "NEWT_ID": "${ID:-" + NEWT_ID + "}",
            "NEWT_SECRET": "${SECRET:?must be set}",
        }
    },
    "names alone, from outside": {"environment": ["PANGOLIN_ENDPOINT", "NEWT_ID", "NEWT_SECRET"]},
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_means_the_same_and_none_shows_the_secret(
    folder: Folder, spelling: str
) -> None:
    lines = "\n".join(f"export {name}='{value}'" for name, value in IDENTITY.items())
    folder.write(f"# newt\n\n{lines} # said\n", "newt.env")
    folder.write(f'HOST="pangolin.example.com"\nSECRET={CANARY}\n', ".env")
    folder.service(**SPELLINGS[spelling])
    found = keys(folder.adopted("--address", ADDRESS, variables=IDENTITY))
    assert found["pangolin"] == {"endpoint": ENDPOINT}
    assert found["newtId"] == NEWT_ID
    assert found["agent"]["image"] == "fosrl/newt:1.15.0"


def test_a_flag_wins_over_its_variable_and_a_variable_over_its_file(folder: Folder) -> None:
    folder.write("NEWT_ID=fromfile\nLOG_LEVEL=WARN\n", "newt.env")
    folder.service(
        env_file=["newt.env"], environment={"NEWT_ID": "fromvariable"}, command=["--id", "fromflag"]
    )
    found = keys(folder.adopted())
    assert found["newtId"] == "fromflag"
    assert found["newt"]["logLevel"] == "WARN"


def fake_pulumi(folder: Folder, status: int = 0) -> None:
    folder.program(
        "pulumi",
        f'cat >"{folder.path}/stored"\necho "$@" >"{folder.path}/arguments"\nexit {status}',
    )


@pytest.mark.parametrize(
    ("variable", "key"),
    [("NEWT_SECRET", "newtSecret"), ("NEWT_PROVISIONING_KEY", "newtProvisioningKey")],
)
def test_the_secret_goes_to_pulumi_through_a_pipe_and_nowhere_else(
    folder: Folder, variable: str, key: str
) -> None:
    fake_pulumi(folder)
    folder.service(environment={"PANGOLIN_ENDPOINT": ENDPOINT, variable: CANARY})
    text = folder.adopted("--stack", "attic")
    assert "--store --stack attic" in text
    assert folder.adopted("--store", "--stack", "attic") == ""
    assert (folder.path / "stored").read_text() == CANARY
    arguments = (folder.path / "arguments").read_text()
    assert arguments == f"config set --secret {key} --stack=attic\n"


def test_a_provisioning_key_leaves_a_log_level_behind_that_would_log_its_secret(
    folder: Folder,
) -> None:
    folder.service(environment={"NEWT_PROVISIONING_KEY": CANARY, "LOG_LEVEL": "debug"})
    text = folder.adopted()
    assert "newt.logLevel: DEBUG: is refused with newtProvisioningKey" in text
    assert "newt" not in keys(text)


def test_a_secret_that_could_not_be_stored_is_an_error(folder: Folder) -> None:
    fake_pulumi(folder, status=255)
    folder.service(environment=IDENTITY)
    done = folder.run("--store")
    assert done.returncode == 1
    assert "ended with 255" in done.stderr
    assert CANARY not in done.stdout + done.stderr


def test_without_a_secret_the_command_asks_for_it(folder: Folder) -> None:
    folder.service(environment={"NEWT_ID": NEWT_ID, "NEWT_SECRET": "${NOT_SET}"})
    assert "this asks for it:\n#   pulumi config set --secret newtSecret\n" in folder.adopted()
    assert "holds no secret" in folder.run("--store").stderr


def test_a_secret_in_another_key_too_prints_nothing(folder: Folder) -> None:
    folder.service(environment={**IDENTITY, "NEWT_NAME": CANARY})
    done = folder.run()
    assert done.returncode == 1
    assert CANARY not in done.stdout + done.stderr
    assert done.stdout == ""


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "docker socket": (
        {"volumes": ["/var/run/docker.sock:/var/run/docker.sock:ro"]},
        "the Docker socket: access to it is root access",
    ),
    "docker socket, long form": (
        {"volumes": [{"type": "bind", "source": "/run/docker.sock", "target": "/x"}]},
        "the Docker socket: access to it is root access",
    ),
    "docker socket, variable": (
        {"environment": {"DOCKER_SOCKET": "tcp://proxy:2375"}},
        "variable DOCKER_SOCKET: gives the server a view of every container",
    ),
    "docker socket, flag": (
        {"command": ["--docker-socket", "/var/run/docker.sock"]},
        "variable DOCKER_SOCKET: gives the server a view of every container",
    ),
    "host network": ({"network_mode": "host"}, "network_mode: host: it gives newt every port"),
    "another container's network": (
        {"network_mode": "service:vpn"},
        "network_mode: service:vpn: newt gets a network of its own",
    ),
    "docker socket of Compose": (
        {"use_api_socket": True},
        "the Docker socket: access to it is root access",
    ),
    **{
        f"the folder {folder} of the docker socket": (
            {"volumes": [volume]},
            f"the mount of {folder}: the Docker socket is in it; access to it is root access",
        )
        for folder, volume in (
            ("/", "/:/host:ro"),
            ("/", "//:/host"),
            ("/", {"type": "bind", "source": "/var/..", "target": "/host"}),
            ("/run", "/run/:/run"),
            ("/var/run", {"source": "/var/run", "target": "/x"}),
            ("/var", "/var:/var"),
        )
    },
    "another folder of the host": (
        {"volumes": ["/etc:/etc", "newt-config:/root/.config"]},
        "the mount of /etc: newt gets no file of the host",
    ),
    "privileged": ({"privileged": True}, "privileged: true: newt needs no privilege"),
    "privileged by a variable": (
        {"privileged": "${X:-true}"},
        "privileged: true: newt needs no privilege",
    ),
    "privileged in the words of YAML 1.1": (
        {"privileged": "yes"},
        "privileged: true: newt needs no privilege",
    ),
    "an open profile": (
        {"security_opt": ["seccomp=unconfined"]},
        "security_opt: the stack has no such key",
    ),
    "host pid": ({"pid": "host"}, "pid: host"),
    "net admin": ({"cap_add": ["NET_ADMIN"]}, "cap_add: NET_ADMIN: newt needs none, and it would"),
    "net raw": ({"cap_add": ["CAP_NET_RAW"]}, "newt.capabilities: [NET_RAW]"),
    "tun": ({"devices": ["/dev/net/tun"]}, "devices: newt's tunnel runs in user space"),
    "latest": ({"image": "fosrl/newt:latest"}, "agent.image: fosrl/newt:latest: is a moving tag"),
    "an old version": ({"image": "fosrl/newt:1.5.0"}, "fosrl/newt:1.5.0: is older than 1.12.0"),
    "no tag": ({"image": "fosrl/newt"}, "agent.image: fosrl/newt: has no tag; pin one"),
    "no tls": (
        {"environment": {"PANGOLIN_ENDPOINT": "http://pangolin.example.com"}},
        "pangolin.endpoint: http://pangolin.example.com: does not start with https://",
    ),
    "an unknown variable": (
        {"environment": {"MY_TOKEN": CANARY}},
        "variable MY_TOKEN: is not among newt's documented variables",
    ),
    "an unknown flag": (
        {"command": ["--prefer-endpoint", "/x"]},
        "flag --prefer-endpoint: there is",
    ),
    "a file": (
        {"command": ["--blueprint-file", "/x"]},
        "variable BLUEPRINT_FILE: names a file of the old container",
    ),
    "trusting other certificates": (
        {"environment": {"SSL_CERT_FILE": "/x"}},
        "variable SSL_CERT_FILE: decides which certificates newt accepts",
    ),
    "a proxy": (
        {"environment": {"HTTPS_PROXY": f"http://newt:{CANARY}@proxy:3128"}},
        "variable HTTPS_PROXY: sends newt's requests through a proxy",
    ),
    "native": ({"command": "--native"}, "variable USE_NATIVE_INTERFACE: needs NET_ADMIN"),
    "two networks": ({"networks": ["newt", "proxy"]}, "network proxy: newt is alone on one"),
    "id and secret swapped": (
        {"environment": {"NEWT_ID": f"{CANARY}{CANARY}", "NEWT_SECRET": "abcdefgh12345"}},
        "newtId: (not shown): is not a newt id",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_taken_over_is_said_with_its_reason(folder: Folder, case: str) -> None:
    service, reason = REFUSED[case]
    folder.service(**service)
    text = folder.adopted()
    comments = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    assert reason in comments
    allowed = ("pangolin", "dns", "docker.address")
    assert all(line.startswith(allowed) for line in problems(text)), "the rest must load"


def test_what_has_a_key_is_carried_over(folder: Folder) -> None:
    folder.service(
        environment={**IDENTITY, "MTU": 1400, "DISABLE_CLIENTS": False, "DISABLE_SSH": "true"},
        dns=["10.0.1.53"],
        extra_hosts=["pangolin.example.com:203.0.113.10", "other:10.0.0.1"],
    )
    text = folder.adopted("--address", ADDRESS)
    assert problems(text) == []
    found = keys(text)
    assert found["newt"]["environment"] == {"MTU": "1400"}
    assert found["newt"]["clients"] is True
    assert "ssh" not in found["newt"]
    assert found["dns"] == ["10.0.1.53"]
    assert found["pangolin"]["addresses"] == ["203.0.113.10"]


CLOUD = "https://app.pangolin.net"


def test_a_newt_of_pangolin_cloud_gets_its_nodes_and_is_told_why(folder: Folder) -> None:
    folder.service(environment={**IDENTITY, "PANGOLIN_ENDPOINT": CLOUD}, dns=["10.0.1.53"])
    text = folder.adopted("--address", ADDRESS)
    assert problems(text) == []
    assert keys(text)["pangolin"] == {"endpoint": CLOUD, "nodes": "cloud"}
    assert "# A newt of Pangolin Cloud gets no tunnel at the endpoint, but at nodes;" in text
    assert f"# cloud: {pangolin_cloud.CLOUD}." in text


def test_a_newt_that_may_not_use_the_clouds_nodes_needs_its_own(folder: Folder) -> None:
    told = {**IDENTITY, "PANGOLIN_ENDPOINT": CLOUD, "NO_CLOUD": "true"}
    folder.service(environment=told, dns=["10.0.1.53"])
    text = folder.adopted("--address", ADDRESS)
    assert keys(text)["pangolin"] == {"endpoint": CLOUD}
    assert "because of NO_CLOUD" in text
    (missing,) = problems(text)
    assert missing.startswith("pangolin.nodes: (missing): ")


SWITCHES = {
    "--no-cloud": ("NO_CLOUD", "true"),
    "--metrics": ("NEWT_METRICS_PROMETHEUS_ENABLED", "true"),
    "--otlp": ("NEWT_METRICS_OTLP_ENABLED", "true"),
    "--metrics-async-bytes": ("NEWT_METRICS_ASYNC_BYTES", "true"),
    "--enforce-hc-cert=false": ("ENFORCE_HC_CERT", "false"),
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_takes_no_value_from_the_word_after_it(folder: Folder, switch: str) -> None:
    folder.service(command=[switch, "--id", NEWT_ID, "--mtu", "1400"])
    found = keys(folder.adopted())
    name, value = SWITCHES[switch]
    assert found["newtId"] == NEWT_ID
    assert found["newt"]["environment"] == {name: value, "MTU": "1400"}


def test_newt_reads_no_flag_after_the_first_word_that_is_none(folder: Folder) -> None:
    """As Go's flag package does: `--metrics true` is a switch, and a word that ends the flags."""
    folder.service(
        entrypoint=["newt", "--id", NEWT_ID], command=["--metrics", CANARY, "--mtu", "1400"]
    )
    text = folder.adopted()
    found = keys(text)
    assert found["newtId"] == NEWT_ID
    assert "MTU" not in found["newt"]["environment"]
    assert "newt does not read them" in text


def test_every_flag_of_newt_is_read_by_its_kind() -> None:
    """Switches are those that newt 1.16.0's config.go declares by flag.BoolVar and flag.Bool."""
    switches = {name for name, variable in BY_FLAG.items() if variable.is_switch}
    assert switches == {
        *("native", "native-main", "disable-clients", "disable-ssh", "enforce-hc-cert"),
        *("no-cloud", "metrics", "otlp", "metrics-async-bytes", "pprof"),
        *("ad-generate-random-password", "auth-daemon"),
    }


SITE = {"PANGOLIN_ENDPOINT": ENDPOINT, "SITE_ID": NEWT_ID, "SITE_SECRET": CANARY}
PANGOLIN_CLI = "fosrl/pangolin-cli:0.22.0"
#: As Pangolin's instructions for a new site write it, and otherwise.
SITES: dict[str, dict[str, Any]] = {
    "variables": {"image": PANGOLIN_CLI, "environment": SITE},
    "newt's variables win": {
        "image": PANGOLIN_CLI,
        "environment": {**SITE, "SITE_ID": "other", "NEWT_ID": NEWT_ID},
    },
    "flags": {
        "image": PANGOLIN_CLI,
        "command": f"up site --id {NEWT_ID} --secret {CANARY} --endpoint {ENDPOINT}",
    },
    "another image": {
        "image": "registry.lan/connector:0.22.0",
        "entrypoint": ["/usr/local/bin/pangolin-cli", "up", "site"],
        "environment": SITE,
    },
}


@pytest.mark.parametrize("site", SITES)
def test_pangolin_cli_is_taken_over_as_the_agent_that_it_is(folder: Folder, site: str) -> None:
    client = {
        "image": PANGOLIN_CLI,
        "environment": {"PANGOLIN_ENDPOINT": ENDPOINT, "CLIENT_ID": "a", "CLIENT_SECRET": "b"},
    }
    other = {"image": PANGOLIN_CLI, "command": ["up", "client", "--id", "a"]}
    services = {"site": SITES[site], "vpn": client, "vpn2": other}
    folder.write(yaml.safe_dump({"services": services}))
    text = folder.adopted("--address", ADDRESS)
    found = keys(text)
    assert found["agent"] == {"name": "pangolin-cli", "image": SITES[site]["image"]}
    assert found["newtId"] == NEWT_ID
    assert found["pangolin"] == {"endpoint": ENDPOINT}
    assert "into `pulumi config set --secret`" in text, "its secret is found by either name"
    assert "Of the old set-up this is not taken over" not in text


def test_the_image_of_an_agent_without_a_version_is_this_programs_choice(folder: Folder) -> None:
    folder.service(image="fosrl/pangolin-cli", environment=SITE)
    text = folder.adopted("--address", ADDRESS)
    assert keys(text)["agent"] == {"name": "pangolin-cli"}
    assert "this program's own choice, fosrl/pangolin-cli:0.23.0." in text


def test_a_number_for_an_id_stays_a_text(folder: Folder) -> None:
    folder.service(environment={"NEWT_ID": "12345678"})
    assert keys(folder.adopted())["newtId"] == "12345678"


NEIGHBOURS = """
  gitea: {image: gitea/gitea, ports: ["3000:3000"]}
  wiki: {ports: [{target: 80, published: "8080", protocol: tcp}, "53:53/udp"]}
  dns: {ports: ["8000-8010:8000-8010"]}
  postgres: {image: postgres, ports: ["5432:5432"]}
  redis: {image: redis}
  adminer: {ports: ["127.0.0.1:8081:8080"]}
  random: {ports: ["80"]}
  ha: {network_mode: host}
  "bad name\\nnewt-tunnel:newtId: x": {ports: ["9000:9000"]}
"""


def test_the_neighbours_are_suggested_by_their_published_ports(folder: Folder) -> None:
    folder.write(
        POST.replace(
            "\nnetworks:\n  newt:\n    ipam", f"{NEIGHBOURS}\nnetworks:\n  newt:\n    ipam"
        )
    )
    text = folder.adopted("--address", ADDRESS)
    assert keys(text)["egress"] == [], "a suggestion is no permission"
    for said in (
        "redis: publishes no port",
        "adminer: is published on loopback only",
        "random: is published on a port of Docker's choice",
        "ha: is in the host's network",
    ):
        assert f"# {said}" in text
    taken = uncommented(text)
    assert problems(taken) == []
    assert [
        (entry["name"], entry["port"], entry.get("protocol")) for entry in keys(taken)["egress"]
    ] == [
        ("gitea", 3000, None),
        ("wiki-8080-tcp", 8080, None),
        ("wiki-53-udp", 53, "udp"),
        ("dns-service", "8000-8010", None),
        ("bad-name-newt-tunnel-newtId-x", 9000, None),
    ]
    assert [entry["name"] for entry in keys(taken)["mustNotReach"]] == ["postgres"]


def test_a_port_without_quotes_is_no_number_of_base_60(folder: Folder) -> None:
    folder.write(
        "services:\n  newt: {image: 'fosrl/newt:1.15.0', networks: [alone]}\n"
        "  ssh:\n    ports:\n      - 2222:22\n      - 53:53/udp\n"
    )
    taken = uncommented(folder.adopted("--address", ADDRESS))
    assert [entry["port"] for entry in keys(taken)["egress"]] == [2222, 53]


def test_services_without_networks_share_the_projects_own(folder: Folder) -> None:
    folder.write(
        "services:\n  newt: {image: 'fosrl/newt:1.15.0'}\n  redis: {image: redis}\n"
        "  gitea: {ports: ['3001:3000']}\n  other: {networks: [else]}\n"
        "  db: {container_name: gitea-db, expose: [5432]}\n"
        "  host: {network_mode: bridge}\n  inside: {network_mode: 'service:newt'}\n"
    )
    text = folder.adopted("--address", ADDRESS)
    assert "# redis: names no port; the old newt reaches it by network default" in text
    taken = keys(uncommented(text))
    gitea = {"name": "gitea", "container": f"{folder.project}/gitea", "port": 3000}
    assert taken["egress"] == [gitea], "as Pangolin dials it, not as the host publishes it"
    assert taken["mustNotReach"] == [{"name": "db", "container": "gitea-db", "port": 5432}]
    for alone in ("other", "host"):
        assert f"# {alone}: publishes no port, and shares no network with the old newt" in text
    assert "# inside: is in the network of the old newt" in text


def test_the_labels_that_pangolin_reads_say_the_port(folder: Folder) -> None:
    folder.write(
        "name: media\nservices:\n  newt: {image: 'fosrl/newt:1.15.0'}\n"
        "  jellyfin:\n    expose: [8096, 8920]\n    labels:\n"
        "      - pangolin.public-resources.tv.protocol=http\n"
        "      - pangolin.public-resources.tv.targets[0].port=8096\n"
        "      - pangolin.proxy-resources.dlna.protocol=udp\n"
        "      - pangolin.proxy-resources.dlna.targets[0].port=1900\n"
    )
    assert keys(uncommented(folder.adopted("--address", ADDRESS)))["egress"] == [
        {"name": "jellyfin-8096-tcp", "container": "media/jellyfin", "port": 8096},
        {
            "name": "jellyfin-1900-udp",
            "container": "media/jellyfin",
            "port": 1900,
            "protocol": "udp",
        },
    ]


def test_a_suggestion_without_an_address_does_not_load_unnoticed(folder: Folder) -> None:
    newt = "{image: 'fosrl/newt:1.15.0', networks: [alone]}"
    folder.write(f"services:\n  newt: {newt}{NEIGHBOURS}")
    found = problems(uncommented(folder.adopted()))
    assert any(line.startswith("egress[0].host: <docker.address>") for line in found)


ERRORS = {
    "services: {a: {image: x}}": "no service looks like newt",
    "services: {a: {image: fosrl/newt:1}, b: {image: x/newt:2}}": "say which by --service: a, b",
    "version: '3'": "has no `services`",
    f"services: [\n{CANARY}": "is not YAML that can be read",
    "services: {newt: {image: newt, env_file: absent.env}}": "absent.env: cannot be read",
    "services: {newt: {image: newt, env_file: bad.env}}": "bad.env: line 2 is not NAME=VALUE",
    "include: [a.yaml]\nservices: {newt: {image: newt}}": "`include` brings in another file",
    "include: [a.yaml]": "`include` brings in another file",
    "services: {newt: {extends: {service: a}}, a: {privileged: true}}": "`extends` brings in",
    f"services: {{newt: {{image: newt, pid: '${{A:-${{{CANARY}}}}}'}}}}": "only Compose can read",
    "services: {newt: {image: '${TAG:?}'}}": "TAG: not set, and the file needs it",
}


def test_a_tilde_in_the_path_is_the_users_home_and_the_command_to_come_has_the_whole_path(
    folder: Folder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.service(environment=IDENTITY)
    monkeypatch.setenv("HOME", str(folder.path))
    monkeypatch.setenv("PATH", f"{folder.path}:{os.environ['PATH']}")
    assert main(["~/compose.yaml"]) == 0
    assert (
        f"-m newt_tunnel adopt {folder.path}/compose.yaml --store --stack nas"
        in capsys.readouterr().out
    )
    assert main(["~nobody-here/compose.yaml"]) == 1
    assert "~nobody-here/compose.yaml: cannot be read" in capsys.readouterr().err


def test_no_path_and_a_folder_are_answered_with_what_to_write(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--", ""]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "adopt: no compose file is given; write its path, like COMPOSE=~/newt/compose.yaml for "
        "make\n"
    )
    for name in ("compose.yaml", "docker-compose.yml"):
        assert main([str(folder.path)]) == 1
        said = capsys.readouterr()
        assert said.err == (
            f"adopt: {folder.path}: is a folder; write the compose file in it, like "
            f"{folder.path}/{name}\n"
        )
        folder.write("", "docker-compose.yml")


@pytest.mark.parametrize("text", ERRORS)
def test_a_file_that_cannot_be_read_is_said_without_its_content(folder: Folder, text: str) -> None:
    folder.write(f"A=1\n{CANARY} nonsense\n", "bad.env")
    folder.write(text)
    done = folder.run()
    assert done.returncode == 1
    assert ERRORS[text] in done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_compose_would_merge_is_not_left_out(folder: Folder) -> None:
    folder.service(environment=IDENTITY)
    folder.write("services: {newt: {privileged: true}}", "compose.override.yaml")
    done = folder.run()
    assert done.returncode == 1
    assert "compose.override.yaml brings in another file" in done.stderr


def test_a_file_that_is_not_there_is_said(folder: Folder) -> None:
    assert "cannot be read: No such file" in folder.run().stderr


def test_nothing_in_a_compose_file_becomes_a_line_of_its_own(folder: Folder) -> None:
    evil = "x\nconfig:\n  newt-tunnel:proof: off"
    service = {
        "image": evil,
        "network_mode": evil,
        "cap_add": [evil],
        "command": [f"--{evil}"],
        "environment": {evil: "1", "NEWT_ID": evil, "MTU": evil, "PANGOLIN_ENDPOINT": evil},
        "networks": [evil, "b"],
    }
    folder.write(json.dumps({"services": {evil: service, f"{evil}2": {"ports": [evil]}}}))
    text = folder.adopted("--service", evil)
    assert text.count("\nconfig:") == 1
    assert "proof" not in keys(text)
