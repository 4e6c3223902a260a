from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import unchanged
from tests.unchanged import DECIDES, FOLDERS, MODULES, REPOSITORY, digest, passed

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


def test_what_is_remembered_imports_nothing_that_its_hash_leaves_out() -> None:
    files = [REPOSITORY / module for module in MODULES]
    for folder in FOLDERS:
        files += (REPOSITORY / folder).rglob("*.py")
    known = {name.removesuffix(".py").replace("/", ".") for name in DECIDES} | {"tests.cache"}
    outside = {
        f"{file.relative_to(REPOSITORY)} imports {name}"
        for file in files
        for name in imported(file)
        if not any(f"{name}.".startswith(f"{each}.") for each in known)
    }
    assert outside == set()


def test_a_module_is_remembered_when_all_of_its_tests_passed_at_the_first_try() -> None:
    outcomes = {
        "tests/lab/test_lab.py": {"passed"},
        "tests/cluster/test_node.py": {"passed"},
        "tests/lab/test_packages.py": {"passed", "skipped"},
        "tests/standins/test_command_life.py": {"passed", "failed"},
        "tests/standins/test_command_ssh.py": {"passed", "rerun"},
        "tests/stack/test_life.py": {"passed"},
        "tests/labels/test_names.py": {"passed"},
    }
    assert passed(outcomes) == ["tests/cluster/test_node.py", "tests/lab/test_lab.py"]


def test_another_line_in_the_lab_or_another_package_on_the_machine_forgets_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in DECIDES:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir() if "." not in place.name else place.write_text("")
    packages = tmp_path / "status"
    packages.write_text("Package: docker.io")
    monkeypatch.setattr(unchanged, "REPOSITORY", tmp_path)
    monkeypatch.setattr(unchanged, "PACKAGES", packages)
    first = digest()
    assert digest() == first
    (tmp_path / "tests/lab/lab.py").write_text("another line")
    second = digest()
    packages.write_text("Package: podman")
    assert len({first, second, digest()}) == 3
