"""A blueprint, or a part of it, that nothing can be derived from."""

from __future__ import annotations

from newt_tunnel.findings import Finding, shown


class Unusable(Exception):
    """``key`` is a path in the file, ``public-resources.gitea.targets[0].port``.

    ``value`` is the value as read; None where the path is enough.
    """

    def __init__(self, key: str, value: object, remedy: str) -> None:
        super().__init__(remedy)
        self.fault = Finding(key, None if value is None else shown(value), remedy)
