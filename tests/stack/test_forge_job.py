"""What the forge's jobs ask of Pulumi, with the real engine: judged previews, drift, the proof."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.deployment import REPOSITORY, Deployment
from tests.stack.observe import inspect, on_nas

pytestmark = pytest.mark.lab


def drift(deployed: Deployment) -> tuple[int, str]:
    """Runs the job in a clean checkout, as a runner would; its exit status and all it said."""
    _check_out(deployed)
    if not (deployed.folder / ".git").exists():
        _git(deployed, "init", "--quiet")
        _git(deployed, "add", "Pulumi.yaml", f"stacks/{deployed.stack_file.name}")
        _git(deployed, "commit", "--quiet", "--message", "as deployed")
    summary = deployed.folder / "summary"
    summary.unlink(missing_ok=True)
    done = _python(
        deployed, "-m", "newt_tunnel", "forge", "drift", GITHUB_STEP_SUMMARY=str(summary)
    )
    return done.returncode, f"{done.stdout}{done.stderr}{summary.read_text()}"


def _check_out(deployed: Deployment) -> None:
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(
        REPOSITORY / "newt_tunnel", deployed.folder / "newt_tunnel", ignore=skip, dirs_exist_ok=True
    )


def _python(
    deployed: Deployment, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        deployed.workstation.argv([".venv/bin/python", *words]),
        cwd=deployed.folder,
        env={**deployed.environment, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _git(deployed: Deployment, *words: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *identity, "-C", str(deployed.folder), *words], check=True)


def test_the_proof_is_run_again_alone_and_leaves_nothing_to_update(deployed: Deployment) -> None:
    newt = inspect(deployed.lab)["Id"]

    status, said = drift(deployed)

    assert status == 0, said
    assert "nas: as deployed, and the proof holds" in said
    assert "postgres" in said
    assert "newt: unreachable, host: connected" in said, "the table of this run is in the summary"
    assert "+-1 replaced" in said, "the proof, and nothing else"
    assert inspect(deployed.lab)["Id"] == newt
    deployed.preview("--expect-no-changes")
    for secret in (deployed.lab.pangolin.newt_secret, "PRIVATE KEY"):
        assert secret not in said


def test_a_cage_that_was_opened_by_hand_is_found_and_not_measured(deployed: Deployment) -> None:
    on_nas(deployed.lab, "nft insert rule inet newt_guard_nas egress return")
    try:
        status, said = drift(deployed)
    finally:
        on_nas(deployed.lab, "newt-egress refresh")
    assert status == 1
    assert "nas: not what was deployed; the proof was not run" in said
    assert "differs from what was deployed" in said
    assert inspect(deployed.lab)["State"]["Running"]


def test_the_preview_of_a_pull_request_is_judged_by_the_policy_pack_and_holds_no_secret(
    deployed: Deployment,
) -> None:
    deployed.edit(
        egress=[*deployed.setting("egress"), {"name": "wiki", "host": "10.0.1.50", "port": 3001}]
    )
    _check_out(deployed)
    load = "from newt_tunnel.tools.forge.engine import EngineStack"
    ask = "said = EngineStack('nas').judged_preview(); print(said.ok, said.text)"

    done = _python(deployed, "-c", f"{load}; {ask}")

    assert done.stdout.startswith("True"), done.stdout + done.stderr
    assert '10.0.1.50 . tcp . 3001 comment "newt: wiki"' in done.stdout
    assert "newt-tunnel@v" in done.stdout, "the pack did not run"
    key = deployed.lab.agent.key.read_text().splitlines()[1]
    for secret in (deployed.lab.pangolin.newt_secret, key):
        assert secret not in done.stdout + done.stderr
