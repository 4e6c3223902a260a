"""Pulumi's messages, without the rest of its SDK.

To import `pulumi.runtime.proto` is to import all of `pulumi`, which takes three times as long as
everything else that a plugin needs, and the engine starts its plugins anew in every run. So the
generated modules are loaded alone, from where the SDK has them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["engine_pb2", "engine_pb2_grpc", "plugin_pb2", "provider_pb2", "provider_pb2_grpc"]

PACKAGE = "pulumi.runtime.proto"
ALONE = "pulumi_messages"


def _package() -> str:
    """The name under which the modules can be imported."""
    if PACKAGE in sys.modules:
        return PACKAGE
    sdk = find_spec("pulumi")
    if sdk is None or not sdk.submodule_search_locations:
        raise ImportError("Pulumi's SDK is not installed: pip install -r requirements.txt")
    alone = ModuleType(ALONE)
    alone.__path__ = [str(Path(sdk.submodule_search_locations[0], "runtime", "proto"))]
    sys.modules[ALONE] = alone
    return ALONE


if TYPE_CHECKING:
    from pulumi.runtime.proto import (
        engine_pb2,
        engine_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
    )
else:
    _from = _package()
    globals().update({name: import_module(f"{_from}.{name}") for name in __all__})
