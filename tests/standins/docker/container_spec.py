"""What Docker is asked to make of a container's attributes."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.standins.docker.attributes import (
    flag,
    labels_to_map,
    mapping,
    number,
    objects,
    strings,
    text,
    without_empty,
)
from tests.standins.docker.durations import parse_duration
from tests.standins.resource import Failure
from tests.standins.values import Properties

MEGABYTE = 1024 * 1024
NANO = 10**9
START_INTERVAL_SINCE = (1, 44)
CGROUP_NAMESPACE_SINCE = (1, 41)


def specification(wanted: Properties, version: tuple[int, ...]) -> dict[str, Any]:
    """The body of the create request; raises Failure for what Docker's client itself refuses."""
    command = strings(wanted, "command")
    if "" in command:
        raise Failure("values for command may not be empty")
    config = without_empty(
        {
            "Image": text(wanted, "image"),
            "Hostname": text(wanted, "hostname"),
            "Domainname": text(wanted, "domainname"),
            "Tty": flag(wanted, "tty"),
            "OpenStdin": flag(wanted, "stdinOpen"),
            "StopSignal": text(wanted, "stopSignal"),
            "StopTimeout": number(wanted, "stopTimeout"),
            "Env": strings(wanted, "envs"),
            "Cmd": command,
            "Entrypoint": strings(wanted, "entrypoints"),
            "User": text(wanted, "user"),
            "WorkingDir": text(wanted, "workingDir"),
            "Labels": labels_to_map(wanted),
        }
    )
    if health := objects(wanted, "healthcheck"):
        config["Healthcheck"] = _health(health[0], version)
    return {**config, "HostConfig": _host_config(wanted, version), "NetworkingConfig": {}}


def _health(health: Properties, version: tuple[int, ...]) -> dict[str, Any]:
    start_interval = parse_duration(text(health, "startInterval")) or 0
    if start_interval and version < START_INTERVAL_SINCE:
        raise Failure(
            'Unable to create container: "specify health-check start interval" requires API version'
            f" 1.44, but the Docker daemon API version is {'.'.join(map(str, version))}"
        )
    return {
        "Test": strings(health, "tests"),
        **without_empty(
            {
                "Interval": parse_duration(text(health, "interval")),
                "Timeout": parse_duration(text(health, "timeout")),
                "StartPeriod": parse_duration(text(health, "startPeriod")),
                "StartInterval": start_interval,
                "Retries": number(health, "retries"),
            }
        ),
    }


def _host_config(wanted: Properties, version: tuple[int, ...]) -> dict[str, Any]:
    capabilities = (objects(wanted, "capabilities") or [{}])[0]
    settings = {
        "Privileged": flag(wanted, "privileged"),
        "PublishAllPorts": flag(wanted, "publishAllPorts"),
        "Runtime": text(wanted, "runtime"),
        "Mounts": [_mount(mount) for mount in objects(wanted, "mounts")],
        "AutoRemove": flag(wanted, "rm"),
        "ReadonlyRootfs": flag(wanted, "readOnly"),
        "Tmpfs": mapping(wanted, "tmpfs"),
        "ExtraHosts": [f"{text(h, 'host')}:{text(h, 'ip')}" for h in objects(wanted, "hosts")],
        "Ulimits": [
            {"Name": text(u, "name"), "Soft": number(u, "soft"), "Hard": number(u, "hard")}
            for u in objects(wanted, "ulimits")
        ],
        "CapAdd": _capabilities(strings(capabilities, "adds")),
        "CapDrop": _capabilities(strings(capabilities, "drops")),
        "Dns": strings(wanted, "dns"),
        "DnsOptions": strings(wanted, "dnsOpts"),
        "DnsSearch": strings(wanted, "dnsSearches"),
        "Memory": number(wanted, "memory") * MEGABYTE,
        "MemoryReservation": number(wanted, "memoryReservation") * MEGABYTE,
        "MemorySwap": megabytes(number(wanted, "memorySwap")),
        "ShmSize": number(wanted, "shmSize") * MEGABYTE,
        "CpuShares": number(wanted, "cpuShares"),
        "CpusetCpus": text(wanted, "cpuSet"),
        **_cpu_time(wanted),
        "UsernsMode": text(wanted, "usernsMode"),
        "PidMode": text(wanted, "pidMode"),
        "IpcMode": text(wanted, "ipcMode"),
        "NetworkMode": text(wanted, "networkMode"),
        "Sysctls": mapping(wanted, "sysctls"),
        "GroupAdd": strings(wanted, "groupAdds"),
        "CgroupParent": text(wanted, "cgroupParent"),
        "CgroupnsMode": _cgroup_namespace(wanted, version),
    }
    return {
        **without_empty(settings),
        **_security(strings(wanted, "securityOpts")),
        "RestartPolicy": {
            "Name": text(wanted, "restart"),
            "MaximumRetryCount": number(wanted, "maxRetryCount"),
        },
        "LogConfig": {"Type": text(wanted, "logDriver"), "Config": mapping(wanted, "logOpts")},
        "Init": flag(wanted, "init"),
    }


def _security(options: list[str]) -> dict[str, Any]:
    if "systempaths=unconfined" not in options:
        return without_empty({"SecurityOpt": options})
    rest = [option for option in options if option != "systempaths=unconfined"]
    return {"SecurityOpt": rest, "MaskedPaths": [], "ReadonlyPaths": []}


def _capabilities(names: list[str]) -> list[str]:
    """As Docker's client normalises them: this is why other spellings differ after a refresh."""
    upper = {name.upper() for name in names}
    return sorted(
        name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}" for name in upper
    )


def _mount(mount: Properties) -> dict[str, Any]:
    kind = text(mount, "type")
    made = {"Type": kind, "Target": text(mount, "target"), "ReadOnly": flag(mount, "readOnly")}
    if source := text(mount, "source"):
        made["Source"] = source
    if kind == "bind" and (options := objects(mount, "bindOptions")):
        made["BindOptions"] = {"Propagation": text(options[0], "propagation")}
    if kind == "tmpfs" and (options := objects(mount, "tmpfsOptions")):
        made["TmpfsOptions"] = {
            "SizeBytes": number(options[0], "sizeBytes"),
            "Mode": number(options[0], "mode"),
        }
    return made


def _cpu_time(wanted: Properties) -> dict[str, int]:
    if not (cpus := text(wanted, "cpus")):
        return {"CpuPeriod": number(wanted, "cpuPeriod"), "CpuQuota": number(wanted, "cpuQuota")}
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", cpus):
        raise Failure(f"Error setting cpus: failed to parse {cpus} as a rational number")
    try:
        nano = Decimal(cpus) * NANO
    except InvalidOperation as error:
        raise Failure(f"Error setting cpus: failed to parse {cpus} as a rational number") from error
    if nano != int(nano):
        raise Failure("Error setting cpus: value is too precise")
    return {"NanoCpus": int(nano)}


def _cgroup_namespace(wanted: Properties, version: tuple[int, ...]) -> str:
    mode = text(wanted, "cgroupnsMode")
    if mode not in ("", "private", "host"):
        raise Failure(
            "cgroupns_mode: invalid CGROUP mode, must be either 'private', 'host' or empty"
        )
    return mode if version >= CGROUP_NAMESPACE_SINCE else ""


def megabytes(value: int) -> int:
    """Bytes; -1 stays what it is: no limit."""
    return value * MEGABYTE if value > 0 else value
