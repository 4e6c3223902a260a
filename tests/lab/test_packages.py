"""Installing what the lab needs: one clear error where it cannot, and no service started."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from . import LabError, packages


def test_what_cannot_be_installed_is_named_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PATH", "/nonexistent")
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(LabError, match=r"needs these Debian packages: .*dnsmasq-base docker-reg"):
        packages.ensure(print)


def test_nothing_is_said_or_done_when_nothing_is_missing() -> None:
    said: list[str] = []

    packages.ensure(said.append, {"coreutils": "true"})

    assert said == []


def test_of_several_processes_on_a_new_machine_one_installs_and_the_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, runs = tmp_path / "brought", tmp_path / "runs"
    runs.mkdir()
    apt_get = tmp_path / "apt-get"
    # As apt-get is: two at once fail, and what is installed is there at the end only.
    apt_get.write_text(
        f"#!/bin/sh\nset -e\nmkdir {runs}/now\ntouch {runs}/$1.$$\nsleep 0.3\nrmdir {runs}/now\n"
        f"[ $1 = update ] || install -m 755 /bin/true {command}\n"
    )
    apt_get.chmod(0o755)
    for name, value in (("POLICY", tmp_path / "policy-rc.d"), ("LOCK", tmp_path / "lock")):
        monkeypatch.setattr(packages, name, value)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with ThreadPoolExecutor(5) as pool:
        installing = [
            pool.submit(packages.ensure, lambda _: None, {"a-package": str(command)})
            for _ in range(5)
        ]
        for each in installing:
            each.result()

    assert sorted(run.stem for run in runs.iterdir()) == ["install", "update"]


@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 0\n"])
def test_services_stay_off_only_while_packages_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", policy)
    if before:
        policy.write_text(before)

    with packages.services_stay_off():
        assert "exit 101" in policy.read_text()

    assert (policy.read_text() if policy.exists() else None) == before
    assert list(tmp_path.iterdir()) == ([policy] if before else [])


@pytest.mark.parametrize("engine", ["usr/sbin", "usr/local/bin"])
def test_clients_that_did_not_come_with_the_engine_are_found(tmp_path: Path, engine: str) -> None:
    folders = [tmp_path / name for name in ("usr/local/bin", "usr/sbin", "usr/bin")]
    for folder in folders:
        folder.mkdir(parents=True)
    programs = ["usr/local/bin/docker", "usr/bin/docker", f"{engine}/dockerd"]
    for program in programs:
        (tmp_path / program).touch(mode=0o755)
    path = os.pathsep.join(map(str, folders))

    foreign = packages.foreign_clients(path)

    other = "usr/local/bin/docker" if engine == "usr/sbin" else "usr/bin/docker"
    assert foreign == [str(tmp_path / other)]
    (tmp_path / engine / "dockerd").unlink()
    assert packages.foreign_clients(path) == [], "no engine, no opinion"
