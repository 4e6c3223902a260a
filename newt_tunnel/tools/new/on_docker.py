"""A new stack for a Docker host: the login, the look, and the questions."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from ipaddress import IPv4Network

from newt_tunnel.docker_host.ssh import SshHost
from newt_tunnel.findings import shown
from newt_tunnel.settings.docker import Docker
from newt_tunnel.tools.new import (
    NewError,
    allow_list,
    host_findings,
    identity,
    login,
    old_newt,
    server_addresses,
)
from newt_tunnel.tools.new.draft import Draft
from newt_tunnel.tools.new.host_facts import HostFacts, RunningNewt, parse
from newt_tunnel.tools.new.host_services import offered, remarks
from newt_tunnel.tools.new.identity import Identity
from newt_tunnel.tools.new.outcome import Outcome
from newt_tunnel.tools.new.pulumi_stack import piped
from newt_tunnel.tools.new.questions import Terminal

_ROOT = "root"
_DNS = "dns"


def prepare(options: argparse.Namespace, terminal: Terminal) -> Outcome:
    """Look at the host and ask for the rest. Raises ``NewError``."""
    draft = Draft("docker")
    host = _login(draft, options, terminal)
    terminal.say(f"Looking at {host.address} as {host.user}; nothing is changed there.")
    found = parse(login.ask_host(host, login.LOOK), host.address)
    host_findings.refuse_unfit(found, host.address)
    draft.fill(dict(host_findings.keys(found)), host.address)
    for line in host_findings.summary(found):
        terminal.say(line)
    newts = {one.container: one for one in found.newts}
    newt = old_newt.chosen(newts, options.old_newt, terminal)
    store = identity.ask(
        draft,
        terminal,
        Identity(options.endpoint, options.newt_id),
        Identity() if newt is None else Identity(newt.endpoint, newt.id),
        secret_from=options.secret_from,
        on_host=piped(host.command(_reader(newt)), login.SECRET)
        if newt is not None and newt.has_secret
        else None,
    )
    server_addresses.ask(
        draft,
        terminal,
        options.pangolin_address,
        lambda name: login.ask_host(host, login.RESOLVE, name).split(),
    )
    _ask_resolvers(draft, options, terminal, found)
    others = [one for one in found.containers if one.name not in newts]
    left_out = allow_list.ask(
        draft, options, terminal, offered(others, host.address), [*remarks(others)]
    )
    draft.fill(dict(host_findings.subnet(found, tuple(_targets(draft)))), host.address)
    return Outcome(
        tree=draft.tree,
        where=f"on a Docker host, {host.address}",
        left_out=left_out,
        store=store,
        before_up=_remove(host, newt),
    )


def _login(draft: Draft, options: argparse.Namespace, terminal: Terminal) -> SshHost:
    to = login.destination(options.host, options.user, options.port)
    draft.fill({"docker.address": to.address}, "--host")
    if to.port != Docker.model_fields["port"].default:
        draft.fill({"docker.port": to.port}, "--port")
    sudo = to.user != _ROOT
    draft.fill({"docker.user": to.user, **({"docker.sudo": True} if sudo else {})}, "--user")
    key = login.host_key(to)
    _compare(key, to.address, options.fingerprint, terminal)
    draft.fill({"docker.hostKey": key}, "--host")
    if not login.agent_has_key():
        raise NewError("ssh agent: holds no key, and Pulumi uses no other; run: ssh-add")
    return SshHost(address=to.address, port=to.port, user=to.user, host_key=key, sudo=sudo)


def _compare(key: str, address: str, expected: str | None, terminal: Terminal) -> None:
    """Raises ``NewError`` unless somebody knows the fingerprint of the host's key."""
    line = login.fingerprint(key, address)
    if expected is not None:
        if expected not in line.split():
            raise NewError(
                f"--fingerprint: {shown(expected)} is not what {address} shows ({line}); if it is "
                "right, another machine answers there"
            )
        return
    kind = "ed25519" if key.startswith("ssh-ed25519 ") else "ecdsa"
    terminal.say("Another machine could answer in the host's place. What answers has this key:")
    terminal.say(f"  {line}")
    terminal.say("Compare it with what the host itself prints, at its own console:")
    terminal.say(f"  ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub")
    if not terminal.confirmed("Is the SHA256 the same?", "--fingerprint"):
        raise NewError(f"{address}: the host key is not confirmed, so nothing was looked at")


def _reader(newt: RunningNewt) -> str:
    return shlex.join(("sh", "-s", "--", newt.container))


def _ask_resolvers(
    draft: Draft, options: argparse.Namespace, terminal: Terminal, found: HostFacts
) -> None:
    def take(text: str) -> None:
        words = text.replace(",", " ").split()
        draft.set(_DNS, text if text in ("none", "any") else words)

    usual = " ".join(map(str, found.resolvers)) or None
    terminal.answer(
        "Which resolvers may newt ask? Addresses, or none:",
        "--dns",
        take,
        given=options.dns or usual,
    )


def _targets(draft: Draft) -> Iterator[IPv4Network]:
    """Yield the addresses in both lists, which newt's subnet must not hold."""
    for key in ("egress", "mustNotReach"):
        listed = draft.get(key)
        for entry in listed if isinstance(listed, list) else ():
            at = entry.partition(":")[0] if isinstance(entry, str) else None
            if isinstance(entry, dict):
                at = str(entry.get("host") or entry.get("cidr"))
            try:
                yield IPv4Network(str(at))
            except ValueError:
                # A name.
                continue


def _remove(host: SshHost, newt: RunningNewt | None) -> tuple[tuple[str, str], ...]:
    if newt is None:
        return ()
    port = "" if host.port == Docker.model_fields["port"].default else f"-p {host.port} "
    # Two shells read it.
    name = shlex.quote(shlex.quote(newt.container))
    command = f"ssh {port}{host.user}@{host.address} docker rm --force {name}"
    return ((command, old_newt.WHY_REMOVED),)
