"""Installing what the lab needs: one clear error where it cannot, and no service started."""

from pathlib import Path

import pytest

from . import LabError, packages


def test_what_cannot_be_installed_is_named_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PATH", "/nonexistent")
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(LabError, match=r"needs these Debian packages: .*dnsmasq-base docker-reg"):
        packages.ensure(print)


def test_nothing_is_said_or_done_when_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(packages, "NEEDED", {"coreutils": "true"})

    packages.ensure(said.append)

    assert said == []


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
