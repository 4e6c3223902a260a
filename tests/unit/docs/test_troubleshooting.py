"""docs/troubleshooting.md quotes messages: each must be one that the product prints.

A message of the product is a template with values in it, so what is between the values is looked
for, and all of it must be in one text of one file. Messages of other programs are listed below.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.unit.docs.documents import REPOSITORY, TROUBLESHOOTING

#: Messages of other programs, and names that a cell needs to say where one is seen.
OTHERS = {
    "passphrase must be set with PULUMI_CONFIG_PASSPHRASE": "Pulumi",
    "no stack selected": "Pulumi",
    "failed to become available within allocated timeout": "Helm",
    "values don't meet the specifications of the schema(s)": "Helm",
    "containers with unready status": "Kubernetes, printed by its plugin",
    "Init:0/1": "Kubernetes",
    "network newt not found": "Docker",
    "cannot restrict inter-container communication": "Docker",
    **dict.fromkeys(
        (
            *("Failed to connect", "no such host", "i/o timeout", "dial tcp"),
            *("network is unreachable", "connection refused", "Failed to ping exit node"),
            *("Failed to resolve endpoint", "Ping attempt 1 failed", "Connecting to endpoint"),
            *("Connection to server lost after", "Error connecting to target"),
        ),
        "newt, or Go's own text in it",
    ),
    "Permission denied (publickey": "OpenSSH",
    "newt-tunnel-proof-proving": "a resource of the stack, put together from two names",
}
#: In place of a value in a text of the product.
VALUE = "\0"
#: What an example writes where the product has a value: addresses, numbers, names in capitals or
#: from the example stacks, the stack's own words; and an ellipsis for anything.
_EXAMPLE = re.compile(
    r"\.\.\.|\d+(?:\.\d+){3}(?:/\d+)?|\b\d+(?:/TCP)?\b|\biptables\b|\bDOCKER-USER\b|\bfilter\b"
    r"|\badmin\b|\bgitea(?:\.lan|/gitea)\b|\(http\)|\bkube-system\b|\bk8s-app=kube-dns\b"
    r"|\bnewt\.instance=newt\b|\bnewt-tunnel$"
)
_SHELL_COMMAND = re.compile(r"\$\([^()]*\)")
_SHELL_OPTIONAL = re.compile(r"\$\{\w+:\+([^}]*)\}")
_SHELL_VALUE = re.compile(r"\$\{[^}]*\}|\$\w+")
#: A piece that is found by chance says nothing.
SHORTEST = 4


def _python_texts(source: str) -> Iterator[str]:
    """Strings of a program, adjacent ones joined, each value in them one character."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (
                part.value if isinstance(part, ast.Constant) else VALUE for part in node.values
            )
            yield "".join(map(str, parts))


def _shell_texts(source: str) -> Iterator[str]:
    for line in source.splitlines():
        if not line.lstrip().startswith("#"):
            with_optional = _SHELL_OPTIONAL.sub(r"\1", _SHELL_COMMAND.sub(VALUE, line))
            yield _SHELL_VALUE.sub(VALUE, with_optional)


def _texts() -> list[str]:
    found: list[str] = []
    for folder in ("newt_tunnel", "components"):
        for file in sorted((REPOSITORY / folder).rglob("*")):
            if file.suffix == ".py":
                found += _python_texts(file.read_text())
            elif file.is_file() and (file.suffix == ".sh" or file.name.startswith("newt-")):
                found += _shell_texts(file.read_text())
    return found


TEXTS = _texts()


def pieces(message: str) -> list[str]:
    """The words of a quoted message that the product must have as they are."""
    parts = (part.strip(" (),;") for part in _EXAMPLE.split(message))
    return [part for part in parts if len(part) >= SHORTEST]


def is_printed(message: str) -> bool:
    wanted = pieces(message)
    return bool(wanted) and any(all(piece in text for piece in wanted) for text in TEXTS)


def quoted() -> list[str]:
    """The messages in the first cells of the tables; a key of the stack file is none."""
    rows = re.findall(r"^\| (?!message|---)(.*?) \|", TROUBLESHOOTING.read_text(), re.MULTILINE)
    return [message for cell in rows for message in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("message", quoted())
def test_a_quoted_message_is_one_that_the_product_prints(message: str) -> None:
    assert message in OTHERS or is_printed(message), (
        f"the product prints no such message: {message}"
    )


def test_every_exception_is_quoted_and_is_not_the_products() -> None:
    assert not OTHERS.keys() - set(quoted())
    assert not [message for message in OTHERS if is_printed(message)]


@pytest.mark.parametrize(
    "message",
    ["gitea.lan does not resolve at all", "10.0.1.10 resolves to 10.0.1.1, which is private"],
)
def test_a_message_that_was_reworded_is_found(message: str) -> None:
    assert not is_printed(message)
