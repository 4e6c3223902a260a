"""The new stack of Pulumi's: whether there may be one, its file, and newt's secret in it.

The file is written once, by a rename. Whatever fails or is interrupted afterwards, the file is put
back as it was, and the stack removed: either everything is there or nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import yaml

from newt_tunnel.settings.secrets import NEWT_SECRET
from newt_tunnel.stackfile import layout, revisions
from newt_tunnel.stackfile.git import Git, RevisionError
from newt_tunnel.stackfile.layout import LayoutError
from newt_tunnel.tools.new import NewError

PASSPHRASE, PASSPHRASE_FILE = "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"
_SECONDS = 120
#: The site of the example stack files; a file with another one is somebody's.
_EXAMPLE_ID = "2ix2t8xk22ubpfy"

#: Starts Pulumi's command, which reads the secret from its standard input, and returns its status.
Store = Callable[[Sequence[str], Mapping[str, str]], int]


@dataclass(frozen=True)
class NewFile:
    """Where the stack's file goes. ``example``: the text of the example that it replaces."""

    path: Path
    shown: str
    example: str | None = None


def place(folder: Path, stack: str) -> NewFile:
    """Find the file of the new stack. Raises ``NewError`` where one is there that is not the
    unchanged example.
    """
    if not layout.is_stack_name(stack):
        raise NewError(f"{stack!r}: is no name for a stack; use letters, digits, `.`, `_` and `-`")
    state = revisions.WorkingTree(folder, prefix="")
    try:
        project = layout.project(state)
        if project is None:
            raise NewError(f"{layout.PROJECT_FILE}: is not there; run this in its folder")
        files = layout.stack_files(state, project)
    except LayoutError as error:
        raise NewError(str(error)) from None
    shown = f"{project.folder}/Pulumi.{stack}{project.ending}"
    path = folder / shown
    there = files.paths.get(stack)
    # Other spellings, and anything that is no plain file, are somebody's as well.
    if there is None and stack not in files.unclear and not os.path.lexists(path):
        return NewFile(path, shown)
    text = _example(folder, path) if there is not None and folder / there == path else None
    if text is None:
        raise NewError(
            f"{shown}: is there already, and nothing is overwritten; edit it, move it away, or "
            "choose another name for the stack"
        )
    return NewFile(path, shown, text)


def _example(folder: Path, path: Path) -> str | None:
    """Return the text of an example that is as it was cloned, so that nothing is lost."""
    try:
        text = path.read_text(encoding="utf-8")
        config = yaml.safe_load(text)["config"]
        if config["newt-tunnel:newtId"] != _EXAMPLE_ID or path.is_symlink():
            return None
        relative = str(path.relative_to(folder))
        unchanged = Git(folder).run(["diff", "--quiet", "HEAD", "--", relative]).returncode == 0
        tracked = Git(folder).run(["ls-files", "--error-unmatch", "--", relative]).returncode == 0
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, RevisionError):
        return None
    return text if unchanged and tracked else None


@dataclass(frozen=True)
class Pulumi:
    """Pulumi's command in the project's folder. ``passphrase`` encrypts the secrets, if it does."""

    folder: Path
    stack: str
    passphrase: str | None = field(default=None, repr=False)

    def needs_passphrase(self) -> bool:
        """Whether the backend leaves the encryption to a passphrase, and none is set.

        Raises ``NewError`` if Pulumi is not there or not logged in.
        """
        done = self._run(["whoami", "--json"])
        if done.returncode:
            raise NewError(f"pulumi: not logged in ({_last(done)}); run: pulumi login --local")
        try:
            url = str(json.loads(done.stdout)["url"])
        except (ValueError, KeyError, TypeError):
            url = ""
        has_one = any(name in os.environ for name in (PASSPHRASE, PASSPHRASE_FILE))
        return not url.startswith(("https://", "http://")) and not has_one

    def refuse_existing(self) -> None:
        """Raises ``NewError`` where the backend has the stack already."""
        done = self._run(["stack", "ls", "--json"])
        if done.returncode:
            raise NewError(f"pulumi stack ls: {_last(done)}")
        names = {str(one.get("name", "")).rpartition("/")[2] for one in json.loads(done.stdout)}
        if self.stack in names:
            raise NewError(
                f"{self.stack}: Pulumi's backend has this stack already; choose another name, or, "
                f"if nothing is deployed with it, run: pulumi stack rm {self.stack}"
            )

    def create(self, where: NewFile, text: str, store: Store | None) -> None:
        """Write the file, make the stack, store the secret. Raises ``NewError``; then nothing is
        left of it.
        """
        _write(where, text)
        made = True
        try:
            done = self._run(["stack", "init", self.stack])
            if done.returncode:
                made = False
                raise NewError(f"pulumi stack init {self.stack}: {_last(done)}")
            if store is not None:
                words = ["config", "set", "--secret", NEWT_SECRET, f"--stack={self.stack}"]
                status = store(["pulumi", *words, "--non-interactive"], self._environment())
                if status:
                    raise NewError(f"pulumi {' '.join(words)}: ended with {status}")
        except BaseException:
            if made:
                self._run(["stack", "rm", self.stack, "--yes", "--preserve-config"])
            _put_back(where)
            raise

    def _environment(self) -> dict[str, str]:
        more = {} if self.passphrase is None else {PASSPHRASE: self.passphrase}
        return {**os.environ, **more}

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["pulumi", *words, "--non-interactive"],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise NewError(
                "pulumi: not installed here; see https://www.pulumi.com/docs/install/"
            ) from None
        except subprocess.TimeoutExpired:
            raise NewError(f"pulumi {words[0]}: no answer within {_SECONDS} s") from None


def typed(secret: str) -> Store:
    """Return a store for a secret that was typed."""

    def store(words: Sequence[str], environment: Mapping[str, str]) -> int:
        return subprocess.run(
            words, env=environment, input=secret, text=True, check=False
        ).returncode

    return store


def piped(source: Sequence[str], script: str) -> Store:
    """Return a store for what ``source`` prints when it reads ``script``: it goes from one command
    to the other, not through this program.
    """

    def store(words: Sequence[str], environment: Mapping[str, str]) -> int:
        with subprocess.Popen(source, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
            with subprocess.Popen(words, env=environment, stdin=reader.stdout) as writer:
                _given(reader.stdout).close()
                with _given(reader.stdin) as standard_input:
                    standard_input.write(script.encode())
            if reader.wait():
                raise NewError(f"{NEWT_SECRET}: cannot be read from there; give it another way")
            return writer.returncode

    return store


def passed_on(words: Sequence[str], environment: Mapping[str, str]) -> int:
    """Store what comes over this program's own standard input."""
    return subprocess.run(words, env=environment, check=False).returncode


def _given(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "a pipe was asked for"
    return stream


def _write(where: NewFile, text: str) -> None:
    """Write the file whole, in the place of nothing, or of the example."""
    where.path.parent.mkdir(exist_ok=True)
    handle, name = tempfile.mkstemp(dir=where.path.parent, prefix=".new-stack-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        if where.example is None:
            # Fails where a file has come meanwhile; a rename would replace it.
            os.link(name, where.path)
        else:
            Path(name).replace(where.path)
    except FileExistsError:
        raise NewError(f"{where.shown}: has come meanwhile, and nothing is overwritten") from None
    except OSError as error:
        raise NewError(f"{where.shown}: cannot be written: {error.strerror}") from None
    finally:
        Path(name).unlink(missing_ok=True)


def _put_back(where: NewFile) -> None:
    if where.example is None:
        where.path.unlink(missing_ok=True)
    else:
        where.path.write_text(where.example, encoding="utf-8")


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else f"ended with {done.returncode}"
