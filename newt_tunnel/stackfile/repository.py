"""The top level of this repository: what a stack is made of, and what it is not.

The forge's jobs, a checkout in the lab and the memory of passed tests use it. Every entry is in one
of the lists; an entry of a user's own fork that is in none counts as program.
"""

from __future__ import annotations

#: What Pulumi runs. A checkout of these deploys a stack.
PROGRAM = (
    *("Pulumi.yaml", "__main__.py"),
    *("components", "newt_tunnel", "policies", "stacks"),
)
#: The program's packages, and git's attributes for a checkout.
BESIDE_PROGRAM = (".gitattributes", "requirements.txt")
#: No stack is made of these.
NOT_PROGRAM = (
    *(".ci", ".editorconfig", ".forgejo", ".gitea", ".github", ".gitignore"),
    *(".pre-commit-config.yaml", "CHANGELOG.md", "LICENSE", "Makefile", "README.md"),
    *("docs", "pyproject.toml", "requirements-dev.txt", "tests"),
)
