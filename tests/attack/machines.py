"""The NAS as other Docker hosts are: with iptables-legacy, or without docker-proxy."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from tests.attack.attacks import JELLYFIN
from tests.host.rig import Host, eventually
from tests.lab.registry import JELLYFIN_PORT

CONFIGURATION = "/etc/docker/daemon.json"
#: Where an engine with the nftables backend drops what would reach another's container.
DOCKERS_CHAINS = ("raw-PREROUTING", "filter-FORWARD")
ACCEPTS = "lab-accepts"
TOOLS = " ".join(
    f"{family}tables{suffix}" for family in ("ip", "ip6") for suffix in ("", "-restore", "-save")
)
#: Tables of the kind that is not used any more would filter on.
FLUSH = {
    "nft": "nft flush ruleset",
    "legacy": "for tool in iptables ip6tables; do for table in raw mangle nat filter; do "
    "printf '*%s\\nCOMMIT\\n' $table; done | $tool-legacy-restore; done",
}


@contextlib.contextmanager
def legacy(host: Host) -> Iterator[None]:
    """iptables is iptables-legacy, for Docker and for everybody."""
    _choose(host, "legacy", instead_of="nft")
    try:
        yield
    finally:
        _choose(host, "nft", instead_of="legacy")


def _choose(host: Host, kind: str, *, instead_of: str) -> None:
    with _docker_stopped(host):
        host.sh(FLUSH[instead_of])
        choose_backend(host, kind)


def choose_backend(host: Host, kind: str) -> None:
    """As `update-alternatives --set iptables` does; the rules stay where they are."""
    # Debian names them iptables-nft, iptables-nft-restore and so on.
    host.sh(
        f"for tool in {TOOLS}; do family=${{tool%%-*}}; "
        f"ln -sfn /usr/sbin/$family-{kind}${{tool#$family}} /etc/alternatives/$tool; done"
    )
    version = host.sh("iptables --version")
    assert kind in version.replace("nf_tables", "nft"), f"not iptables-{kind}: {version}"


@contextlib.contextmanager
def docker_accepts(host: Host) -> Iterator[None]:
    """An engine that filters with nftables itself lets everything pass its own tables: there an
    ACCEPT of iptables decides nothing."""
    if not host.lab.docker_engine.nftables:
        yield
        return
    for chain in DOCKERS_CHAINS:
        host.sh(f"nft insert rule ip docker-bridges {chain} accept comment {ACCEPTS}")
    try:
        yield
    finally:
        for chain in DOCKERS_CHAINS:
            host.sh(
                f"nft -a list chain ip docker-bridges {chain} |"
                f" sed -n 's/.*{ACCEPTS}.* handle //p' |"
                f" xargs -n 1 nft delete rule ip docker-bridges {chain} handle"
            )


@contextlib.contextmanager
def without_proxy(host: Host) -> Iterator[None]:
    """Published ports are rewritten by the kernel alone."""
    before = host.sh(f"cat {CONFIGURATION}")
    with _docker_stopped(host):
        host.sh(
            f"cat >{CONFIGURATION}",
            stdin=json.dumps(json.loads(before) | {"userland-proxy": False}),
        )
    try:
        yield
    finally:
        with _docker_stopped(host):
            host.sh(f"cat >{CONFIGURATION}", stdin=before)


@contextlib.contextmanager
def _docker_stopped(host: Host) -> Iterator[None]:
    host.sh(f"docker kill {JELLYFIN}; systemctl stop docker.socket docker.service")
    yield
    host.sh(
        "systemctl reset-failed docker.service docker.socket && "
        f"systemctl start docker.socket docker.service && docker start {JELLYFIN}"
    )
    page = f"timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/{JELLYFIN_PORT}'"
    eventually(lambda: "refused" not in host.sh(page, check=False), "the published port is back")
