"""The inputs and outputs of the four Docker resource types, as pulumi-docker 5.1.0 has them.

Names are Pulumi's. Owns kinds, defaults, what replaces and what is refused; how they are compared
is in `planning` and `diffing`. An attribute marked `refused` exists in the official plugin and is
not implemented here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from tests.standins.docker.durations import parse_duration
from tests.standins.values import Value

Kind = Literal["string", "bool", "int", "list", "set", "map", "object"]
Validator = Callable[[Value], str | None]


@dataclass(frozen=True)
class Attr:
    """One attribute. `fields` describes an object or the elements of a list or set of objects."""

    kind: Kind
    required: bool = False
    computed: bool = False  # filled in by the host where the program is silent
    output: bool = False  # never an input
    replaces: bool = False
    default: Value = None
    fields: "Schema | None" = None
    validate: Validator | None = None
    empty_keeps: bool = False  # leaving it out, or "", keeps what the host has
    kept_as_set: bool = False  # an object that the Terraform side keeps in a set
    refused: bool = False


Schema = Mapping[str, Attr]


def _at_least(threshold: int) -> Validator:
    def validate(value: Value) -> str | None:
        if isinstance(value, (int, float)) and value < threshold:
            text = f"'{value:g}' cannot be lower than {threshold}"
            return f"{text}. {text}"
        return None

    return validate


def _matches(pattern: str) -> Validator:
    def validate(value: Value) -> str | None:
        if isinstance(value, str) and not re.search(pattern, value):
            text = f"'{value}' doesn't match the pattern '{pattern}'"
            return f"{text}. {text}"
        return None

    return validate


def _duration(value: Value) -> str | None:
    if isinstance(value, str):
        nanoseconds = parse_duration(value)
        text = f"'{value}' is not a valid duration" if nanoseconds is None else ""
        if nanoseconds is not None and nanoseconds < 0:
            text = f"'{value}' duration must not be negative"
        return f"{text}. {text}" if text else None
    return None


def _not_attached(value: Value) -> str | None:
    return "the stand-in for pulumi-docker does not attach to containers" if value else None


def _refused(*names: str) -> Schema:
    return {name: Attr("string", refused=True) for name in names}


LABELS = Attr(
    "set",
    replaces=True,
    fields={
        "label": Attr("string", required=True, replaces=True),
        "value": Attr("string", required=True, replaces=True),
    },
)
COMPUTED_LABELS = Attr("set", replaces=True, computed=True, fields=LABELS.fields)
REPLACING_STRING = Attr("string", replaces=True)
REPLACING_SET = Attr("set", replaces=True)
REPLACING_BOOL = Attr("bool", replaces=True)
REPLACING_MAP = Attr("map", replaces=True)
COMPUTED_STRING = Attr("string", replaces=True, computed=True)
NOT_NEGATIVE = Attr("int", validate=_at_least(0))
DURATION = Attr("string", default="0s", validate=_duration)

NETWORK: Schema = {
    "name": Attr("string", required=True, replaces=True),
    "labels": LABELS,
    "driver": COMPUTED_STRING,
    "options": Attr("map", replaces=True, computed=True),
    "internal": Attr("bool", replaces=True, computed=True),
    "attachable": REPLACING_BOOL,
    "ingress": REPLACING_BOOL,
    "ipv6": REPLACING_BOOL,
    "ipamDriver": Attr("string", replaces=True, default="default"),
    "ipamOptions": REPLACING_MAP,
    "ipamConfigs": Attr(
        "set",
        replaces=True,
        computed=True,
        fields={
            "subnet": REPLACING_STRING,
            "ipRange": REPLACING_STRING,
            "gateway": REPLACING_STRING,
            "auxAddress": REPLACING_MAP,
        },
    ),
    "scope": Attr("string", output=True),
}

VOLUME: Schema = {
    "name": Attr("string", required=True, replaces=True),
    "labels": LABELS,
    "driver": COMPUTED_STRING,
    "driverOpts": REPLACING_MAP,
    "mountpoint": Attr("string", output=True),
    **_refused("cluster"),
}

IMAGE: Schema = {
    "name": Attr("string", required=True, replaces=True),
    "imageId": Attr("string", output=True),
    "repoDigest": Attr("string", output=True),
    "keepLocally": Attr("bool"),
    "pullTriggers": REPLACING_SET,
    "forceRemove": Attr("bool"),
    "triggers": REPLACING_MAP,
    **_refused("build", "platform"),
}

MOUNT: Schema = {
    "target": Attr("string", required=True),
    "source": Attr("string"),
    "type": Attr("string", required=True, validate=_matches("^(bind|volume|tmpfs)$")),
    "readOnly": Attr("bool"),
    "bindOptions": Attr(
        "object",
        fields={
            "propagation": Attr(
                "string", validate=_matches("^(private|rprivate|shared|rshared|slave|rslave)$")
            )
        },
    ),
    "tmpfsOptions": Attr(
        "object", replaces=True, fields={"sizeBytes": Attr("int"), "mode": Attr("int")}
    ),
    **_refused("volumeOptions"),
}

NETWORK_DATA: Schema = {
    "networkName": Attr("string", output=True),
    "ipAddress": Attr("string", output=True),
    "ipPrefixLength": Attr("int", output=True),
    "gateway": Attr("string", output=True),
    "globalIpv6Address": Attr("string", output=True),
    "globalIpv6PrefixLength": Attr("int", output=True),
    "ipv6Gateway": Attr("string", output=True),
    "macAddress": Attr("string", output=True),
}

CONTAINER: Schema = {
    "name": Attr("string", required=True, replaces=True),
    "image": Attr("string", required=True, replaces=True),
    "rm": Attr("bool", default=False),
    "readOnly": Attr("bool", replaces=True, default=False),
    "start": Attr("bool", default=True),
    "wait": Attr("bool", default=False),
    "waitTimeout": Attr("int", default=60),
    "attach": Attr("bool", default=False, validate=_not_attached),
    "logs": Attr("bool", default=False),
    "mustRun": Attr("bool", default=True),
    "exitCode": Attr("int", output=True),
    "containerLogs": Attr("string", output=True),
    "hostname": COMPUTED_STRING,
    "domainname": REPLACING_STRING,
    "command": Attr("list", replaces=True, computed=True),
    "entrypoints": Attr("list", replaces=True, computed=True),
    "user": Attr("string", replaces=True, empty_keeps=True),
    "workingDir": Attr("string", replaces=True, empty_keeps=True),
    "dns": REPLACING_SET,
    "dnsOpts": REPLACING_SET,
    "dnsSearches": REPLACING_SET,
    "publishAllPorts": REPLACING_BOOL,
    "restart": Attr(
        "string", default="no", validate=_matches("^(no|on-failure|always|unless-stopped)$")
    ),
    "maxRetryCount": Attr("int"),
    "removeVolumes": Attr("bool", default=True),
    "capabilities": Attr(
        "object",
        replaces=True,
        kept_as_set=True,
        fields={"adds": REPLACING_SET, "drops": REPLACING_SET},
    ),
    "securityOpts": Attr("set", replaces=True, computed=True),
    "runtime": COMPUTED_STRING,
    "stopSignal": COMPUTED_STRING,
    "stopTimeout": Attr("int", replaces=True, computed=True),
    # Replaced only when their number changes: a change inside one is an update that does nothing.
    "mounts": Attr("set", replaces=True, fields=MOUNT),
    "tmpfs": Attr("map"),
    "hosts": Attr(
        "set",
        replaces=True,
        fields={
            "ip": Attr("string", required=True, replaces=True),
            "host": Attr("string", required=True, replaces=True),
        },
    ),
    "ulimits": Attr(
        "set",
        replaces=True,
        fields={
            "name": Attr("string", required=True, replaces=True),
            "soft": Attr("int", required=True, replaces=True),
            "hard": Attr("int", required=True, replaces=True),
        },
    ),
    "envs": Attr("set", replaces=True, computed=True),
    "bridge": Attr("string", output=True),
    "networkDatas": Attr("list", output=True, fields=NETWORK_DATA),
    "privileged": REPLACING_BOOL,
    "destroyGraceSeconds": Attr("int"),
    "labels": COMPUTED_LABELS,
    "memory": NOT_NEGATIVE,
    "memoryReservation": Attr("int", default=0, validate=_at_least(0)),
    "memorySwap": Attr("int", validate=_at_least(-1)),
    "shmSize": Attr("int", replaces=True, computed=True, validate=_at_least(0)),
    "cpuShares": NOT_NEGATIVE,
    "cpuSet": Attr("string", validate=_matches(r"^\d+([,-]\d+)*$")),
    "cpus": REPLACING_STRING,
    "cpuPeriod": NOT_NEGATIVE,
    "cpuQuota": NOT_NEGATIVE,
    "logDriver": COMPUTED_STRING,
    "logOpts": REPLACING_MAP,
    "networkMode": Attr("string", replaces=True, default="bridge"),
    "networksAdvanced": Attr(
        "set",
        replaces=True,
        fields={
            "name": Attr("string", required=True, replaces=True),
            "aliases": REPLACING_SET,
            "ipv4Address": REPLACING_STRING,
            "ipv6Address": REPLACING_STRING,
            "linkLocalIps": REPLACING_SET,
            "macAddress": REPLACING_STRING,
            "driverOpts": REPLACING_SET,
            "gwPriority": Attr("int", replaces=True, validate=_at_least(0)),
        },
    ),
    "pidMode": REPLACING_STRING,
    "usernsMode": REPLACING_STRING,
    "uploads": Attr(
        "set",
        replaces=True,
        fields={
            "content": REPLACING_STRING,
            "contentBase64": REPLACING_STRING,
            "file": Attr("string", required=True, replaces=True),
            "executable": Attr("bool", replaces=True, default=False),
            "permissions": Attr("string", replaces=True, validate=_matches("^0[0-7]{3}$")),
            "source": REPLACING_STRING,
            "sourceHash": REPLACING_STRING,
        },
    ),
    "healthcheck": Attr(
        "object",
        computed=True,
        fields={
            "tests": Attr("list"),
            "interval": DURATION,
            "timeout": DURATION,
            "startPeriod": DURATION,
            "startInterval": DURATION,
            "retries": Attr("int", default=0, validate=_at_least(0)),
        },
    ),
    "containerReadRefreshTimeoutMilliseconds": Attr("int", default=15000),
    "sysctls": REPLACING_MAP,
    "ipcMode": COMPUTED_STRING,
    "groupAdds": REPLACING_SET,
    "init": Attr("bool", computed=True),
    "tty": Attr("bool", replaces=True, default=False),
    "stdinOpen": Attr("bool", replaces=True, default=False),
    "cgroupnsMode": REPLACING_STRING,
    "cgroupParent": REPLACING_STRING,
    **_refused(
        "ports",
        "volumes",
        "devices",
        "deviceReadBps",
        "deviceReadIops",
        "deviceWriteBps",
        "deviceWriteIops",
        "deviceRequests",
        "gpus",
        "storageOpts",
    ),
    # Without a value the official plugin reports what the host says; with one it churns.
    "platform": Attr("string", replaces=True, computed=True, refused=True),
}
