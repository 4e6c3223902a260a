"""`newt.environment` is a list of permissions; `newt.unknownEnvironment` takes what is new."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft7Validator

from newt_tunnel.settings import variables
from newt_tunnel.settings.schema import schema
from newt_tunnel.settings.variable_table import FAMILIES, VARIABLES
from tests.unit.settings.example import cluster_problems, cluster_settings, problems, settings

KNOWN, UNKNOWN = "newt.environment", "newt.unknownEnvironment"
JUDGES = {"docker": problems, "kubernetes": cluster_problems}
Judge = Callable[..., list[str]]
REFUSED = {name for name in variables.BY_NAME if name not in variables.ALLOWED}
PASSWORD = "hunter2needle"
#: Every name that newt 1.17.0 gives to os.Getenv, applyEnvStr, applyEnvBool, applyEnvStrAlias,
#: getenv or getdur on Linux, less NEWT_COMMIT, which its build sets.
READ_BY_NEWT = re.findall(
    "[A-Z_0-9]+",
    """
    AD_CA_CERT_PATH AD_GENERATE_RANDOM_PASSWORD AD_KEY AD_PRINCIPALS_FILE BLUEPRINT_FILE CONFIG_FILE
    DISABLE_CLIENTS DISABLE_SSH DNS DOCKER_ENFORCE_NETWORK_VALIDATION DOCKER_SOCKET ENFORCE_HC_CERT
    HEALTH_FILE HOME INTERFACE INTERFACE_MAIN LOCAL_ENDPOINT_INTERFACES LOGGER_TIMEZONE LOG_LEVEL
    MTU NEWT_ADMIN_ADDR NEWT_ID
    NEWT_METRICS_ASYNC_BYTES NEWT_METRICS_INCLUDE_SITE_LABELS NEWT_METRICS_INCLUDE_TUNNEL_ID
    NEWT_METRICS_OTLP_ENABLED NEWT_METRICS_PROMETHEUS_ENABLED NEWT_NAME NEWT_PID_FILE
    NEWT_PPROF_ENABLED NEWT_PROVISIONING_KEY NEWT_REGION NEWT_SECRET NEWT_SITE_ID
    NEWT_SYSTEM_SUBSTRATE NEWT_UDP_PROXY_IDLE_TIMEOUT NO_CLOUD OTEL_EXPORTER_OTLP_CERTIFICATE
    OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_HEADERS OTEL_EXPORTER_OTLP_INSECURE
    OTEL_METRIC_EXPORT_INTERVAL OTEL_RESOURCE_ATTRIBUTES OTEL_SERVICE_NAME OTEL_SERVICE_VERSION
    PANGOLIN_ENDPOINT PING_INTERVAL PING_TIMEOUT PORT PROVISIONING_BLUEPRINT_FILE SITE_ADMIN_ADDR
    SITE_ID SITE_METRICS_ASYNC_BYTES SITE_METRICS_OTLP_ENABLED SITE_METRICS_PROMETHEUS_ENABLED
    SITE_NAME SITE_PPROF_ENABLED SITE_PROVISIONING_KEY SITE_REGION SITE_SECRET
    SITE_UDP_PROXY_IDLE_TIMEOUT SKIP_TLS_VERIFY
    TLS_CLIENT_CAS TLS_CLIENT_CERT TLS_CLIENT_CERT_PKCS12 TLS_CLIENT_KEY UPDOWN_SCRIPT
    USE_NATIVE_INTERFACE USE_NATIVE_MAIN_INTERFACE
""",
)


@pytest.fixture(params=JUDGES)
def judge(request: pytest.FixtureRequest) -> Judge:
    return JUDGES[request.param]


whole = cache(schema)


def underlined(key: str, value: object, *, definition: str = "Newt") -> bool:
    """Whether an editor underlines ``value`` at the key of the section ``newt``."""
    definitions = whole()["definitions"]
    shape = definitions[definition]["properties"][key.rpartition(".")[2]]
    return not Draft7Validator({**shape, "definitions": definitions}).is_valid(value)


def test_every_variable_that_newt_reads_has_been_judged() -> None:
    judged = {name for name in READ_BY_NEWT if name in variables.BY_NAME}
    families = {name for name in READ_BY_NEWT if variables.refusal(name)}
    assert set(READ_BY_NEWT) == judged | families


@pytest.mark.parametrize("key", [KNOWN, UNKNOWN])
def test_what_newt_documents_and_is_harmless_is_taken(key: str, judge: Judge) -> None:
    given = dict.fromkeys(sorted(variables.ALLOWED), "1")
    assert judge({key: given}) == [], "an unknown variable that is documented later stays valid"
    assert not underlined(key, given)


def test_a_value_may_be_a_number_or_a_switch() -> None:
    found = settings({KNOWN: {"MTU": 1280, "NO_CLOUD": True}}).newt
    assert found.environment == {"MTU": "1280", "NO_CLOUD": "true"}


REMEDIES = {
    "PANGOLIN_ENDPOINT": "pangolin.endpoint",
    "NEWT_ID": "newtId",
    "SITE_ID": "newtId",
    "NEWT_SITE_ID": "newtId",
    "NEWT_SECRET": "pulumi config set --secret newtSecret",
    "SITE_SECRET": "pulumi config set --secret newtSecret",
    "NEWT_PROVISIONING_KEY": "pulumi config set --secret newtProvisioningKey",
    "SITE_PROVISIONING_KEY": "pulumi config set --secret newtProvisioningKey",
    "LOG_LEVEL": "newt.logLevel",
    "HEALTH_FILE": "newt.health",
    "DISABLE_CLIENTS": "newt.clients",
    "ACCEPT_CLIENTS": "newt.clients",
    "DISABLE_SSH": "newt.ssh",
    "CONFIG_FILE": "cannot be moved",
    "DOCKER_SOCKET": "list targets in egress",
    "USE_NATIVE_INTERFACE": "needs NET_ADMIN",
    "USE_NATIVE_MAIN_INTERFACE": "needs NET_ADMIN",
    "UPDOWN_SCRIPT": "runs a program",
    "SKIP_TLS_VERIFY": "give the server a valid certificate",
    "SSL_CERT_FILE": "which certificates newt accepts",
    "SSL_CERT_DIR": "which certificates newt accepts",
    "NEWT_PPROF_ENABLED": "serves newt's memory",
    "SITE_PPROF_ENABLED": "serves newt's memory",
    "NEWT_SYSTEM_SUBSTRATE": "replace its own program",
    "AD_KEY": "leave it out",
    "LD_PRELOAD": "leave it out",
    "LD_LIBRARY_PATH": "leave it out",
    "BASH_ENV": "leave it out",
    "PATH": "leave it out",
    "GODEBUG": "newt's id and secret among it (http2debug)",
    "GOTRACEBACK": "newt's memory",
    "OTEL_EXPORTER_OTLP_HEADERS": "carries credentials",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "carries credentials",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "carries credentials",
    "CLIENT_ID": "VPN client",
}


@pytest.mark.parametrize("key", [KNOWN, UNKNOWN])
@pytest.mark.parametrize("name", sorted({*REFUSED, *REMEDIES}))
def test_what_opens_the_cage_or_carries_a_secret_is_refused_as_unknown_too(
    key: str, name: str, judge: Judge
) -> None:
    (line,) = judge({f"{key}.{name}": PASSWORD})
    assert line.startswith(f"{key}.{name}: "), line
    assert REMEDIES.get(name, ";") in line, "an error says what to do"
    assert line.count(name) == 1 or name == "HOME", f"{line}: names it once"
    assert PASSWORD not in line
    assert underlined(key, {name: "x"})


@pytest.mark.parametrize("name", ["NEWT_BRAND_NEW", "MTUU", "A"])
def test_a_variable_that_newt_does_not_document_must_be_called_unknown(
    name: str, judge: Judge
) -> None:
    (line,) = judge({f"{KNOWN}.{name}": "x"})
    assert line.startswith(f"{KNOWN}.{name}: is not among newt's documented variables"), line
    assert f"write it under {UNKNOWN}" in line
    assert ("did you mean MTU?" in line) == (name == "MTUU")
    assert judge({f"{UNKNOWN}.{name}": "x"}) == []
    assert underlined(KNOWN, {name: "x"})
    assert not underlined(UNKNOWN, {name: "x"})


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"])
def test_a_proxy_must_be_meant(name: str, judge: Judge) -> None:
    (line,) = judge({f"{KNOWN}.{name}": "http://10.0.1.5:3128"})
    assert "newt then reaches what the proxy reaches" in line
    assert judge({f"{UNKNOWN}.{name}": "http://10.0.1.5:3128"}) == []


@pytest.mark.parametrize(
    "name", ["MY_TOKEN", "API_KEY", "OTEL_AUTH_HEADER", "SECRET", "DB_PASSWORD"]
)
def test_a_name_like_a_secrets_is_refused(name: str, judge: Judge) -> None:
    (line,) = judge({f"{UNKNOWN}.{name}": PASSWORD})
    assert "is called like a secret" in line
    assert PASSWORD not in line
    assert underlined(UNKNOWN, {name: "x"})


def test_the_path_of_a_file_with_a_secret_is_none(judge: Judge) -> None:
    assert judge({f"{UNKNOWN}.NEWT_KEY_FILE": "/etc/newt/key"}) == []
    assert judge({f"{KNOWN}.TLS_CLIENT_KEY": "/etc/newt/key.pem"}) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (f"{UNKNOWN}.HTTPS_PROXY", f"http://newt:{PASSWORD}@10.0.1.5:3128"),
        (f"{UNKNOWN}.HTTPS_PROXY", f"newt:{PASSWORD}@proxy.lan:3128"),
        (f"{UNKNOWN}.HTTPS_PROXY", f"http://{PASSWORD}@proxy.lan"),
        (f"{UNKNOWN}.SOMETHING", f"a,socks5://newt:{PASSWORD}@10.0.1.5"),
        (f"{KNOWN}.OTEL_EXPORTER_OTLP_ENDPOINT", f"https://newt:{PASSWORD}@10.0.1.5:4317"),
    ],
)
def test_a_password_in_a_url_is_refused_and_not_shown(key: str, value: str, judge: Judge) -> None:
    (line,) = judge({key: value})
    assert line.startswith(f"{key}: (not shown): holds a user name or password"), line
    assert PASSWORD not in line
    section, _, name = key.rpartition(".")
    assert underlined(section, {name: value})


@pytest.mark.parametrize("value", ["mail@example.com", "http://10.0.1.5:80/a@b", "[::1]:4317"[1:4]])
def test_an_at_sign_alone_is_no_password(value: str, judge: Judge) -> None:
    assert judge({f"{KNOWN}.NEWT_NAME": value}) == []


def test_a_variable_in_both_maps_is_a_contradiction(judge: Judge) -> None:
    (line,) = judge({f"{KNOWN}.MTU": 1280, f"{UNKNOWN}.MTU": 1400})
    assert line == f"{UNKNOWN}: MTU: is in {KNOWN} too; keep one of the two"


def test_both_maps_go_to_newt() -> None:
    changes: dict[str, Any] = {f"{KNOWN}.MTU": 1280, f"{UNKNOWN}.NEWT_NEW": "x"}
    for found in (settings(changes).newt, cluster_settings(changes).newt):
        assert found.variables == {"MTU": "1280", "NEWT_NEW": "x"}


def test_every_row_has_a_source_and_every_refusal_a_remedy() -> None:
    for row in (*VARIABLES, *FAMILIES):
        assert row.source
        assert row.refusal is None or ";" in row.refusal, row
    names = [name for row in VARIABLES for name in row.names]
    flags = [row.flag for row in VARIABLES if row.flag]
    assert len(names) == len(set(names))
    assert len(flags) == len(set(flags))
