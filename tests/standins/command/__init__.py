"""Stand-in for pulumi-command 1.2.1: the resource `command:remote:Command`, and nothing else.

remote      the resource: what runs when, with which inputs
inputs      defaults, secrecy and type errors of its inputs
objectdiff  what counts as a change
ssh         one connection, one command
"""
