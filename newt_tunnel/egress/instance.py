"""What tells the rules of several newts on one Docker host apart: the name of each, and the names
in the kernel that are made from it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

#: With it a chain of iptables has its longest name, 28 characters.
LONGEST = 15
SHAPE = rf"[a-z][a-z0-9-]{{0,{LONGEST - 1}}}"
_HASH = 6


@dataclass(frozen=True)
class Instance:
    """One newt of a host, by its ``docker.instance``."""

    name: str

    @classmethod
    def of(cls, written: str | None, stack: str) -> Instance:
        """The written name, or one made from the stack's."""
        if written is not None:
            return cls(written)
        if re.fullmatch(SHAPE, stack):
            return cls(stack)
        slug = re.sub(r"[^a-z0-9]+", "-", stack.lower()).strip("-")
        # The hash keeps stacks apart whose names begin alike.
        slug = re.sub(r"^[^a-z]+", "", slug)[: LONGEST - _HASH - 1].strip("-") or "newt"
        return cls(f"{slug}-{_digest(stack)}")

    @property
    def egress_chain(self) -> str:
        return f"NEWT-EGRESS-{self.name}"

    @property
    def ingress_chain(self) -> str:
        return f"NEWT-INGRESS-{self.name}"

    @property
    def table(self) -> str:
        """Name of the table of nftables."""
        return f"newt_guard_{self.name}"

    @property
    def refused(self) -> str:
        """The kernel's memory of refused targets in iptables. Old kernels allow 15 characters, of
        which the protocol takes four.
        """
        return f"newt-{_digest(self.name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]
