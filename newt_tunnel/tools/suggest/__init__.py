"""From what newt was refused to entries that may belong in the allow-list.

Reads what the enforcer remembers and prints; changes nothing. What is printed is what newt *tried*:
whoever controls newt chooses it. See docs/suggest.md.
"""
