"""Environment variables of newt as data: which a stack file may set, and why others are refused.

A list of permissions: what is not in it is unknown, and a stack file says so
(``newt.unknownEnvironment``). Refused for good is what belongs to another key, carries a secret, or
works against the cage. Each row has its source; a variable that newt gains is a new row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Sources. The documentation as of docs-v2 63199a5, for newt and its successor `pangolin up site`.
_SITE = "docs.pangolin.net/manage/sites/configure-site"
_METRICS = "docs.pangolin.net/self-host/advanced/metrics"
_CONFIG = "fosrl/newt 1.16.0, config.go"
_TELEMETRY = "fosrl/newt 1.16.0, internal/telemetry/telemetry.go"
_UPDATES = "fosrl/newt 1.16.0, updates/selfupdate.go"
_WEBSOCKET = "fosrl/newt 1.16.0, websocket/client.go"
_LOGGER = "fosrl/newt 1.16.0, logger/writer.go"
_OLD = "fosrl/newt 1.1.0 to 1.12.5, main.go"
_CLI = "fosrl/cli 0.23.0, entrypoint.sh"
_GO_RUNTIME = "pkg.go.dev/runtime#hdr-Environment_Variables"
_GO_HTTP = "pkg.go.dev/net/http"
_GO_X509 = "pkg.go.dev/crypto/x509#SystemCertPool"
_GO_TIME = "pkg.go.dev/time#Location"
_OTEL = "opentelemetry.io/docs/specs/otel/protocol/exporter"
_LOADER = "ld.so(8)"
_POSIX = "POSIX.1-2024, Environment Variables"

# Why a variable is refused, each with what to do instead.
_LEAVE_IT_OUT = "leave it out"
_NO_SSH_FILES = f"belongs to newt's SSH daemon, which has no files here; {_LEAVE_IT_OUT}"
_NO_NET_ADMIN = f"needs NET_ADMIN, with which newt could change its own network; {_LEAVE_IT_OUT}"
_SELF_UPDATE = f"lets newt replace its own program with one that the server names; {_LEAVE_IT_OUT}"
_TRUST = (
    "decides which certificates newt accepts as Pangolin's; give the server a certificate of a "
    "public authority, or add yours to the image"
)
_CREDENTIALS = (
    "carries credentials, and `docker inspect` shows the environment; send to a collector that "
    "asks for none"
)
_PROGRAM = f"decides which program or library runs in newt's container; {_LEAVE_IT_OUT}"
_OTHER_MODE = f"makes the image a VPN client in place of a site connector; {_LEAVE_IT_OUT}"
_OLD_KEY_FILE = f"writes newt's WireGuard key into a file; {_LEAVE_IT_OUT}"


def _key(name: str) -> str:
    return f"is set from {name}; write that key"


def _secret(name: str) -> str:
    return f"is a secret; run: pulumi config set --secret {name}"


@dataclass(frozen=True, kw_only=True)
class Variable:
    """``names``: the variable as newt calls it, then as its successor does. ``flag`` is newt's
    command-line flag that means the same; a switch takes no value after a space.
    """

    names: tuple[str, ...]
    source: str
    flag: str | None = None
    is_switch: bool = False
    #: Its value is the path of a file in the container.
    is_file: bool = False
    #: None: it may be set.
    refusal: str | None = None


@dataclass(frozen=True, kw_only=True)
class Family:
    """Variables whose names have one form. ``is_final``: refused as unknown variables, too."""

    form: str
    source: str
    refusal: str
    is_final: bool = True


def _variable(
    names: str,
    source: str,
    flag: str | None = None,
    *,
    switch: bool = False,
    file: bool = False,
    refusal: str | None = None,
) -> Variable:
    return Variable(
        names=tuple(names.split()),
        source=source,
        flag=flag,
        is_switch=switch,
        is_file=file,
        refusal=refusal,
    )


VARIABLES = (
    # Identity
    _variable("PANGOLIN_ENDPOINT", _SITE, "endpoint", refusal=_key("pangolin.endpoint")),
    _variable("NEWT_ID SITE_ID", _SITE, "id", refusal=_key("newtId")),
    _variable("NEWT_SECRET SITE_SECRET", _SITE, "secret", refusal=_secret("newtSecret")),
    _variable(
        "NEWT_PROVISIONING_KEY SITE_PROVISIONING_KEY",
        _SITE,
        "provisioning-key",
        refusal=_secret("newtProvisioningKey"),
    ),
    _variable("NEWT_NAME SITE_NAME", _SITE, "name"),
    _variable(
        "CONFIG_FILE",
        _SITE,
        "config-file",
        refusal=f"is where the secrets are mounted, and cannot be moved; {_LEAVE_IT_OUT}",
    ),
    # Network
    _variable("DNS", _SITE, "dns"),
    _variable("MTU", _SITE, "mtu"),
    _variable("PORT", _SITE, "port"),
    _variable("INTERFACE", _SITE, "interface"),
    _variable("INTERFACE_MAIN", _SITE, "interface-main"),
    _variable("NO_CLOUD", _SITE, "no-cloud", switch=True),
    _variable("PING_INTERVAL", _SITE, "ping-interval"),
    _variable("PING_TIMEOUT", _SITE, "ping-timeout"),
    _variable(
        "NEWT_UDP_PROXY_IDLE_TIMEOUT SITE_UDP_PROXY_IDLE_TIMEOUT", _SITE, "udp-proxy-idle-timeout"
    ),
    _variable("USE_NATIVE_INTERFACE", _SITE, "native", switch=True, refusal=_NO_NET_ADMIN),
    _variable(
        "USE_NATIVE_MAIN_INTERFACE", _SITE, "native-main", switch=True, refusal=_NO_NET_ADMIN
    ),
    _variable("KEEP_INTERFACE", _OLD, refusal=_NO_NET_ADMIN),
    # What newt does
    _variable("LOG_LEVEL", _SITE, "log-level", refusal=_key("newt.logLevel")),
    _variable("LOGGER_TIMEZONE", _LOGGER),
    _variable("HEALTH_FILE", _SITE, "health-file", file=True, refusal=_key("newt.health")),
    _variable("ENFORCE_HC_CERT", _SITE, "enforce-hc-cert", switch=True),
    _variable(
        "DISABLE_CLIENTS", _SITE, "disable-clients", switch=True, refusal=_key("newt.clients")
    ),
    _variable("ACCEPT_CLIENTS", _OLD, refusal=_key("newt.clients")),
    _variable("DISABLE_SSH", _SITE, "disable-ssh", switch=True, refusal=_key("newt.ssh")),
    _variable("BLUEPRINT_FILE", _SITE, "blueprint-file", file=True),
    _variable("PROVISIONING_BLUEPRINT_FILE", _SITE, "provisioning-blueprint-file", file=True),
    _variable(
        "UPDOWN_SCRIPT",
        _SITE,
        "updown",
        file=True,
        refusal=f"runs a program whenever the server changes a target; {_LEAVE_IT_OUT}",
    ),
    _variable(
        "GENERATE_AND_SAVE_KEY_TO", _OLD, "generateAndSaveKeyTo", file=True, refusal=_OLD_KEY_FILE
    ),
    # Docker
    _variable(
        "DOCKER_SOCKET",
        _SITE,
        "docker-socket",
        refusal="gives the server a view of every container, and newt root on the host; list "
        "targets in egress",
    ),
    _variable("DOCKER_ENFORCE_NETWORK_VALIDATION", _SITE, "docker-enforce-network-validation"),
    # SSH
    _variable(
        "AD_KEY",
        _SITE,
        "ad-pre-shared-key",
        refusal=f"is a secret of newt's SSH daemon, for which there is no key; {_LEAVE_IT_OUT}",
    ),
    _variable("AD_PRINCIPALS_FILE", _SITE, "ad-principals-file", file=True, refusal=_NO_SSH_FILES),
    _variable("AD_CA_CERT_PATH", _SITE, "ad-ca-cert-path", file=True, refusal=_NO_SSH_FILES),
    _variable(
        "AD_GENERATE_RANDOM_PASSWORD",
        _SITE,
        "ad-generate-random-password",
        switch=True,
        refusal=f"belongs to newt's SSH daemon, which sets passwords of users; {_LEAVE_IT_OUT}",
    ),
    _variable("AUTH_DAEMON_ENABLED", _OLD, "auth-daemon", switch=True, refusal=_key("newt.ssh")),
    _variable("AUTHORIZED_KEYS_FILE", _OLD, file=True, refusal=_NO_SSH_FILES),
    # TLS
    _variable("TLS_CLIENT_CERT", _SITE, "tls-client-cert-file", file=True),
    _variable("TLS_CLIENT_KEY", _SITE, "tls-client-key", file=True),
    _variable("TLS_CLIENT_CAS", _SITE, "tls-client-ca", file=True),
    _variable("TLS_CLIENT_CERT_PKCS12", _SITE, "tls-client-cert", file=True),
    _variable(
        "SKIP_TLS_VERIFY",
        _WEBSOCKET,
        refusal="lets anyone between newt and the server pose as Pangolin; give the server a valid "
        "certificate",
    ),
    _variable("SSL_CERT_FILE", _GO_X509, file=True, refusal=_TRUST),
    _variable("SSL_CERT_DIR", _GO_X509, file=True, refusal=_TRUST),
    _variable(
        "SSLKEYLOGFILE",
        "draft-ietf-tls-keylogfile",
        file=True,
        refusal=f"writes the keys of TLS connections into a file; {_LEAVE_IT_OUT}",
    ),
    # Metrics
    _variable(
        "NEWT_METRICS_PROMETHEUS_ENABLED SITE_METRICS_PROMETHEUS_ENABLED",
        _SITE,
        "metrics",
        switch=True,
    ),
    _variable("NEWT_METRICS_OTLP_ENABLED SITE_METRICS_OTLP_ENABLED", _SITE, "otlp", switch=True),
    _variable(
        "NEWT_METRICS_ASYNC_BYTES SITE_METRICS_ASYNC_BYTES",
        _SITE,
        "metrics-async-bytes",
        switch=True,
    ),
    _variable("NEWT_METRICS_INCLUDE_TUNNEL_ID", _TELEMETRY),
    _variable("NEWT_METRICS_INCLUDE_SITE_LABELS", _TELEMETRY),
    _variable("NEWT_ADMIN_ADDR SITE_ADMIN_ADDR", _SITE, "metrics-admin-addr"),
    _variable("NEWT_REGION SITE_REGION", _SITE, "region"),
    _variable("NEWT_SITE_ID", _TELEMETRY, refusal=_key("newtId")),
    _variable(
        "NEWT_PPROF_ENABLED SITE_PPROF_ENABLED",
        _SITE,
        "pprof",
        switch=True,
        refusal=f"serves newt's memory, which holds its secret; {_LEAVE_IT_OUT}",
    ),
    _variable("OTEL_EXPORTER_OTLP_ENDPOINT", _METRICS),
    _variable("OTEL_EXPORTER_OTLP_INSECURE", _METRICS),
    _variable("OTEL_EXPORTER_OTLP_PROTOCOL", _METRICS),
    _variable("OTEL_EXPORTER_OTLP_CERTIFICATE", _METRICS, file=True),
    _variable("OTEL_METRIC_EXPORT_INTERVAL", _METRICS),
    _variable("OTEL_SERVICE_NAME", _METRICS),
    _variable("OTEL_SERVICE_VERSION", _TELEMETRY),
    _variable("OTEL_RESOURCE_ATTRIBUTES", _TELEMETRY),
    # The program's surroundings
    _variable("TZ", _GO_TIME),
    _variable("GOMEMLIMIT", _GO_RUNTIME),
    _variable("GOGC", _GO_RUNTIME),
    _variable("GOMAXPROCS", _GO_RUNTIME),
    _variable("NEWT_SYSTEM_SUBSTRATE", _UPDATES, refusal=_SELF_UPDATE),
    _variable("NEWT_PID_FILE", _UPDATES, file=True, refusal=_SELF_UPDATE),
    _variable(
        "HOME",
        _CONFIG,
        file=True,
        refusal=f"is where newt keeps its configuration, and cannot be moved; {_LEAVE_IT_OUT}",
    ),
    _variable("PATH", _POSIX, refusal=_PROGRAM),
)

FAMILIES = (
    Family(form="LD_.*|GCONV_PATH", source=_LOADER, refusal=_PROGRAM),
    Family(form="(BASH_)?ENV|SHELLOPTS|BASHOPTS", source=_POSIX, refusal=_PROGRAM),
    Family(
        form="GODEBUG",
        source=_GO_HTTP,
        refusal="makes Go log what it sends, newt's id and secret among it (http2debug), and "
        f"loosens TLS; {_LEAVE_IT_OUT}",
    ),
    Family(
        form="GOTRACEBACK|GOCOVERDIR",
        source=_GO_RUNTIME,
        refusal=f"writes newt's memory into logs or files; {_LEAVE_IT_OUT}",
    ),
    Family(form="OTEL_EXPORTER_OTLP_([A-Z]+_)*HEADERS", source=_OTEL, refusal=_CREDENTIALS),
    Family(form="CLIENT_.*", source=_CLI, refusal=_OTHER_MODE),
    Family(
        form="(HTTP|HTTPS|ALL|NO)_PROXY",
        source=_GO_HTTP,
        refusal="sends newt's requests through a proxy, and newt then reaches what the proxy "
        "reaches; if that is meant, write it under newt.unknownEnvironment, and the proxy in "
        "egress",
        is_final=False,
    ),
)

BY_NAME = {name: variable for variable in VARIABLES for name in variable.names}
BY_FLAG = {variable.flag: variable for variable in VARIABLES if variable.flag}
ALLOWED = frozenset(name for name, variable in BY_NAME.items() if variable.refusal is None)


def refusal(name: str) -> str | None:
    """Why a variable may not be set at all."""
    if known := BY_NAME.get(name):
        return known.refusal
    return next((family.refusal for family in _of(name) if family.is_final), None)


def caution(name: str) -> str | None:
    """Why a variable may be set as an unknown one only."""
    return next((family.refusal for family in _of(name) if not family.is_final), None)


def _of(name: str) -> Iterator[Family]:
    return (family for family in FAMILIES if re.fullmatch(family.form, name))
