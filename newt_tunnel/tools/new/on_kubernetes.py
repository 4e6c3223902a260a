"""A new stack for a cluster: the look through the kubeconfig's context, and the questions."""

from __future__ import annotations

import argparse
import base64
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence

from newt_tunnel.cluster import ClusterError
from newt_tunnel.cluster.reading import name_resolution
from newt_tunnel.cluster.reading.client import Client
from newt_tunnel.cluster.reading.deadline import within
from newt_tunnel.cluster.reading.snapshot import Service
from newt_tunnel.egress.model import RESERVED_NAMES, HostName
from newt_tunnel.tools.new import (
    NewError,
    allow_list,
    cluster_facts,
    identity,
    old_newt,
    server_addresses,
)
from newt_tunnel.tools.new.cluster_facts import ClusterFacts, DeployedNewt
from newt_tunnel.tools.new.draft import Draft
from newt_tunnel.tools.new.host_facts import ENDPOINT, IDS, SECRETS
from newt_tunnel.tools.new.identity import Identity
from newt_tunnel.tools.new.outcome import Outcome, fact
from newt_tunnel.tools.new.pulumi_stack import Store, typed
from newt_tunnel.tools.new.questions import Terminal

#: Namespaces of the cluster itself, whose Services are no targets of a site.
_OF_THE_CLUSTER = ("kube-system", "kube-public", "kube-node-lease")
_API = ("default", "kubernetes")
_SECONDS = 60


def prepare(options: argparse.Namespace, terminal: Terminal) -> Outcome:
    """Look at the cluster and ask for the rest. Raises ``NewError``."""
    draft = Draft("kubernetes")
    draft.fill({"kubernetes.context": options.context}, "--context")
    terminal.say(f"Looking at the cluster {options.context}; nothing is changed there.")
    client, found = _look(options.context)
    for line in summary(found):
        terminal.say(line)
    newts = {f"{one.namespace}/{one.name}": one for one in found.newts}
    newt = old_newt.chosen(newts, options.old_newt, terminal)
    store = identity.ask(
        draft,
        terminal,
        Identity(options.endpoint, options.newt_id),
        Identity() if newt is None else _identity(client, newt),
        secret_from=options.secret_from,
        on_host=_stored(client, newt) if newt is not None else None,
    )
    server_addresses.ask(draft, terminal, options.pangolin_address, _resolved)
    if options.dns:
        words = options.dns.replace(",", " ").split()
        draft.fill(
            {"dns": words[0] if words in (["none"], ["any"], ["cluster"]) else words}, "--dns"
        )
    left_out = allow_list.ask(
        draft, options, terminal, [*offered(found.services)], [*remarks(found.services)]
    )
    return Outcome(
        tree=draft.tree,
        where=f"in the Kubernetes cluster {options.context}",
        left_out=left_out,
        store=store,
        before_up=_stop(options.context, newt),
    )


def _look(context: str) -> tuple[Client, ClusterFacts]:
    def work() -> tuple[Client, ClusterFacts]:
        client = Client(context, None)
        return client, cluster_facts.read(client)

    try:
        # A credential helper may wait for somebody.
        return within(_SECONDS, work)
    except TimeoutError:
        raise NewError(f"--context: {context}: no answer within {_SECONDS} seconds") from None
    except ClusterError as error:
        raise NewError(f"--context: {error}") from None


def summary(found: ClusterFacts) -> Iterator[str]:
    """Yield what was found, a line each."""
    yield fact("version", found.version)
    yield fact(
        "enforcer",
        found.enforcer
        or "none of the known ones; where nothing enforces policies, the proof fails",
    )
    for newt in found.newts:
        yield fact("newt", f"{newt.image} runs: Deployment {newt.namespace}/{newt.name}")
        yield from (fact("", f"{name}={value}") for name, value in sorted(newt.settings.items()))
        if newt.references:
            yield fact("", f"{', '.join(sorted(newt.references))} (values not shown)")
    if not found.newts:
        yield fact("newt", "none runs")


def offered(
    services: Sequence[Service],
) -> Iterator[Mapping[str, object]]:
    """Yield an entry for each port of a Service with pods of its own."""
    names: set[str] = set(RESERVED_NAMES)
    for service in sorted(services, key=lambda one: str(one.ref)):
        if not _is_a_target(service) or not service.selector:
            continue
        ports = [port for port in service.ports if port.protocol in ("TCP", "UDP")]
        for port in ports:
            name = service.ref.name if len(ports) == 1 else f"{service.ref.name}-{port.port}"
            for further in (service.ref.namespace, port.protocol.lower()):
                name = f"{name}-{further}" if name in names else name
            names.add(name)
            entry = {"name": name, "service": str(service.ref), "port": port.port}
            yield entry if port.protocol == "TCP" else {**entry, "protocol": port.protocol}


def remarks(services: Sequence[Service]) -> Iterator[str]:
    """Yield why a Service is not offered."""
    for service in sorted(services, key=lambda one: str(one.ref)):
        if _is_a_target(service) and not service.selector:
            yield f"{service.ref} selects no pods: write the addresses behind it"


def _is_a_target(service: Service) -> bool:
    ref = service.ref
    return ref.namespace not in _OF_THE_CLUSTER and (ref.namespace, ref.name) != _API


def _identity(client: Client, newt: DeployedNewt) -> Identity:
    def value(*names: str) -> str | None:
        for name in names:
            if name in newt.settings:
                return newt.settings[name]
            if name in newt.references:
                return _read(client, newt.namespace, *newt.references[name])
        return None

    return Identity(value(ENDPOINT), value(*IDS))


def _stored(client: Client, newt: DeployedNewt) -> Store | None:
    """Return what stores the secret that the newt has in a Secret."""
    for name in SECRETS:
        if name in newt.references:
            secret = _read(client, newt.namespace, *newt.references[name])
            return None if secret is None else typed(secret)
    return None


def _resolved(name: str) -> list[str]:
    host = HostName(name)
    answer = name_resolution.resolve([host]).get(host)
    return [str(address) for address in answer or ()]


def _read(client: Client, namespace: str, secret: str, key: str) -> str | None:
    """Return a Secret's value, None if this user may not read it. It is never shown."""
    try:
        found = json.loads(client.text(f"/api/v1/namespaces/{namespace}/secrets/{secret}"))
        return base64.b64decode(found["data"][key], validate=True).decode().strip()
    except (ClusterError, ValueError, KeyError, TypeError):
        return None


def _stop(context: str, newt: DeployedNewt | None) -> tuple[tuple[str, str], ...]:
    if newt is None:
        return ()
    words = ("kubectl", "--context", context, "-n", newt.namespace)
    stop = ("scale", "deployment", newt.name, "--replicas", "0")
    return ((shlex.join((*words, *stop)), old_newt.WHY_REMOVED),)
