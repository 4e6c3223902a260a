"""Turns refused attempts of newt into entries that may belong in the allow-list.

Reads the enforcer's record and prints; changes nothing. The list shows what newt *tried*, and an
attacker who controls newt chooses that. See docs/suggest.md.
"""
