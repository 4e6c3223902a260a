"""The policy pack: what must never be deployed, and what needs a reason.

``rules`` is the table of all rules; the other modules judge. They are pure: ``view`` is their view
of a resource, and only ``__main__`` imports Pulumi. The program checks its own stack file already;
the pack also judges resources that were written by hand.
"""
