"""The policy pack: what must never be deployed, and what needs a reason.

``rules`` is the table of all rules; the modules beside it judge. They are pure: ``view`` is what
they see of a resource, and only ``__main__`` knows Pulumi. The program checks its own stack file
already; the pack also judges resources that were written by hand.
"""
