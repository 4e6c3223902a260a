"""Environment variables of newt as data: which a stack file may set, and why others are refused.

The table lists permissions. A variable that belongs to another key, carries a secret, or works
against the cage is always refused. Each row has its source; a variable that newt gains is a new
row.
"""

from __future__ import annotations

from newt_tunnel.settings.variable_row import Family, variable

# Sources. The documentation as of docs-v2 63199a5, for newt and its successor `pangolin up site`.
_SITE = "docs.pangolin.net/manage/sites/configure-site"
_METRICS = "docs.pangolin.net/self-host/advanced/metrics"
_CONFIG = "fosrl/newt 1.16.0, config.go"
_NEWTCONFIG = "fosrl/newt 1.17.0, newtconfig/newtconfig.go"
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


VARIABLES = (
    # Identity
    variable("PANGOLIN_ENDPOINT", _SITE, "endpoint", refusal=_key("pangolin.endpoint")),
    variable("NEWT_ID SITE_ID", _SITE, "id", refusal=_key("newtId")),
    variable("NEWT_SECRET SITE_SECRET", _SITE, "secret", refusal=_secret("newtSecret")),
    variable(
        "NEWT_PROVISIONING_KEY SITE_PROVISIONING_KEY",
        _SITE,
        "provisioning-key",
        refusal=_secret("newtProvisioningKey"),
    ),
    variable("NEWT_NAME SITE_NAME", _SITE, "name"),
    variable(
        "CONFIG_FILE",
        _SITE,
        "config-file",
        refusal=f"is where the secrets are mounted, and cannot be moved; {_LEAVE_IT_OUT}",
    ),
    # Network
    variable("DNS", _SITE, "dns"),
    variable("MTU", _SITE, "mtu"),
    variable("PORT", _SITE, "port"),
    variable("INTERFACE", _SITE, "interface"),
    variable("INTERFACE_MAIN", _SITE, "interface-main"),
    variable("LOCAL_ENDPOINT_INTERFACES", _NEWTCONFIG, "local-endpoint-interfaces"),
    variable("NO_CLOUD", _SITE, "no-cloud", switch=True),
    variable("PING_INTERVAL", _SITE, "ping-interval"),
    variable("PING_TIMEOUT", _SITE, "ping-timeout"),
    variable(
        "NEWT_UDP_PROXY_IDLE_TIMEOUT SITE_UDP_PROXY_IDLE_TIMEOUT", _SITE, "udp-proxy-idle-timeout"
    ),
    variable("USE_NATIVE_INTERFACE", _SITE, "native", switch=True, refusal=_NO_NET_ADMIN),
    variable("USE_NATIVE_MAIN_INTERFACE", _SITE, "native-main", switch=True, refusal=_NO_NET_ADMIN),
    variable("KEEP_INTERFACE", _OLD, refusal=_NO_NET_ADMIN),
    # What newt does
    variable("LOG_LEVEL", _SITE, "log-level", refusal=_key("newt.logLevel")),
    variable("LOGGER_TIMEZONE", _LOGGER),
    variable("HEALTH_FILE", _SITE, "health-file", file=True, refusal=_key("newt.health")),
    variable("ENFORCE_HC_CERT", _SITE, "enforce-hc-cert", switch=True),
    variable(
        "DISABLE_CLIENTS", _SITE, "disable-clients", switch=True, refusal=_key("newt.clients")
    ),
    variable("ACCEPT_CLIENTS", _OLD, refusal=_key("newt.clients")),
    variable("DISABLE_SSH", _SITE, "disable-ssh", switch=True, refusal=_key("newt.ssh")),
    variable("BLUEPRINT_FILE", _SITE, "blueprint-file", file=True),
    variable("PROVISIONING_BLUEPRINT_FILE", _SITE, "provisioning-blueprint-file", file=True),
    variable(
        "UPDOWN_SCRIPT",
        _SITE,
        "updown",
        file=True,
        refusal=f"runs a program whenever the server changes a target; {_LEAVE_IT_OUT}",
    ),
    variable(
        "GENERATE_AND_SAVE_KEY_TO", _OLD, "generateAndSaveKeyTo", file=True, refusal=_OLD_KEY_FILE
    ),
    # Docker
    variable(
        "DOCKER_SOCKET",
        _SITE,
        "docker-socket",
        refusal="gives the server a view of every container, and newt root on the host; list "
        "targets in egress",
    ),
    variable("DOCKER_ENFORCE_NETWORK_VALIDATION", _SITE, "docker-enforce-network-validation"),
    # SSH
    variable(
        "AD_KEY",
        _SITE,
        "ad-pre-shared-key",
        refusal=f"is a secret of newt's SSH daemon, for which there is no key; {_LEAVE_IT_OUT}",
    ),
    variable("AD_PRINCIPALS_FILE", _SITE, "ad-principals-file", file=True, refusal=_NO_SSH_FILES),
    variable("AD_CA_CERT_PATH", _SITE, "ad-ca-cert-path", file=True, refusal=_NO_SSH_FILES),
    variable(
        "AD_GENERATE_RANDOM_PASSWORD",
        _SITE,
        "ad-generate-random-password",
        switch=True,
        refusal=f"belongs to newt's SSH daemon, which sets passwords of users; {_LEAVE_IT_OUT}",
    ),
    variable("AUTH_DAEMON_ENABLED", _OLD, "auth-daemon", switch=True, refusal=_key("newt.ssh")),
    variable("AUTHORIZED_KEYS_FILE", _OLD, file=True, refusal=_NO_SSH_FILES),
    # TLS
    variable("TLS_CLIENT_CERT", _SITE, "tls-client-cert-file", file=True),
    variable("TLS_CLIENT_KEY", _SITE, "tls-client-key", file=True),
    variable("TLS_CLIENT_CAS", _SITE, "tls-client-ca", file=True),
    variable("TLS_CLIENT_CERT_PKCS12", _SITE, "tls-client-cert", file=True),
    variable(
        "SKIP_TLS_VERIFY",
        _WEBSOCKET,
        refusal="lets anyone between newt and the server pose as Pangolin; give the server a valid "
        "certificate",
    ),
    variable("SSL_CERT_FILE", _GO_X509, file=True, refusal=_TRUST),
    variable("SSL_CERT_DIR", _GO_X509, file=True, refusal=_TRUST),
    variable(
        "SSLKEYLOGFILE",
        "draft-ietf-tls-keylogfile",
        file=True,
        refusal=f"writes the keys of TLS connections into a file; {_LEAVE_IT_OUT}",
    ),
    # Metrics
    variable(
        "NEWT_METRICS_PROMETHEUS_ENABLED SITE_METRICS_PROMETHEUS_ENABLED",
        _SITE,
        "metrics",
        switch=True,
    ),
    variable("NEWT_METRICS_OTLP_ENABLED SITE_METRICS_OTLP_ENABLED", _SITE, "otlp", switch=True),
    variable(
        "NEWT_METRICS_ASYNC_BYTES SITE_METRICS_ASYNC_BYTES",
        _SITE,
        "metrics-async-bytes",
        switch=True,
    ),
    variable("NEWT_METRICS_INCLUDE_TUNNEL_ID", _TELEMETRY),
    variable("NEWT_METRICS_INCLUDE_SITE_LABELS", _TELEMETRY),
    variable("NEWT_ADMIN_ADDR SITE_ADMIN_ADDR", _SITE, "metrics-admin-addr"),
    variable("NEWT_REGION SITE_REGION", _SITE, "region"),
    variable("NEWT_SITE_ID", _TELEMETRY, refusal=_key("newtId")),
    variable(
        "NEWT_PPROF_ENABLED SITE_PPROF_ENABLED",
        _SITE,
        "pprof",
        switch=True,
        refusal=f"serves newt's memory, which holds its secret; {_LEAVE_IT_OUT}",
    ),
    variable("OTEL_EXPORTER_OTLP_ENDPOINT", _METRICS),
    variable("OTEL_EXPORTER_OTLP_INSECURE", _METRICS),
    variable("OTEL_EXPORTER_OTLP_PROTOCOL", _METRICS),
    variable("OTEL_EXPORTER_OTLP_CERTIFICATE", _METRICS, file=True),
    variable("OTEL_METRIC_EXPORT_INTERVAL", _METRICS),
    variable("OTEL_SERVICE_NAME", _METRICS),
    variable("OTEL_SERVICE_VERSION", _TELEMETRY),
    variable("OTEL_RESOURCE_ATTRIBUTES", _TELEMETRY),
    # The program's surroundings
    variable("TZ", _GO_TIME),
    variable("GOMEMLIMIT", _GO_RUNTIME),
    variable("GOGC", _GO_RUNTIME),
    variable("GOMAXPROCS", _GO_RUNTIME),
    variable("NEWT_SYSTEM_SUBSTRATE", _UPDATES, refusal=_SELF_UPDATE),
    variable("NEWT_PID_FILE", _UPDATES, file=True, refusal=_SELF_UPDATE),
    variable(
        "HOME",
        _CONFIG,
        file=True,
        refusal=f"is where newt keeps its configuration, and cannot be moved; {_LEAVE_IT_OUT}",
    ),
    variable("PATH", _POSIX, refusal=_PROGRAM),
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
        "reaches; if that is intended, write it under newt.unknownEnvironment, and the proxy in "
        "egress",
        is_final=False,
    ),
)
