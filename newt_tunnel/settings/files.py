"""Files that a stack file or a command names, on disk or in a reviewed revision.

Settings read files through this interface only, so a stack file of a past revision is validated
with the files of that revision.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol

#: Far more than any file that a stack file names.
_MAX_CHARACTERS = 1024 * 1024


def expanded(path: str) -> Path:
    """Expand `~` in a path that a user typed. Most shells leave it in `make adopt
    COMPOSE=~/newt/compose.yaml`.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own raises for an unknown user


def within(folder: Path, path: str) -> str:
    """The same for a file of the project: as the stack file names it, relative to ``folder``, where
    it lies in there.
    """
    whole = expanded(path)
    if whole.is_absolute() and whole.is_relative_to(folder.absolute()):
        return whole.relative_to(folder.absolute()).as_posix()
    return str(whole) if path.startswith("~") else path


class Files(Protocol):
    """Files of the project."""

    def read(self, path: str) -> str:
        """The text of a file; ``path`` is relative to the folder of Pulumi.yaml.

        Raises ``OSError`` (``FileNotFoundError`` where there is none) or ``UnicodeDecodeError``.
        """


class OnDisk:
    """The files of a checkout. Pulumi runs the program in the folder of Pulumi.yaml."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path.cwd()

    def read(self, path: str) -> str:
        file = self._folder / path
        # A symbolic link may lead anywhere, and a review of a revision follows none.
        if file.resolve() != self._folder.resolve() / path:
            raise OSError(errno.ELOOP, "it is reached through a symbolic link")
        # Opening a pipe would wait for a writer.
        if file.exists() and not file.is_file():
            raise OSError(errno.EINVAL, "it is not a regular file")
        with file.open(encoding="utf-8") as text:
            content = text.read(_MAX_CHARACTERS + 1)
        if len(content) > _MAX_CHARACTERS:
            raise OSError(errno.EFBIG, f"it has more than {_MAX_CHARACTERS} characters")
        return content
