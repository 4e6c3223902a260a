"""The resource `command:remote:Command` of pulumi-command 1.2.1.

Owns when which of `create`, `update` and `delete` runs and what the state holds afterwards. There
is no read: the host is looked at by nobody between two operations. A failed create leaves nothing
in state, a failed update the old inputs.
"""

import secrets

from tests.standins import objectdiff
from tests.standins.command import inputs as command_inputs
from tests.standins.resource import CheckFailure, Diff, Failure, Operation
from tests.standins.values import UNKNOWN, Properties, Value, has_unknown, reveal

ID_DIGITS = 8
OUTPUTS = ("stdout", "stderr")


class Command:
    """Runs scripts on a host over SSH."""

    def check(self, news: Properties) -> tuple[Properties, list[CheckFailure]]:
        """See `inputs`."""
        return command_inputs.check(news)

    def diff(
        self,
        state: Properties,
        old_inputs: Properties,
        news: Properties,
        ignore_changes: list[str],
    ) -> Diff:
        """Any changed input is an update, a new or removed `triggers` a replacement."""
        news = _ignoring(ignore_changes, state, news)
        news = {k: v for k, v in news.items() if k != "version" and not k.startswith("__")}
        return objectdiff.diff(old_inputs, news, replace_on=command_inputs.REPLACE_ON)

    def create(
        self, operation: Operation, inputs: Properties, preview: bool
    ) -> tuple[str, Properties]:
        """Runs `create`. The id is random, in a preview too."""
        identity = operation.name + secrets.token_hex(ID_DIGITS // 2)
        if preview:
            return identity, {**inputs, **dict.fromkeys(OUTPUTS, UNKNOWN)}
        state: Properties = {**inputs, **dict.fromkeys(OUTPUTS, "")}
        if isinstance(script := reveal(inputs.get("create")), str):
            state.update(_run(operation, script, state))
        return identity, state

    def update(
        self,
        operation: Operation,
        state: Properties,
        news: Properties,
        ignore_changes: list[str],
        preview: bool,
    ) -> Properties:
        """Runs `update`, else `create`, with the new inputs and the old output."""
        news = _ignoring(ignore_changes, state, news)
        after: Properties = {**news, **{name: state.get(name, "") for name in OUTPUTS}}
        if preview:
            if _output_depends_on_change(state, news):
                after.update(dict.fromkeys(OUTPUTS, UNKNOWN))
            return after
        for name in ("update", "create"):
            if isinstance(script := reveal(news.get(name)), str):
                after.update(_run(operation, script, after))
                break
        return after

    def delete(self, operation: Operation, state: Properties) -> None:
        """Runs the `delete` that was there when the state was made."""
        if isinstance(script := reveal(state.get("delete")), str):
            _run(operation, script, state)


def _ignoring(names: list[str], state: Properties, news: Properties) -> Properties:
    """`ignore_changes` of top-level names, the only ones the plugin itself looks at."""
    return {**news, **{name: state[name] for name in names if name in state}}


def _output_depends_on_change(state: Properties, news: Properties) -> bool:
    """Whether a preview cannot know the output: an input that was there before differs."""
    return any(
        has_unknown(news.get(name)) or (name in state and news.get(name) != state[name])
        for name in command_inputs.COMMAND
    )


def _run(operation: Operation, script: str, state: Properties) -> Properties:
    # Not at the top: previews and unchanged updates need no SSH and start 0.2 s faster without it.
    from tests.standins.command import session
    from tests.standins.command.dial import ConnectError, Connection

    plain = {name: reveal(value) for name, value in state.items()}
    logging = plain.get("logging")
    command = session.Command(
        script=script,
        stdin=_text(plain.get("stdin")),
        environment=_strings(plain.get("environment")),
        previous_output=_previous_output(plain),
        log_stdout=logging in (None, "stdout", "stdoutAndStderr"),
        log_stderr=logging in (None, "stderr", "stdoutAndStderr"),
    )
    try:
        result = session.run(Connection.of(plain["connection"]), command, operation)
    except (ConnectError, session.CommandError) as error:
        raise Failure(str(error)) from error
    return {"stdout": result.stdout, "stderr": result.stderr}


def _previous_output(plain: Properties) -> dict[str, str]:
    if plain.get("addPreviousOutputInEnv") is False:
        return {}
    variables = {f"PULUMI_COMMAND_{name.upper()}": _text(plain.get(name)) for name in OUTPUTS}
    return {name: value for name, value in variables.items() if value}


def _strings(value: Value) -> dict[str, str]:
    return {k: v for k, v in value.items() if isinstance(v, str)} if isinstance(value, dict) else {}


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""
