"""remote.Command through Pulumi's real engine: create, no change, update, failure, delete."""

from pathlib import Path
from typing import Any

import pytest

from tests.standins.sshd import Sshd
from tests.standins.stack import Stack

pytestmark = pytest.mark.lab
PROGRAM = """
import json
import pulumi
import pulumi_command as command

spec = json.load(open("spec.json"))
connection = spec.pop("connection")
connection["private_key"] = pulumi.Output.secret(connection["private_key"])
if "secret_stdin" in spec:
    spec["stdin"] = pulumi.Output.secret(spec.pop("secret_stdin"))
made = command.remote.Command("fw", connection=connection, add_previous_output_in_env=False, **spec)
pulumi.export("stdout", made.stdout)
"""


class Firewall:
    """The stack, and the file on the host that its command writes."""

    def __init__(self, directory: Path, server: Sshd) -> None:
        self.stack = Stack(directory, PROGRAM)
        self.file = directory / "on-the-host"
        self._connection = {
            "host": "127.0.0.1",
            "port": server.port,
            "host_key": server.host_key,
            "private_key": server.private_key,
            "dial_error_limit": 1,
            "per_dial_timeout": 3,
        }
        self.program()

    def program(self, connection: dict[str, Any] | None = None, **inputs: Any) -> None:
        """A command that keeps its stdin in the file, and removes the file when deleted."""
        standard = {
            "create": f"tee {self.file}",
            "delete": f"rm {self.file}",
            "connection": {**self._connection, **(connection or {})},
        }
        self.stack.spec(**{**standard, **inputs})


@pytest.fixture
def firewall(tmp_path: Path, ssh_server: Sshd) -> Firewall:
    """Created, with three rules."""
    made = Firewall(tmp_path, ssh_server)
    made.program(stdin="one\ntwo\nthree\n")
    made.stack.up()
    return made


def test_a_firewall_lives_through_change_failure_and_destruction(firewall: Firewall) -> None:
    stack = firewall.stack
    assert firewall.file.read_text() == "one\ntwo\nthree\n"
    stack.preview("--expect-no-changes")

    firewall.program(stdin="one\n2\nthree\n")
    shown = stack.preview()
    assert "- two" in shown
    assert "+ 2" in shown
    assert "1 to update" in shown
    stack.up()
    assert firewall.file.read_text() == "one\n2\nthree\n"

    firewall.program(create="echo broken >&2; exit 3", stdin="never")
    failure = stack.up(status=1)
    assert 'Process exited with status 3: running "echo broken >&2; exit 3":' in failure
    kept = stack.resources()["fw"]
    assert kept["inputs"]["stdin"] == "one\n2\nthree\n", "a failed update keeps the old inputs"
    firewall.program(stdin="one\n2\nthree\n")
    stack.preview("--expect-no-changes")

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert not firewall.file.exists()


def test_a_preview_and_an_unchanged_update_open_no_connection(firewall: Firewall) -> None:
    firewall.file.unlink()
    firewall.stack.preview("--expect-no-changes")
    firewall.stack.up()
    assert not firewall.file.exists(), "what was lost on the host goes unnoticed"
    firewall.program(stdin="x", connection={"port": 1})
    assert "1 to update" in firewall.stack.preview()


def test_a_trigger_creates_first_and_then_runs_the_old_delete(firewall: Firewall) -> None:
    firewall.program(stdin="new\n", triggers=["a"])
    assert "1 to replace" in firewall.stack.preview()
    firewall.stack.up()
    assert not firewall.file.exists(), "the old delete removed what the new create had made"

    firewall.program(stdin="new\n", triggers=["b"], delete="true")
    assert "1 to replace" in firewall.stack.preview(), "a change inside the list replaces too"


def test_a_failed_create_leaves_nothing_in_state(tmp_path: Path, ssh_server: Sshd) -> None:
    made = Firewall(tmp_path, ssh_server)
    made.program(create="exit 1")
    made.stack.up(status=1)
    assert "fw" not in made.stack.resources()


def test_secrets_are_encrypted_in_state_and_hidden_in_diffs_but_for_what_the_script_prints(
    firewall: Firewall,
) -> None:
    firewall.program(create="cat >/dev/null", secret_stdin="hushhush")
    assert "hushhush" not in firewall.stack.preview()
    firewall.stack.up()
    resource = firewall.stack.resources()["fw"]
    assert "hushhush" not in str(resource)
    assert "ciphertext" in resource["inputs"]["connection"]
    firewall.program(create="cat", secret_stdin="hushhush")
    firewall.stack.up()
    assert firewall.stack.resources()["fw"]["outputs"]["stdout"] == "hushhush"
