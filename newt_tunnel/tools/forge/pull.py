"""The jobs of a pull request: the review of its reach, and Pulumi's preview.

The review needs no secret and runs for every pull request. A preview runs this pull request's own
program with the stack's secrets, so it is for branches of the repository itself, on a runner that
the repository names.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from newt_tunnel.stackfile.untrusted_text import code
from newt_tunnel.tools.forge import ForgeError, comment, event, stacks
from newt_tunnel.tools.forge.api import Forge
from newt_tunnel.tools.forge.engine import KEYS, EngineStack, can_be_opened
from newt_tunnel.tools.forge.report import block, folded, log, publish
from newt_tunnel.tools.forge.stacks import ROOT

#: The repository variable that names the runner of previews. Without it there is no preview.
RUNNER = "NEWT_RUNNER"
#: The repository variable with the review's `--fail-on`.
FAIL_ON = "NEWT_REVIEW_FAIL_ON"
_SECRETS = (event.TOKEN, *KEYS)

NO_COMMENT = (
    "*This pull request comes from a fork, whose token may only read, so the review is here and "
    "not in a comment.*"
)
FORK = (
    "**Preview: skipped.** This pull request comes from a fork, and forks get no secrets. "
    "Push its branch to this repository to see one."
)
NO_RUNNER = (
    f"**Preview: skipped.** The repository variable `{RUNNER}` is not set, so no runner can "
    "reach Pulumi's state; the review above needs none."
)
NO_SECRETS = (
    "**Preview: skipped.** This run has none of the secrets that open a stack "
    f"({', '.join(f'`{key}`' for key in KEYS)})."
)
PENDING = "**Preview:** in progress."


def review(environment: Mapping[str, str] = os.environ) -> int:
    """Post what changes in reach. Returns the exit status of the review."""
    pull = event.pull_request(environment)
    base = stacks.merge_base(pull.base, pull.head)
    status, text = _reviewed(base, pull.head, environment)
    preview = FORK if pull.is_fork else PENDING if environment.get(RUNNER) else NO_RUNNER
    if pull.is_fork:
        publish(f"{text}\n\n{preview}\n\n{NO_COMMENT}", environment)
        return status
    publish(f"{text}\n\n{preview}", environment)
    parts = {comment.REVIEW: _with_link(text, environment), comment.PREVIEW: preview}
    comment.put(Forge.of(environment), pull.number, parts)
    return status


def preview(environment: Mapping[str, str] = os.environ) -> int:
    """Preview every changed stack and post it. Returns 1 if one fails."""
    pull = event.pull_request(environment)
    if pull.is_fork:
        raise ForgeError("a fork gets no preview; the workflow must not start this job for one")
    try:
        ok, text = _previewed(pull, environment)
    except ForgeError as error:
        text = f"**Preview: failed.**\n\n{block(str(error))}"
        comment.put(Forge.of(environment), pull.number, {comment.PREVIEW: text})
        raise
    publish(text, environment)
    comment.put(Forge.of(environment), pull.number, {comment.PREVIEW: text})
    return 0 if ok else 1


def _reviewed(base: str, head: str, environment: Mapping[str, str]) -> tuple[int, str]:
    command = [sys.executable, "-m", "newt_tunnel", "review", f"{base}..{head}"]
    if fail_on := environment.get(FAIL_ON):
        command += [f"--fail-on={fail_on}"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        # The pull request's own program: it needs no token to compare two commits.
        env={key: value for key, value in environment.items() if key not in _SECRETS},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    text = done.stdout.strip()
    if done.returncode and done.stderr.strip():
        text += f"\n\n**The review ended with {done.returncode}:**\n\n{block(done.stderr)}"
    elif done.stderr.strip():
        log(done.stderr)
    return done.returncode, text.strip() or "The review printed nothing."


def _previewed(pull: event.PullRequest, environment: Mapping[str, str]) -> tuple[bool, str]:
    found = stacks.changed(stacks.merge_base(pull.base, pull.head), pull.head)
    gone = [
        f"**Preview:** the stack file of {code(name)} is gone. The deployment stays until "
        "`pulumi destroy`."
        for name in found.gone
    ]
    if not found.stacks:
        return True, "\n\n".join(gone) or "**Preview:** no stack changes."
    if not can_be_opened(environment):
        return True, "\n\n".join((*gone, NO_SECRETS))
    ok = True
    why = found.why + (f" ({code(found.by)})" if found.by else "")
    texts = [*gone, f"**Preview** of {', '.join(map(code, found.stacks))}, because {why}:"]
    for name in found.stacks:
        try:
            said = EngineStack(name, environment).judged_preview()
            good, text = said.ok, said.text
        except ForgeError as error:
            good, text = False, str(error)
        ok = ok and good
        title = f"{name}: what an update would do" if good else f"{name}: the preview failed"
        texts.append(folded(title, block(text, "diff")))
    return ok, "\n\n".join(texts)


def _with_link(text: str, environment: Mapping[str, str]) -> str:
    url = event.run_url(environment)
    link = f"\n\n<sub>[this run]({url})</sub>" if url else ""
    return comment.cut(text, comment.ROOM[comment.REVIEW] - len(link)) + link
