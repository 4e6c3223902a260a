"""The real Pulumi engine for the tests and the demo: `prepare(plugins)` returns its environment.

Owns where the `pulumi` command, its language host and the provider plugins come from: the official
ones where they are installed; otherwise CLI, language host and the plugins for Docker and
Kubernetes are built from their Go modules, and `tests/standins` imitates the plugin for commands.
What runs is always Pulumi's own engine. Leaves out what is run with it: backend, passphrase and
stack belong to the caller.
"""

from tests.engine.prepare import EngineError, prepare

__all__ = ["EngineError", "prepare"]
