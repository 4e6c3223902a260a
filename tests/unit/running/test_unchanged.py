from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import unchanged
from tests.unchanged import COMMON, GROUND, GROUPS, HOST, REPOSITORY, STACKS, Group, passed

OURS = {path.name for path in REPOSITORY.iterdir() if path.is_dir()}


def imported(file: Path) -> Iterator[str]:
    """The modules of this repository that a file names in imports, relative ones made absolute."""
    package = file.relative_to(REPOSITORY).parent.parts
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            names = [f"{module}.{alias.name}" for alias in node.names]
        yield from (name for name in names if name.partition(".")[0] in OURS)


def files_of(name: str) -> list[Path]:
    """Those that importing a module reads: its own, and those of the packages around it."""
    parts, found = name.split("."), []
    for length in range(1, len(parts) + 1):
        place = REPOSITORY.joinpath(*parts[:length])
        found += [
            file for file in (place / "__init__.py", place.with_suffix(".py")) if file.exists()
        ]
    return found


def stands_on(group: Group) -> set[Path]:
    """All that the group's tests import, themselves or through others."""
    tests = (REPOSITORY / "tests").rglob("*.py")
    todo = [file for file in tests if group.has(str(file.relative_to(REPOSITORY)))]
    todo = [file for file in todo if file.name.startswith(("test_", "conftest"))]
    seen: set[Path] = set()
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo += [each for name in imported(file) for each in files_of(name)]
    return seen


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_remembered_imports_nothing_that_its_hash_leaves_out(group: Group) -> None:
    known = [REPOSITORY / name for name in (*COMMON, *group.decides)]
    imports = stands_on(group)
    assert len(imports) > len(group.tests)
    assert [file for file in imports if not any(file.is_relative_to(each) for each in known)] == []


@pytest.mark.parametrize("group", GROUPS)
def test_what_decides_is_there(group: Group) -> None:
    names = (*COMMON, *group.decides, *group.tests, *group.but)
    assert [name for name in names if not (REPOSITORY / name).exists()] == []


def test_a_module_is_remembered_when_all_of_its_tests_passed_at_the_first_try() -> None:
    outcomes = {
        "tests/lab/test_lab.py": {"passed"},
        "tests/cluster/test_node.py": {"passed"},
        "tests/lab/test_packages.py": {"passed", "skipped"},
        "tests/standins/test_command_life.py": {"passed", "failed"},
        "tests/standins/test_command_ssh.py": {"passed", "rerun"},
        "tests/stack/test_life.py": {"passed"},
        "tests/labels/test_names.py": {"passed"},
        "tests/host/test_boot.py": {"passed"},
        "tests/host/test_suggest.py": {"passed"},
        "tests/cluster/test_attacks.py": {"passed"},
        "tests/attack/test_differential.py": {"passed"},
    }
    assert passed(GROUND, outcomes) == ["tests/cluster/test_node.py", "tests/lab/test_lab.py"]
    assert passed(HOST, outcomes) == ["tests/host/test_boot.py"]
    assert passed(STACKS, outcomes) == ["tests/host/test_suggest.py", "tests/stack/test_life.py"]


def test_what_is_drawn_anew_each_time_is_tested_each_time() -> None:
    for module in ("tests/attack/test_differential.py", "tests/cluster/test_attacks.py"):
        assert (REPOSITORY / module).exists()
        assert not any(group.has(module) for group in GROUPS)


def test_another_line_in_the_lab_or_another_package_on_the_machine_forgets_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in (*COMMON, *GROUND.decides):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir() if "." not in place.name else place.write_text("")
    packages = tmp_path / "status"
    packages.write_text("Package: docker.io")
    monkeypatch.setattr(unchanged, "REPOSITORY", tmp_path)
    monkeypatch.setattr(unchanged, "PACKAGES", packages)
    first = GROUND.digest()
    assert GROUND.digest() == first
    (tmp_path / "tests/lab/lab.py").write_text("another line")
    second = GROUND.digest()
    packages.write_text("Package: podman")
    assert len({first, second, GROUND.digest()}) == 3
