"""The server's addresses, and the nodes of Pangolin Cloud, where they have to be written.

Addresses only where they are not public, and after a question: somebody has to say that they are
the server's, because the owner of a public name could point it into the user's network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address

from newt_tunnel.egress.registry import not_public
from newt_tunnel.settings.nodes import CLOUD_NODES
from newt_tunnel.settings.pangolin_cloud import CLOUD
from newt_tunnel.tools.new import NewError
from newt_tunnel.tools.new.draft import Draft
from newt_tunnel.tools.new.identity import ENDPOINT_KEY
from newt_tunnel.tools.new.outcome import fact
from newt_tunnel.tools.new.questions import Terminal

_KEY, _FLAG = "pangolin.addresses", "--pangolin-address"
_NODES = "pangolin.nodes"


def ask(
    draft: Draft,
    terminal: Terminal,
    given: Sequence[str] | None,
    resolve: Callable[[str], Sequence[str]],
) -> None:
    """``resolve`` returns a name's addresses as the Docker host, or Pulumi for a cluster, sees
    them.
    """
    if given:
        draft.fill({_KEY: [*given]}, _FLAG)
        return
    host = _host(str(draft.get(ENDPOINT_KEY)))
    if host == CLOUD.endpoint:
        # Its tunnels end elsewhere, so newt would get none.
        draft.fill({_NODES: CLOUD_NODES}, "--endpoint")
        terminal.say(fact("nodes", str(CLOUD)))
    addresses = [*_addresses(host)] or [*resolve(host)]
    if not addresses:
        terminal.say(f"  {host} does not resolve there yet; without addresses pulumi up will fail")
    if not any(not_public(ip_address(one)) for one in addresses):
        return
    listed = " and ".join(addresses)
    question = f"{host} leads to {listed} there, which is not public. Is that your Pangolin?"
    if not terminal.confirmed(question, _FLAG):
        raise NewError(
            f"{_FLAG}: {listed} is not your Pangolin; correct the endpoint or the resolver, or "
            "give the right address"
        )
    draft.fill({_KEY: addresses}, _FLAG)


def _host(endpoint: str) -> str:
    rest = endpoint.partition("://")[2]
    return rest[1:].partition("]")[0] if rest.startswith("[") else rest.partition(":")[0]


def _addresses(host: str) -> Sequence[str]:
    try:
        return (str(ip_address(host)),)
    except ValueError:
        return ()
