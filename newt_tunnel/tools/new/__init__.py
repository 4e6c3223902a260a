"""Writes the stack file of a new stack: looks at the host or the cluster, and asks for the rest.

Changes nothing there. ``settings`` decides which answers are valid. The file is written once and
whole, when everything is known; an existing one is never overwritten. newt's secret goes only to
Pulumi's own command.

``command`` begins and ends; ``on_docker`` or ``on_kubernetes`` looks (``login`` and ``look.sh``,
``cluster_facts``), asks (``questions``, ``identity``, ``server_addresses``, ``allow_list``) and
fills a ``draft``; ``stack_text`` renders it, and ``pulumi_stack`` makes the stack.
"""

from __future__ import annotations


class NewError(Exception):
    """Names the flag, the host or the file, and what to do. Never carries a secret."""
