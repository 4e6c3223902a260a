"""Stand-in for pulumi-command 1.2.1: the resource `command:remote:Command`, and nothing else.

remote   the resource: what runs when, with which inputs
inputs   defaults, secrecy and type errors of its inputs
dial     the SSH connection
session  one command over it
quoting  scripts in error texts
"""
