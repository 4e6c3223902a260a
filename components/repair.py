"""The result of the look at the cluster that decides how resources are updated.

The engine believes objects to be as it left them, and an update of the official plugin starts with
reading the live object, so it fails where there is none (pulumi-kubernetes,
provider/pkg/await/await.go, ``Update``). A missing object is replaced: a delete accepts "not found"
(``Deletion``), and a create posts.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from newt_tunnel.cluster import GENERATION_ANNOTATION

#: For objects with our owner annotation: fields of another client are overwritten without a
#: conflict.
FORCED = {"pulumi.com/patchForce": "true"}


@dataclass(frozen=True, kw_only=True)
class Repair:
    #: False if the cluster could not be read: without look-ups resources stay as in the state.
    known: bool
    #: See ``cluster.state.generation``; None for a stack that was never repaired.
    generation: str | None = None
    #: Secret and volume change only when they are lost: an update of a volume in use is one more
    #: thing that can fail.
    secret_generation: str | None = None
    claim_generation: str | None = None
    #: Names of objects that must be made anew.
    replaced: frozenset[str] = frozenset()

    @property
    def annotations(self) -> dict[str, str]:
        """Return the annotations of an object to repair, and of everything that depends on it."""
        return generation_of(self.generation)

    @property
    def forced_annotations(self) -> dict[str, str]:
        """Return the same for a namespace, which is only forced after a repair."""
        return {**self.annotations, **FORCED} if self.generation else {}

    def ignored(self, *paths: str) -> list[str]:
        """Return the properties whose changes are ignored."""
        return [] if self.known else [*paths]

    def options(self, opts: pulumi.ResourceOptions, name: str) -> pulumi.ResourceOptions:
        """Return ``opts`` for the object ``name``, replaced if it must be made anew."""
        if name in self.replaced:
            opts.replace_on_changes = ["metadata.annotations"]
            opts.delete_before_replace = True
        return opts


def generation_of(generation: str | None) -> dict[str, str]:
    return {} if generation is None else {GENERATION_ANNOTATION: generation}
