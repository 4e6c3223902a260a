"""The stack file: its keys, their types, and the only reader of Pulumi's configuration.

``load.load()`` returns validated settings and, beside them, the secrets; ``policy`` turns settings
into what ``egress`` works with. Leaves out everything that is known only on the Docker host.
"""
