"""One name is one thing: classes and named types of the product."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
#: CamelCase, as classes and aliases of types are written.
_TYPE = re.compile(r"[A-Z][a-z0-9]*[a-z][A-Za-z0-9]*")


def types_of(file: Path) -> Iterator[str]:
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (name.id for name in node.targets if isinstance(name, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def test_no_two_modules_of_the_product_have_a_public_type_of_the_same_name() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for part in ("newt_tunnel", "components", "policies"):
        for file in sorted((REPOSITORY / part).rglob("*.py")):
            for name in types_of(file):
                if _TYPE.fullmatch(name):
                    places[name].append(str(file.relative_to(REPOSITORY)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
