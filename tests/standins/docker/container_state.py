"""A container's attributes as Docker reports them.

What is absent from the answer is not looked at by the official plugin either: environment, labels,
networks, uploads. A stopped container that must run is reported by `mustRun` being false.
"""

from typing import Any

from tests.standins.docker.container_spec import MEGABYTE, NANO
from tests.standins.docker.durations import format_duration
from tests.standins.values import Properties, Value


def attributes_of(found: dict[str, Any], state: Properties) -> Properties:
    """From `docker inspect`; `state` decides what is reported only where it was given."""
    config, host, running = found["Config"], found["HostConfig"], found["State"]["Running"]
    image = found["Image"] if str(state.get("image")).startswith("sha256:") else config["Image"]
    attributes: Properties = {
        "bridge": found["NetworkSettings"].get("Bridge", ""),
        "networkDatas": _networks(found["NetworkSettings"]),
        "name": found["Name"].lstrip("/"),
        "rm": host["AutoRemove"],
        "readOnly": host["ReadonlyRootfs"],
        "image": image,
        "hostname": config["Hostname"],
        "domainname": config["Domainname"],
        "command": config["Cmd"] or [],
        "entrypoints": config["Entrypoint"] or [],
        "user": config["User"],
        "dns": host["Dns"] or [],
        "dnsOpts": host["DnsOptions"] or [],
        "dnsSearches": host["DnsSearch"] or [],
        "securityOpts": host["SecurityOpt"] or [],
        "publishAllPorts": host["PublishAllPorts"],
        "restart": host["RestartPolicy"]["Name"],
        "maxRetryCount": host["RestartPolicy"]["MaximumRetryCount"],
        "init": bool(host.get("Init")),
        "workingDir": config["WorkingDir"],
        "runtime": host["Runtime"],
        "mounts": [_mount(mount) for mount in host.get("Mounts") or []],
        "tmpfs": host.get("Tmpfs") or None,
        "hosts": [_extra_host(entry) for entry in host["ExtraHosts"] or []],
        "privileged": host["Privileged"],
        "memory": host["Memory"] // MEGABYTE,
        "memoryReservation": max(0, host["MemoryReservation"]) // MEGABYTE,
        "memorySwap": _swap(host["MemorySwap"]),
        "shmSize": host["ShmSize"] // MEGABYTE,
        "cpuShares": host["CpuShares"],
        "cpuSet": host["CpusetCpus"],
        "logDriver": host["LogConfig"]["Type"],
        "logOpts": host["LogConfig"]["Config"] if state.get("logOpts") else None,
        "networkMode": host["NetworkMode"],
        "usernsMode": host["UsernsMode"],
        "sysctls": host.get("Sysctls") or None,
        "ipcMode": host["IpcMode"],
        "groupAdds": host["GroupAdd"] or [],
        "tty": config["Tty"],
        "stdinOpen": config["OpenStdin"],
        "stopSignal": config.get("StopSignal", ""),
        "stopTimeout": config.get("StopTimeout") or 0,
        "platform": found.get("Platform", ""),
    }
    if not running:
        attributes["exitCode"] = found["State"]["ExitCode"]
        if state.get("mustRun"):
            attributes["mustRun"] = False
    if host["CapAdd"] or host["CapDrop"]:
        attributes["capabilities"] = {"adds": host["CapAdd"] or [], "drops": host["CapDrop"] or []}
    if state.get("ulimits"):
        attributes["ulimits"] = [
            {"name": u["Name"], "soft": u["Soft"], "hard": u["Hard"]} for u in host["Ulimits"] or []
        ]
    if host.get("NanoCpus"):
        attributes["cpus"] = f"{host['NanoCpus'] / NANO:.9f}".rstrip("0").rstrip(".")
    if state.get("pidMode"):
        attributes["pidMode"] = host["PidMode"]
    if health := config.get("Healthcheck"):
        attributes["healthcheck"] = {
            "tests": health.get("Test") or [],
            "interval": format_duration(health.get("Interval", 0)),
            "timeout": format_duration(health.get("Timeout", 0)),
            "startPeriod": format_duration(health.get("StartPeriod", 0)),
            "startInterval": format_duration(health.get("StartInterval", 0)),
            "retries": health.get("Retries", 0),
        }
    return attributes


def _networks(settings: dict[str, Any]) -> Value:
    return [
        {
            "networkName": name,
            "ipAddress": network["IPAddress"],
            "ipPrefixLength": network["IPPrefixLen"],
            "gateway": network["Gateway"],
            "globalIpv6Address": network["GlobalIPv6Address"],
            "globalIpv6PrefixLength": network["GlobalIPv6PrefixLen"],
            "ipv6Gateway": network["IPv6Gateway"],
            "macAddress": network["MacAddress"],
        }
        for name, network in settings["Networks"].items()
    ]


def _mount(mount: dict[str, Any]) -> Value:
    made: Properties = {
        "target": mount["Target"],
        "source": mount.get("Source", ""),
        "type": mount["Type"],
        "readOnly": mount.get("ReadOnly", False),
    }
    if options := mount.get("BindOptions"):
        made["bindOptions"] = {"propagation": options.get("Propagation", "")}
    if options := mount.get("TmpfsOptions"):
        made["tmpfsOptions"] = {
            "sizeBytes": options.get("SizeBytes", 0),
            "mode": options.get("Mode", 0),
        }
    return made


def _extra_host(entry: str) -> Value:
    host, ip = entry.split(":")[:2]  # an IPv6 address is cut short, as the official plugin does it
    return {"host": host, "ip": ip}


def _swap(value: int) -> int:
    return value // MEGABYTE if value > 0 else value
