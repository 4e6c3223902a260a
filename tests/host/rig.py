"""What the tests of the host's programs share: policies to declare, the NAS with newt on it, and
ways to look at what arrived.

newt is a container that sleeps; what it could try is `attacker.py`, run in its network namespace
with every privilege of root, which is more than newt ever has. Evidence is taken elsewhere: from
the services' own logs, and from the wire between the NAS and the rest of the lab (`tap.py`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from newt_tunnel.docker_host.docker_names import STATE_FOLDER, DockerNames
from newt_tunnel.docker_host.payload import Declaration
from newt_tunnel.docker_host.programs import PROOF
from newt_tunnel.docker_host.state import check_command
from newt_tunnel.egress.cage import Cage, Firewall, Hook, ServiceNetwork
from newt_tunnel.egress.instance import Instance
from newt_tunnel.egress.limits import HostLimit
from newt_tunnel.egress.model import Container, Destination, HostName, PortRange, Protocol
from newt_tunnel.egress.proof_plan import Probe, render
from newt_tunnel.egress.rules import Policy, Rule
from tests.lab import Lab
from tests.lab.node import Node

NEWT = "172.30.0.10"
GATEWAY = "172.30.0.1"
NAS = "10.0.1.10"
BRIDGE = "br-newt"
DOCKER_NAMES = DockerNames.of(None)
NETWORK, CONTAINER = DOCKER_NAMES.network, DOCKER_NAMES.container
OWNER = "newt-tunnel/nas"
LABEL = "newt-tunnel.stack"
IMAGE = "fosrl/newt:1.16.0"
INSTANCE = Instance("nas")
STATE = f"{STATE_FOLDER}/instances/{INSTANCE.name}"
CREDENTIALS = f"{STATE_FOLDER}/credentials"
LOCK, REFRESHED, UNRESOLVED = (
    f"/run/newt-egress@{INSTANCE.name}.{what}" for what in ("lock", "refreshed", "unresolved")
)
PROGRAM = "/usr/local/sbin/newt-egress"
STUBS = "/usr/local/sbin"  # first on the programs' fixed PATH

GITEA, HOMEASSISTANT, PRINTER = "10.0.1.50", "10.0.1.100", "10.0.1.200"
POSTGRES, ROUTER, RESOLVER = "10.0.1.60", "10.0.1.1", "10.0.1.53"
PANGOLIN, OUTSIDER = "203.0.113.10", "198.51.100.66"

FOLDER = Path(__file__).parent
ATTACKER = (FOLDER / "attacker.py").read_text()
TAP = (FOLDER / "tap.py").read_text()
NEEDLE = "attack-"
DOCKER_USER_JUMP = "FORWARD -j DOCKER-USER"
#: As Docker makes it: engines before 28 at every `docker network create`, later ones only when
#: they start.
DOCKER_USER_BACK = (
    "iptables -N DOCKER-USER && iptables -A DOCKER-USER -j RETURN && "
    "iptables -I FORWARD 1 -j DOCKER-USER"
)
PYTHON = ("python3", "-I", "-S")
#: newt's second network, for declarations that name a container.
SERVICES = ServiceNetwork(
    network="newt-services",
    bridge="br-newt-svc",
    subnet=IPv4Network("172.30.1.0/24"),
    gateway=IPv4Address("172.30.1.1"),
    newt=IPv4Address("172.30.1.254"),
)

ARRANGEMENTS: dict[str, Mapping[str, Firewall | Hook]] = {
    "iptables": {"firewall": Firewall.IPTABLES},
    "nftables": {"firewall": Firewall.NFTABLES},
    "docker-user": {"firewall": Firewall.IPTABLES, "hook": Hook.DOCKER_USER},
}
#: Those that close everything; what docker-user cannot stop is listed in `egress.limits`.
COMPLETE = ("iptables", "nftables")


def rule(name: str, where: str | Container, *ports: int | PortRange, protocol: str = "tcp") -> Rule:
    """An entry of a policy; `where` is an address, a CIDR, a host name or a container."""
    if isinstance(where, Container):
        destination: Destination = where
    else:
        destination = IPv4Network(where) if where[0].isdigit() else HostName(where)
    return Rule(
        name=name,
        destination=destination,
        protocol=Protocol(protocol),
        ports=tuple(PortRange.single(p) if isinstance(p, int) else p for p in ports),
        origin="egress",
    )


BASE = (
    rule("dns", RESOLVER, 53),
    rule("dns", RESOLVER, 53, protocol="udp"),
    rule("gitea", GITEA, 3000),
    rule("gitea", GITEA, 3000, protocol="udp"),
    rule("pangolin", PANGOLIN, 443),
    rule("pangolin", PANGOLIN, 51820, protocol="udp"),
)
FORBIDDEN = (rule("postgres", POSTGRES, 5432), rule("router", ROUTER, 80))


def declare(
    *more: Rule,
    arrangement: str = "iptables",
    without: str = "",
    servers: tuple[str, ...] = (),
    forbidden: tuple[Rule, ...] = FORBIDDEN,
    resolvers: tuple[str, ...] = (RESOLVER,),
    owner: str = OWNER,
    persistence: str = "none",
    names: DockerNames = DOCKER_NAMES,
    **cage: Any,
) -> Declaration:
    """What a stack declares: the base policy and `more`; fields of the cage as keywords. iptables
    where a test names no arrangement: its rules are of two families, with jumps and two backends,
    so more can go wrong than with the one table of nftables.
    """
    policy = Policy(
        allowed=(*(each for each in BASE if each.name != without), *more),
        forbidden=forbidden,
        resolvers=tuple(IPv4Address(resolver) for resolver in resolvers),
        server_names=tuple(map(HostName, servers)),
    )
    place = Cage(
        instance=INSTANCE,
        bridge=BRIDGE,
        subnet=IPv4Network("172.30.0.0/24"),
        gateway=IPv4Address(GATEWAY),
        newt=IPv4Address(NEWT),
        host=IPv4Address(NAS),
        firewall=Firewall.IPTABLES,
    )
    return Declaration(
        policy=policy,
        cage=dataclasses.replace(place, **{**ARRANGEMENTS[arrangement], **cage}),
        owner=owner,
        names=names,
        persistence=persistence,
    )


def eventually(condition: Callable[[], bool], what: str, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {within:.0f} s"
        time.sleep(0.05)


@dataclasses.dataclass
class Wire:
    """What passed while it was tapped: frames per address, per address:port and per "source >
    address:port", when the last one to an address:port came, the attacks seen in them, and how many
    frames per address carried an attack. Only those are certainly the attacker's: a target that was
    reached before goes on answering, and the host's kernel refuses it.
    """

    targets: dict[str, int] = dataclasses.field(default_factory=dict)
    last: dict[str, float] = dataclasses.field(default_factory=dict)
    ports: dict[str, int] = dataclasses.field(default_factory=dict)
    seen: list[str] = dataclasses.field(default_factory=list)
    carried: dict[str, int] = dataclasses.field(default_factory=dict)


class Host:
    """The NAS, as an administrator with a shell on it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.nas = lab.nas

    def sh(self, script: str, *, check: bool = True, stdin: str | None = None) -> str:
        """Runs a line of shell on the NAS; returns both streams."""
        done = self.nas.run(["sh", "-c", f"exec 2>&1; {script}"], check=check, stdin=stdin)
        return done.stdout

    @functools.cached_property
    def version(self) -> str:
        """That of its Docker."""
        said = self.sh("docker version --format '{{.Server.Version}}'")
        return said.strip().removeprefix("v")

    def has(self, limit: HostLimit) -> bool:
        """Whether the limit is one of its Docker."""
        nftables = limit.backend is Firewall.NFTABLES
        major = int(self.version.split(".")[0])
        return major in limit.engines and self.lab.docker_engine.nftables is nftables

    def offers(self, arrangement: str | None) -> bool:
        """Whether its Docker has a place for the rules of the arrangement."""
        return arrangement != "docker-user" or not self.lab.docker_engine.nftables

    # --- the programs -----------------------------------------------------------------------------

    def apply(
        self, declaration: Declaration, *options: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Sends the declaration as the stack does; both streams in `stdout`."""
        words = " ".join(["apply", "generation-1", *options])
        command = ["sh", "-c", f"exec 2>&1; sh -s -- {words}"]
        return self.nas.run(command, check=check, stdin=declaration.script)

    def refuses(self, declaration: Declaration | str, before: str = "") -> str:
        """Applies what must be refused and must leave no trace; returns the reason. `before` is a
        line of shell to run ahead of it."""
        script = declaration if isinstance(declaration, str) else declaration.script
        was = self.snapshot()
        command = f"exec 2>&1; {before} sh -s -- apply generation-2"
        done = self.nas.run(["sh", "-c", command], check=False, stdin=script)
        assert done.returncode != 0, f"this was not refused:\n{done.stdout}"
        assert self.snapshot() == was
        return done.stdout

    def egress(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = f"exec 2>&1; newt-egress {shlex.join(words)}"
        return self.nas.run(["sh", "-c", command], check=check)

    def check(self) -> dict[str, str]:
        """What the deploying side reads of the host."""
        lines = self.sh(check_command(INSTANCE.name)).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def prove(
        self, mode: str, *probes: Probe, check: bool = True, **constants: int
    ) -> subprocess.CompletedProcess[str]:
        """Runs the proof as the stack does, with other values of constants in it if given: it is
        less patient here, where an answer takes a millisecond."""
        constants = {"KNOCK_SECONDS": 2, "SETTLE_SECONDS": 1, **constants}
        plan = f"plan() {{ cat <<'END-OF-PLAN'\n{render(probes)}END-OF-PLAN\n}}\n"
        program = PROOF
        for name, value in constants.items():
            program, count = re.subn(rf"^{name}=\d+", f"{name}={value}", program, flags=re.M)
            assert count == 1, f"newt-proof has no {name} any more"
        command = ["sh", "-s", "--", mode, INSTANCE.name]
        return self.nas.run(command, check=check, stdin=plan + program)

    # --- Docker -----------------------------------------------------------------------------------

    def create_network(self, *options: str) -> None:
        """newt's network. Its IPv6 addresses are usable at once: they need not be asked for."""
        self.sh(
            "sysctl -qw net.ipv6.conf.default.accept_dad=0 && "
            f"docker network create --label {LABEL}={OWNER} --subnet 172.30.0.0/24 "
            f"--opt com.docker.network.bridge.name={BRIDGE} "
            f"--opt com.docker.network.bridge.enable_icc=false {shlex.join(options)} {NETWORK}"
        )

    def start_newt(
        self, *options: str, command: Sequence[str] = ("sleep", "3600"), run: str = "run --detach"
    ) -> None:
        """newt's container on its network, asleep; with `run="create"` it is not started."""
        self.sh(
            f"docker {run} --name {CONTAINER} --label {LABEL}={OWNER} "
            f"--network {NETWORK} --ip {NEWT} --dns {RESOLVER} --stop-signal KILL "
            f"{shlex.join(options)} --entrypoint {command[0]} {IMAGE} {shlex.join(command[1:])}"
        )

    def start_flooding_newt(
        self,
        target: str,
        *options: str,
        port: int = 5432,
        seconds: int = 60,
        pps: int = 2000,
        run: str = "run --detach",
    ) -> None:
        """The same, but whenever it starts its first act is a flood of a forbidden target, or of
        several, split by commas."""
        flood = ["flood", target, str(port), str(seconds), str(pps)]
        folders = [f"--volume={folder}:{folder}:ro" for folder in ("/usr", "/lib", "/lib64")]
        command = ["python3", "-c", ATTACKER, *flood]
        self.start_newt(*folders, *options, command=command, run=run)

    def newt_runs(self) -> bool:
        state = self.sh(
            f"docker container inspect -f '{{{{.State.Running}}}}' {CONTAINER}", check=False
        )
        return state.strip() == "true"

    def inside_newt(self, capabilities: str | None = None) -> list[str]:
        """The command that enters newt's network namespace, as root with all capabilities, or with
        those alone, as `setpriv` names them: "-all", or "-all,+net_raw"."""
        return [*self.inside(CONTAINER), *restricted(capabilities)]

    def inside(self, container: str) -> list[str]:
        """The same for any container."""
        pid = self.sh(f"docker container inspect -f '{{{{.State.Pid}}}}' {container}").strip()
        return ["nsenter", "--target", pid, "--net", "--"]

    # --- newt turned hostile, and others who are --------------------------------------------------

    def newt(self, *words: str, capabilities: str | None = None) -> Any:
        """Runs the attacker in newt's place; returns what it tells."""
        return self.attacker(self.nas, *words, enter=self.inside_newt(capabilities))

    def dial(self, *targets: tuple[str, int]) -> list[str]:
        """What newt hears from TCP services, in the order given."""
        orders = [
            {"name": str(n), "kind": "tcp", "address": address, "port": port, "token": "dial"}
            for n, (address, port) in enumerate(targets)
        ]
        answers = self.newt("fire", json.dumps(orders))
        return [answers[order["name"]] for order in orders]

    def attacker(self, node: Node, *words: str, enter: Sequence[str] = ()) -> Any:
        """The same anywhere else."""
        return json.loads(node.run([*enter, *PYTHON, "-", *words], stdin=ATTACKER).stdout)

    @contextlib.contextmanager
    def newt_meanwhile(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """The same beside what the block does; ends with the block."""
        program = f"import sys; exec(compile({ATTACKER!r}, 'attacker.py', 'exec'))"
        command = [*self.inside_newt(), *PYTHON, "-c", program, *words]
        with self.nas.popen(command) as process:
            try:
                yield process
            finally:
                process.kill()

    def tapped(self) -> contextlib.AbstractContextManager[Wire]:
        """What leaves the NAS during the block, taken at its plug in the router."""
        return tap(self.lab["router"], (), "nas")

    def tapped_at(self, name: str) -> contextlib.AbstractContextManager[Wire]:
        """What comes in at a machine."""
        return tap(self.lab[name], (), "eth0")

    def nas_tapped(self) -> contextlib.AbstractContextManager[Wire]:
        """What the NAS's kernel takes for its own, past every rule."""
        return tap(self.nas, (), "local")

    def container_tapped(self, container: str) -> contextlib.AbstractContextManager[Wire]:
        """What comes in at a container."""
        return tap(self.nas, self.inside(container), "eth0")

    def newt_tapped(self) -> contextlib.AbstractContextManager[Wire]:
        """What comes in at newt."""
        return tap(self.nas, self.inside_newt(), "eth0")

    # --- breaking things --------------------------------------------------------------------------

    @contextlib.contextmanager
    def stub(self, tool: str, script: str) -> Iterator[None]:
        """Another program in place of a tool. `$real` in the script is the tool itself."""
        real = self.sh(f"command -v {tool} || :").strip()
        text = f"#!/bin/sh\nreal={real}\n{script}\n"
        self.sh(f"cat >{STUBS}/{tool} && chmod 755 {STUBS}/{tool}", stdin=text)
        try:
            yield
        finally:
            self.sh(f"rm {STUBS}/{tool}")

    @contextlib.contextmanager
    def without(self, *tools: str) -> Iterator[None]:
        """The tools are not installed for a while."""
        paths = self.sh(f"for tool in {' '.join(tools)}; do which -a $tool; done; :").split()
        # /bin may be the same folder as /usr/bin.
        self.sh(f"for path in {' '.join(paths)}; do [ ! -e $path ] || mv $path $path.hidden; done")
        try:
            yield
        finally:
            self.sh(
                f"for path in {' '.join(paths)}; do [ -e $path ] || mv $path.hidden $path; done"
            )

    @contextlib.contextmanager
    def bridged_unseen(self) -> Iterator[None]:
        """The host has its bridges pass frames past the rules; newt's has switches of its own."""
        self.show_bridged(0)
        try:
            yield
        finally:
            self.show_bridged(1)

    def show_bridged(self, switch: int) -> None:
        """The host's own switches."""
        for family in ("iptables", "ip6tables"):
            self.sh(f"sysctl -qw net.bridge.bridge-nf-call-{family}={switch}")

    @contextlib.contextmanager
    def small_disk(self, folder: str = STATE) -> Iterator[Callable[[int], None]]:
        """The guard's files are on a disk of their own; gives what fills it up to so many pages of
        4 KiB. What is written there meanwhile is lost afterwards."""

        def leave_room(pages: int) -> None:
            self.sh(
                f"""rm -f {folder}/fill
                head -c {pages * 4096} /dev/zero >{folder}/room
                cat /dev/zero >{folder}/fill 2>/dev/null
                rm {folder}/room
                """
            )

        self.sh(
            f"""set -e
            mkdir -p /tmp/full && mount -t tmpfs -o size=512k tmpfs /tmp/full
            cp -a {folder}/. /tmp/full && mount --move /tmp/full {folder}
            """
        )
        try:
            yield leave_room
        finally:
            self.sh(f"umount {folder}")

    @contextlib.contextmanager
    def busybox_shell(self) -> Iterator[None]:
        """/bin/sh is busybox, whose shell prefers busybox's own tools."""
        shell = self.sh("readlink -f /bin/sh").strip()
        self.sh(f"mount --bind $(command -v busybox) {shell}")
        try:
            yield
        finally:
            # Lazily: a shell that is just ending still holds it.
            self.nas.run(["umount", "--lazy", shell])

    # --- leaving no trace -------------------------------------------------------------------------

    def snapshot(self) -> str:
        return self.rules() + self.files()

    def reset(self) -> None:
        """The NAS without newt and without a guard, whatever a failed test left."""
        self.lab.dns.reset()
        self.sh(
            f"""
            docker rm --force {CONTAINER} >/dev/null 2>&1
            [ ! -e {PROGRAM} ] || newt-egress empty {SERVICES.network} >/dev/null 2>&1
            docker network rm {NETWORK} {SERVICES.network} >/dev/null 2>&1
            for instance in $(ls {STATE_FOLDER}/instances 2>/dev/null); do
                newt-egress --instance $instance remove >/dev/null
            done
            [ ! -e {PROGRAM} ] || newt-egress remove >/dev/null
            [ -e {STATE_FOLDER} ] || exit
            for kind in ip ip6; do
                for table in mangle filter; do
                    {{ echo "*$table"
                       ${{kind}}tables -t $table -S | sed -n '/-j NEWT-/s/^-A/-D/p'
                       ${{kind}}tables -t $table -S | sed -n 's/^-N \\(NEWT-.*\\)/-F \\1\\n-X \\1/p'
                       echo COMMIT; }} | ${{kind}}tables-restore --noflush
                done
            done
            nft list tables | sed -n 's/.*inet newt_guard/delete table inet newt_guard/p' | nft -f -
            rm -rf {STATE_FOLDER} {PROGRAM} {PROGRAM}*.new /etc/cron.d/newt-egress*
            rm -f /run/newt-egress*.refreshed /run/newt-egress*.unresolved
            find /etc/systemd -name '*newt-egress*' -exec rm -rf {{}} +
            systemctl daemon-reload
            """,
            check=False,
        )

    def rules(self) -> str:
        """Every rule and chain in the kernel, whoever made it, without counters. Empty chains of
        the kernel's own do not count: iptables makes them by looking."""
        return self.sh(
            """
            { iptables-save; ip6tables-save; } 2>/dev/null |
                sed -e '/^#/d' -e 's/ *\\[[0-9:]*\\]$//' -e '/^:[A-Z]* ACCEPT$/d' \
                    -e '/^COMMIT$/d' -e '/^[*]/d'
            nft -s list tables | grep -v -w -e ip -e ip6 | while read -r _ family name; do
                nft -s list table $family $name
            done
            """
        )

    def files(self) -> str:
        """Every file in places where a guard could leave something, with its checksum."""
        return self.sh(
            "find /etc/systemd /etc/cron.d /usr/local/sbin /var/lib/newt-egress* "
            "-type f -exec sha256sum {} + -o -type l -print 2>/dev/null | sort -k 2; "
            "find /etc/systemd -type d | sort",
            check=False,
        )


@contextlib.contextmanager
def tap(node: Node, enter: Sequence[str], interface: str) -> Iterator[Wire]:
    """What comes in at an interface of `node`, or of the namespace on it that `enter` enters;
    "local" is what the kernel takes for its own."""
    wire = Wire()
    program = f"import sys; exec(compile({TAP!r}, 'tap.py', 'exec'))"
    command = [*enter, *PYTHON, "-c", program, interface, NEEDLE]
    with node.popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "ready\n", "the tap does not listen"
        yield wire
        time.sleep(0.1)  # the last packets are on their way for a moment
        process.stdin.close()
        vars(wire).update(json.load(process.stdout))


def restricted(capabilities: str | None) -> list[str]:
    """The command that runs another as root with those capabilities alone."""
    if capabilities is None:
        return []
    sets = [f"--{name}={capabilities}" for name in ("bounding-set", "inh-caps")]
    return ["setpriv", "--no-new-privs", *sets, "--"]
