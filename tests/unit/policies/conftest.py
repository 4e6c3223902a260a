"""The program's SDKs, imported without their own warnings."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # The provider's SDK warns of its own deprecated CopyFile when it is imported, once.
    warnings.filterwarnings("ignore", "This resource is deprecated", DeprecationWarning)
    from pulumi_command.remote import Command  # noqa: F401
