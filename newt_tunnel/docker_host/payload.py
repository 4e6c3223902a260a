"""What is sent to the Docker host: a declaration, its rules and the program ``newt-egress``, as one
shell script.

The script is the standard input of ``sh -s -- apply`` and ``sh -s -- remove``: it has no size limit
there, a diff shows it line by line, and a failing command does not print it. It unpacks itself and
hands over to the program, which does all the checking. Pure text; the renderers and the program own
the content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from newt_tunnel.docker_host.docker_names import DockerNames
from newt_tunnel.docker_host.programs import EGRESS
from newt_tunnel.egress import iptables, nftables
from newt_tunnel.egress.cage import REMEMBERED_DROPS, Cage, Firewall
from newt_tunnel.egress.model import Container
from newt_tunnel.egress.placeholders import address_text
from newt_tunnel.egress.registry import NOT_PUBLIC
from newt_tunnel.egress.rules import Policy, Rule

PROGRAM_PATH = "/usr/local/sbin/newt-egress"
#: Of a declaration; ``VERSION`` of the program that understands it.
FORMAT = 2

_BOOTSTRAP = """\
# Declares newt's firewall to the program newt-egress, which checks everything before it changes
# anything.
set -eu
umask 077
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
"""
_HAND_OVER = """\
case $1 in
    apply) shift; sh "$staging/newt-egress" apply --from "$staging" --generation "$@" ;;
    remove)
        instance=$(sed -n 's/^instance=//p' "$staging/declaration")
        owner=$(sed -n 's/^owner=//p' "$staging/declaration")
        sh "$staging/newt-egress" --instance "$instance" remove --owner "$owner" ;;
    *) echo "newt-tunnel: no such order: $1" >&2; exit 2 ;;
esac
"""


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """All that the host needs for one newt. ``owner`` is ``project/stack``: a cage belongs to one
    stack, and a stack has one on a host.

    ``names`` are newt's on Docker, ``persistence`` is one of ``systemd``, ``cron``,
    ``netfilter-persistent``, ``none``.
    """

    policy: Policy
    cage: Cage
    owner: str
    names: DockerNames
    persistence: str

    @property
    def instance(self) -> str:
        return self.cage.instance.name

    @property
    def files(self) -> dict[str, str]:
        """File name to content, in the order in which the host's program hashes them."""
        files = {"newt-egress": EGRESS}
        if self.cage.firewall is Firewall.NFTABLES:
            rules = {"rules.nft": nftables.render(self.policy, self.cage)}
            jumps: list[str] = []
        else:
            ruleset = iptables.render(self.policy, self.cage)
            rules = {"rules4": ruleset.rules4, "rules6": ruleset.rules6}
            jumps = [
                f"table4={ruleset.table}",
                *(f"jump4={jump}" for jump in ruleset.jumps4),
                *(f"jump6={jump}" for jump in ruleset.jumps6),
            ]
        declaration = "\n".join((*self._settings(), *jumps)) + "\n"
        return files | {"declaration": declaration} | rules

    @property
    def digest(self) -> str:
        """SHA-256 of the files: the host records it with the rules it loads."""
        return hashlib.sha256("".join(self.files.values()).encode()).hexdigest()

    @property
    def arrangement(self) -> str:
        """Return in a line how the policy is enforced, and by which program, without the policy
        itself.
        """
        cage = self.cage
        second = cage.services
        services = (
            f"{second.newt} on {second.bridge} ({second.subnet}), " if second is not None else ""
        )
        program = hashlib.sha256(EGRESS.encode()).hexdigest()[:12]
        return (
            f"{cage.firewall.value} at {cage.hook.value}, "
            f"{cage.newt} on {cage.bridge} ({cage.subnet}), {services}"
            f"{self.persistence}, newt-egress {program}"
        )

    @property
    def script(self) -> str:
        """Return the shell script, rules first, because reviewers look for them."""
        files = self.files
        names = [
            *(name for name in files if name.startswith("rules")),
            "declaration",
            "newt-egress",
        ]
        return (
            _BOOTSTRAP + "".join(_here_document(name, files[name]) for name in names) + _HAND_OVER
        )

    def _settings(self) -> Iterator[str]:
        yield f"format={FORMAT}"
        yield f"instance={self.instance}"
        yield f"owner={self.owner}"
        yield f"firewall={self.cage.firewall.value}"
        yield f"bridge={self.cage.bridge}"
        yield f"subnet={self.cage.subnet}"
        yield f"gateway={self.cage.gateway}"
        yield f"newt={self.cage.newt}"
        yield f"network={self.names.network}"
        yield f"container={self.names.container}"
        yield f"credentials={self.names.credentials}"
        yield f"persistence={self.persistence}"
        yield from self._services()
        if self.cage.log_drops:
            yield f"drops={REMEMBERED_DROPS}"
            yield f"refused={self.cage.instance.refused}"
        yield from (f"resolver={resolver}" for resolver in sorted(self.policy.resolvers))
        if self.policy.server_names:
            blocks = (block for block in NOT_PUBLIC if block.version == 4)
            yield from (f"notpublic={block}" for block in blocks)
        yield from (f"name={role} {name}" for role, name in sorted(set(self._name_roles())))
        forbidden = sorted(self.policy.forbidden, key=lambda rule: rule.sort_key)
        yield from (f"forbidden={_rule_text(rule)}" for rule in forbidden)
        if any(isinstance(rule.destination, str) for rule in forbidden):
            # The addresses that a forbidden name is compared with.
            yield from (
                f"allowed={_rule_text(rule)}"
                for rule in self.policy.sorted_rules
                if not isinstance(rule.destination, str | Container)
            )

    def _services(self) -> Iterator[str]:
        services = self.cage.services
        if services is None:
            return
        yield f"servicenetwork={services.network}"
        yield f"servicebridge={services.bridge}"
        yield f"servicesubnet={services.subnet}"
        yield f"servicegateway={services.gateway}"
        yield f"servicenewt={services.newt}"
        yield f"host={self.cage.host}"
        yield from (f"service={container.name}" for container in self.policy.containers)
        if services.attach:
            keys = self.policy.container_keys
            yield from (f"attach={key.removeprefix(Container.PREFIX)}" for key in keys)

    def _name_roles(self) -> Iterator[tuple[str, str]]:
        """Role and host name: the role decides what a name may resolve to. A forbidden name limits
        the others, also where it is allowed itself at another port.
        """
        policy = self.policy
        for rule in policy.forbidden:
            if isinstance(rule.destination, str):
                yield "forbidden", rule.destination
        for rule in policy.allowed:
            if isinstance(rule.destination, str):
                is_server = rule.destination in policy.server_names
                yield "endpoint" if is_server else "target", rule.destination


def _rule_text(rule: Rule) -> str:
    return f"{rule.name} {address_text(rule.destination)} {rule.protocol.value} {rule.ports_text}"


def _here_document(name: str, content: str) -> str:
    marker = f"END-OF-{name.upper()}"
    if f"\n{marker}\n" in content:
        raise ValueError(f"{name} contains {marker}")
    return f"cat >\"$staging/{name}\" <<'{marker}'\n{content}{marker}\n"
