"""The stack file: its keys, their types, and the only reader of Pulumi's configuration.

``load.load()`` returns validated settings and, apart from them, the secrets; ``policy`` turns
settings into what ``egress`` works with. Leaves out what only the Docker host or the cluster knows.
"""
