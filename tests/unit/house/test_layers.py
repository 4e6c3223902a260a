"""Which part of the product may import which: arrows run one way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
#: Each part, and the parts that it may import. `tools` is a part per command.
MAY_IMPORT: dict[str, set[str]] = {
    "newt_tunnel.findings": set(),
    "newt_tunnel.egress": set(),
    "newt_tunnel.blueprint": {"findings", "egress"},
    "newt_tunnel.settings": {"findings", "egress", "blueprint"},
    "newt_tunnel.docker_host": {"findings", "egress", "settings"},
    "newt_tunnel.cluster": {"findings", "egress", "settings"},
    "newt_tunnel.stackfile": {"findings", "egress", "blueprint", "settings"},
    "newt_tunnel.tools": {
        "findings",
        "egress",
        "blueprint",
        "settings",
        "stackfile",
        "docker_host",
        "cluster",
    },
    "components": {"findings", "egress", "settings", "docker_host", "cluster"},
    "policies": {"egress", "settings", "cluster"},
}
#: The rooms of `newt_tunnel.cluster`, and the rooms that each may import.
CLUSTER_ROOMS: dict[str, set[str]] = {
    "pod": set(),
    "reading": set(),
    "lookup": {"reading"},
    "state": {"reading"},
}


def files_of(part: str) -> list[Path]:
    """Of a folder, or of a part that is one module."""
    folder = REPOSITORY / part.replace(".", "/")
    return sorted(folder.rglob("*.py")) or [folder.with_suffix(".py")]


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def part_of(module: str) -> str | None:
    return next((part for part in MAY_IMPORT if f"{module}.".startswith(f"{part}.")), None)


def crossings(part: str) -> Iterator[tuple[str, str]]:
    """Imports of `part` that lead into another part: file and module."""
    for file in files_of(part):
        for module in imports(file):
            target = part_of(module)
            if target not in (None, part):
                yield str(file.relative_to(REPOSITORY)), module


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_is_left_of_it(part: str) -> None:
    allowed = {f"newt_tunnel.{name}" for name in MAY_IMPORT[part]}
    wrong = [
        f"{file}: {module}" for file, module in crossings(part) if part_of(module) not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_every_part_of_the_product_has_its_place_in_the_order() -> None:
    folders = {
        f"newt_tunnel.{path.name}"
        for path in (REPOSITORY / "newt_tunnel").iterdir()
        if (path / "__init__.py").exists()
    }
    assert folders <= MAY_IMPORT.keys()


@pytest.mark.parametrize("room", CLUSTER_ROOMS)
def test_a_room_of_the_cluster_imports_only_what_is_left_of_it(room: str) -> None:
    cluster = REPOSITORY / "newt_tunnel" / "cluster"
    allowed = {room, "text", *CLUSTER_ROOMS[room]}
    wrong = [
        f"{file.relative_to(REPOSITORY)}: {module}"
        for file in sorted((cluster / room).rglob("*.py"))
        for module in imports(file)
        if f"{module}.".startswith("newt_tunnel.cluster.") and module.split(".")[2] not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_every_room_of_the_cluster_has_its_place_in_the_order() -> None:
    cluster = REPOSITORY / "newt_tunnel" / "cluster"
    assert {path.parent.name for path in cluster.glob("*/__init__.py")} == CLUSTER_ROOMS.keys()


def test_the_order_has_no_cycle() -> None:
    order = list(MAY_IMPORT)
    for part, targets in MAY_IMPORT.items():
        assert all(order.index(f"newt_tunnel.{name}") < order.index(part) for name in targets)


def test_only_the_settings_and_components_import_pulumi() -> None:
    parts = ("findings", "egress", "blueprint", "docker_host", "cluster", "stackfile", "tools")
    for part in parts:
        for file in files_of(f"newt_tunnel.{part}"):
            found = [name for name in imports(file) if name.partition(".")[0].startswith("pulumi")]
            assert not found, f"{file.relative_to(REPOSITORY)}: {found}"


def test_a_tool_does_not_import_another_tool() -> None:
    tools = REPOSITORY / "newt_tunnel" / "tools"
    # Modules beside the folders are shared.
    shared = tuple(f"newt_tunnel.tools.{file.stem}." for file in tools.glob("*.py"))
    for file in tools.rglob("*.py"):
        own = ".".join(("newt_tunnel.tools", *file.relative_to(tools).parts[:1]))
        for module in imports(file):
            if f"{module}.".startswith("newt_tunnel.tools."):
                assert f"{module}.".startswith((f"{own}.", *shared)), f"{file}: {module}"


def test_no_product_file_is_longer_than_a_reader_takes_in_at_once() -> None:
    most = 250
    product = [REPOSITORY / "__main__.py"]
    for part in ("newt_tunnel", "components", "policies"):
        product += [path for path in (REPOSITORY / part).rglob("*") if path.is_file()]
    long = {
        str(path.relative_to(REPOSITORY)): lines
        for path in product
        if "__pycache__" not in path.parts and (lines := len(path.read_text().splitlines())) > most
    }
    assert not long, f"at most {most} lines: {long}"
