"""stacks/schema.json: what an editor completes, explains and underlines in a stack file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from newt_tunnel.settings.load import judge
from newt_tunnel.settings.schema import FILE, MODELINE, PROJECT, rendered, schema
from newt_tunnel.settings.stack import MODELS
from newt_tunnel.settings.table import rows
from tests.unit.settings.example import ABSENT, STACKS, TREES, problems_on
from tests.unit.settings.test_bad_input import CASES

EXAMPLES = sorted(STACKS.glob("Pulumi.*.yaml"))
SECURE = {"secure": "v1:abc:def"}

#: What is said of a value that has the right shape: no schema can know it. Each phrase is a part of
#: what the program says.
BEYOND_A_SCHEMA = (
    # what an address or a name stands for
    *("newt itself", "(docker.address)", "is loopback", "loopback", "is link-local"),
    *("is multicast", "broadcast", "write the address of one host", "is not an address"),
    *("write the address of the target", "is newt's own pod", "write it as IPv4"),
    *("is not public; if that is intended", "is not private", "write `service: shop/web`"),
    # arithmetic
    *("has host bits", "10.0.1.0/24 for the bl", "fd00:1::/64 for the b", "narrower blocks"),
    *('write "8000-8010"', "which overlap", "N from 0 to 128", "`wide: true` if it is intended"),
    *("is damaged", "holds a key of another type"),
    # names that mean the same
    *("has duplicates", "which is one of `cloud`"),
    # two keys together
    *("lacks ", "is the name of", "repeats ", "overlaps with", "stands for the nodes of"),
    *("newt cannot look", "newt's pod cannot look it up", "targets are more than"),
    *(
        "is outside docker.subnet",
        "is the gateway",
        "is the network",
        "contains newt's own network",
    ),
    *(
        "write hook: prerouting",
        "is docker.bridge as well",
        "a Service has single ports",
        "write a number",
        "remove `wide`",
    ),
    *("is in newt's own namespace", "write its IPv4 address", "write at most"),
    # an image's name beside another key
    *("is an image of ", "is older than ", "is the former name of "),
    # what belongs to somebody
    *("of its own", "write https://", "would open DNS to every pod"),
)


@cache
def validator() -> Draft7Validator:
    return Draft7Validator(json.loads(FILE.read_text()))


def document(tree: Mapping[str, Any], **others: Any) -> dict[str, Any]:
    """A stack file with our keys, and ``others`` below ``config``."""
    config = {f"{PROJECT}:{key}": value for key, value in tree.items()}
    return {"config": config | others, "encryptionsalt": "v1:abc"}


def faults(whole: object) -> list[str]:
    return [error.message for error in validator().iter_errors(whole)]


def test_the_schema_is_made_from_the_models_as_they_are() -> None:
    assert FILE.read_text() == rendered(), "out of date: run make docs"


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_names_the_schema_in_its_first_line_and_is_valid(path: Any) -> None:
    text = path.read_text()
    assert text.splitlines()[0] == MODELINE
    assert (path.parent / MODELINE.rpartition("./")[2]).samefile(FILE)
    assert faults(yaml.safe_load(text)) == []


@pytest.mark.parametrize("platform", MODELS)
def test_every_option_has_the_description_of_the_table_and_its_default(platform: str) -> None:
    for row in rows(MODELS[platform]):
        shape = _at(platform, row.key)
        assert row.description in shape["description"], row.key
        if row.default == "required" and row.key != "docker.hostKey":
            continue
        default = shape.get("default")
        shown = default if isinstance(default, str) else json.dumps(default)
        assert default is None or shown == row.default or float(shown) == float(row.default)


def _at(platform: str, key: str) -> dict[str, Any]:
    """The schema of an option, by its key in the table."""
    definitions: dict[str, Any] = schema()["definitions"]
    first, *rest = key.replace("[]", ".[]").split(".")
    found: dict[str, Any] = definitions[f"{platform}-stack"]["properties"][f"{PROJECT}:{first}"]
    for part in rest:
        target = found["items"] if part == "[]" else found
        references = [target, *target.get("anyOf", [])]
        name = next((one["$ref"] for one in references if "$ref" in one), None)
        below = target if name is None else definitions[name.rpartition("/")[2]]
        found = below if part == "[]" else below["properties"][part]
    return found


def test_words_are_offered_one_by_one() -> None:
    offered = {
        ("docker", "platform"): {"docker", "kubernetes"},
        ("docker", "docker.hook"): {"prerouting", "docker-user"},
        ("docker", "newt.logLevel"): {"DEBUG", "INFO", "WARN", "ERROR", "FATAL"},
        ("kubernetes", "newt.logLevel"): {"DEBUG", "INFO", "WARN", "ERROR"},
        ("docker", "egress[].protocol"): {"TCP", "UDP"},
        ("docker", "dns"): {"none", "any"},
        ("kubernetes", "dns"): {"cluster", "none", "any"},
        ("docker", "proof"): {"enforce", "warn", "off"},
    }
    for (platform, key), words in offered.items():
        assert words <= set(_offered(_at(platform, key))), key


def _offered(shape: Any) -> Iterator[str]:
    if isinstance(shape, dict):
        yield from shape.get("enum", [])
        for value in shape.values():
            yield from _offered(value)
    elif isinstance(shape, list):
        for item in shape:
            yield from _offered(item)


@pytest.mark.parametrize(("platform", "changes", "key", "value", "remedy"), CASES)
def test_what_the_program_refuses_for_its_shape_is_underlined(
    platform: str, changes: Mapping[str, Any], key: str, value: str | None, remedy: str
) -> None:
    said = "\n".join(problems_on(platform, changes))
    if not faults(document(TREES[platform](changes))):
        assert any(phrase in said for phrase in BEYOND_A_SCHEMA), (
            f"{key}: {value}: {remedy}: the schema takes it; give the type a shape "
            f"(newt_tunnel/settings/shapes.py), or say above why no schema can know: {said}"
        )


@pytest.mark.parametrize("platform", TREES)
@pytest.mark.parametrize(
    "changes",
    [
        *({typo: 1} for typo in ("egres", "newtID", "must_not_reach", "Platform", "docker2")),
        *({f"pangolin.{typo}": "x"} for typo in ("endpiont", "port", "url")),
        *({f"newt.{typo}": "x"} for typo in ("log_level", "img", "secret")),
        *({f"egress[0].{typo}": "x"} for typo in ("ports", "hosts", "protocl", "comment")),
        *({f"newt.resources.{typo}": 1} for typo in ("mem", "cpu")),
        {"egress": ["gitea.lan:3000"]},
        {"egress": ["gitea.lan:3000:icmp"]},
        {"egress": {"name": "web"}},
        {"newtSecret": "in plain text"},
        {"newtSecret": {"secure": "v1:a", "plain": "x"}},
        {"newt.image": "fosrl/newt:latest"},
        {"newt.health": "maybe"},
        {"reasons": {"dns": ""}},
        {"platform": "podman"},
        {"platform": ABSENT},
    ],
    ids=lambda changes: "no platform" if ABSENT in changes.values() else str(changes),
)
def test_a_typo_is_underlined_on_both_platforms(platform: str, changes: Mapping[str, Any]) -> None:
    if "newt.resources" in str(changes):
        changes = {"newt": {"resources": {next(iter(changes)).rpartition(".")[2]: 1}}}
    assert faults(document(TREES[platform](changes)))


@pytest.mark.parametrize(
    ("platform", "key"),
    [
        *(("docker", key) for key in ("kubernetes", "kubeconfig")),
        *(("kubernetes", key) for key in ("docker", "sshPrivateKey", "newtProvisioningKey")),
    ],
)
def test_a_key_of_the_other_platform_is_underlined(platform: str, key: str) -> None:
    assert faults(document(TREES[platform]({key: SECURE})))


@pytest.mark.parametrize("platform", TREES)
def test_what_pulumi_and_other_providers_keep_in_the_file_is_theirs(platform: str) -> None:
    whole = document(
        TREES[platform]({"newtSecret": SECURE}),
        **{"docker:host": "ssh://nas", "pulumi:tags": {"team": "home"}},
    )
    whole |= {"secretsprovider": "passphrase", "encryptedkey": "abc", "environment": ["home"]}
    assert faults(whole) == []
    assert faults(whole | {"egress": []}), "a key beside `config:` does nothing"
    whole["config"]["egress"] = []
    assert faults(whole), "a key without a prefix is none of Pulumi's"


@pytest.mark.parametrize(
    ("platform", "changes"),
    [
        *(("docker", {"docker.port": port}) for port in (2222, "2222")),
        *(("docker", {"docker.sudo": switch}) for switch in (True, "true", "Yes", "off")),
        *(("docker", {"newt.logLevel": level}) for level in ("info", "Debug", "FATAL")),
        *(("docker", {"proof": mode}) for mode in ("off", False)),
        *(("docker", {"newt.resources": {"cpus": n, "memory": "64"}}) for n in (2, 0.5, "0.5")),
        *(("docker", {"pangolin.ports": ports}) for ports in ("all", "ALL", ["all"])),
        ("docker", {"pangolin.ports": ["443/TCP", "8000-8010/udp"]}),
        ("docker", {"pangolin.endpoint": "HTTPS://Pangolin.example.com:443"}),
        ("docker", {"newt.environment": {"MTU": 1280, "NO_CLOUD": True, "NEWT_NAME": "x y"}}),
        ("docker", {"newt.image": "registry.lan:5000/a/newt:1.16@sha256:" + 64 * "0"}),
        *((platform, {"agent": "newt"}) for platform in TREES),
        ("docker", {"agent": "pangolin-cli"}),
        ("docker", {"agent": {"name": "pangolin-cli", "image": "fosrl/pangolin-cli:0.17.0"}}),
        ("kubernetes", {"agent": {"image": "fosrl/newt:1.12.0"}}),
        ("docker", {"egress": ["10.0.1.77:8000-8010:Tcp", "NAS.lan:53:udp", "a-1.b:1:TCP"]}),
        (
            "docker",
            {"egress": [{"name": "a", "host": "b.lan", "port": [80, "90-91"], "protocol": "uDp"}]},
        ),
        ("docker", {"egress": [{"name": "a", "host": "b.lan", "port": "80", "reason": "x, y"}]}),
        ("docker", {"reasons": {"dns": "x", "capabilities": "y", "proof": None}}),
        ("kubernetes", {"dns": ["cluster", "169.254.20.10", "fd00::10"]}),
        ("kubernetes", {"pangolin": {"endpoint": "https://[2001:db8::1]:8443"}}),
        ("kubernetes", {"egress": ["[fd00::7]:80:tcp", "nas.example.com:80:tcp"]}),
        (
            "kubernetes",
            {"egress": [{"name": "a", "namespace": "b", "port": ["http", 81, "90-91"]}]},
        ),
        (
            "kubernetes",
            {"egress": [{"name": "a", "cidr": "fd00:7::/64", "port": 80, "wide": False}]},
        ),
        ("kubernetes", {"kubernetes.chart.repository": "oci://ghcr.io/fosrl/helm-charts"}),
        ("kubernetes", {"kubernetes.chart.repository": "./charts/newt"}),
        ("kubernetes", {"kubernetes.gateCanary": "kube-system/kube-dns:9153"}),
    ],
    ids=str,
)
def test_whatever_the_program_takes_is_not_underlined(
    platform: str, changes: Mapping[str, Any]
) -> None:
    changes = {"mustNotReach": [], **changes}
    found, problems = judge(TREES[platform](changes))
    assert found is not None, "\n".join(map(str, problems))
    assert faults(document(TREES[platform](changes))) == []


def test_every_default_that_is_offered_is_valid_itself() -> None:
    definitions = schema()["definitions"]
    for name, section in definitions.items():
        for key, shape in section["properties"].items():
            if "default" in shape:
                judged = Draft7Validator({**shape, "definitions": definitions})
                assert judged.is_valid(shape["default"]), f"{name}.{key}"


def test_no_pattern_needs_more_than_editors_know() -> None:
    for word in ("(?i", "(?P", "\\A", "\\Z", "(?<"):
        assert word not in json.dumps(schema()), "JavaScript's regular expressions lack it"
