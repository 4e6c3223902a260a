"""The egress policy: what newt may reach, how that is decided, rendered, proved and reported.
Imports no Pulumi.
"""
