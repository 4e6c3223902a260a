"""The cache that keeps what is slow to build."""

import threading
import time
from pathlib import Path

import pytest

from tests.cache import cached


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("NEWT_TUNNEL_CACHE", str(directory))
    return directory


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A directory of two files."""
    directory = tmp_path / "sources"
    (directory / "below").mkdir(parents=True)
    (directory / "a").write_text("1")
    (directory / "below" / "b").write_text("2")
    return directory


def test_the_same_inputs_are_built_once_and_the_reason_for_the_wait_is_said(
    sources: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(into: Path) -> None:
        """compiles a lot of Go"""
        (into / "result").write_text("built")

    first = cached("newt", [sources, "v1"], build)
    assert (first / "result").read_text() == "built"
    assert cached("newt", [sources, "v1"], build) == first
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "building newt (compiles a lot of Go) ..."
    assert len(said) == 2


def test_any_changed_input_is_built_anew(sources: Path) -> None:
    def build(into: Path) -> None:
        (into / "result").touch()

    seen = {cached("newt", [sources, "v1"], build), cached("newt", [sources, "v2"], build)}
    (sources / "a").write_text("3")
    seen.add(cached("newt", [sources, "v1"], build))
    (sources / "a").rename(sources / "c")
    seen.add(cached("newt", [sources, "v1"], build))
    seen.add(cached("newt", [sources, "v", "1"], build))
    assert len(seen) == 5


def test_a_build_that_fails_leaves_nothing_to_be_found(root: Path) -> None:
    def build(into: Path) -> None:
        (into / "half").touch()
        raise RuntimeError("no compiler")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="no compiler"):
            cached("newt", ["v1"], build)
    assert not [path for path in root.iterdir() if path.is_dir()]


def test_two_at_a_time_build_once() -> None:
    builds: list[Path] = []

    def build(into: Path) -> None:
        builds.append(into)
        time.sleep(0.2)

    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(cached("newt", ["v1"], build)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert len(set(found)) == 1
