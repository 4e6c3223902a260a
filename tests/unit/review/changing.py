"""Two versions of an example stack, compared without git: what a reviewer would be told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from newt_tunnel.tools.review.markdown import markdown
from newt_tunnel.tools.review.stack_reviews import Review, StackReview, review
from tests.unit.review.repository import PROJECT
from tests.unit.settings.example import PREFIX, changed, shipped

_FOLDER = "stacks"


@dataclass(frozen=True)
class State:
    """Files in memory."""

    name: str
    files: Mapping[str, str]
    commit: str | None = None
    prefix: str = ""

    def read(self, path: str) -> str:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def files_in(self, folder: str) -> tuple[str, ...]:
        start = "" if folder == "." else f"{folder}/"
        return tuple(
            path.removeprefix(start)
            for path in sorted(self.files)
            if path.startswith(start) and "/" not in path.removeprefix(start)
        )

    def is_regular_file(self, path: str) -> bool:
        return path in self.files

    def attributes(self, _paths: Sequence[str], /) -> Mapping[str, Mapping[str, str]]:
        return {}


def stack_file(tree: Mapping[str, Any], **others: Any) -> str:
    config = {f"{PREFIX}{key}": value for key, value in tree.items()}
    return yaml.safe_dump({**others, "config": json.loads(json.dumps(config))})


def state(name: str, stacks: Mapping[str, str], **files: str) -> State:
    """``stacks`` by their names."""
    return State(
        name,
        {
            "Pulumi.yaml": (PROJECT / "Pulumi.yaml").read_text(),
            **{f"{_FOLDER}/Pulumi.{stack}.yaml": text for stack, text in stacks.items()},
            **files,
        },
    )


def compared(
    after: Mapping[str, Any], before: Mapping[str, Any] | None = None, stack: str = "nas"
) -> Review:
    """The example with the changes ``before``, and with those and ``after``."""
    old = changed(shipped(stack), before)
    new = changed(changed(shipped(stack), before), after)
    found = review(state("base", {stack: stack_file(old)}), state("head", {stack: stack_file(new)}))
    assert not found.faults, "\n".join(p for fault in found.faults for p in fault.problems)
    return found


def stack_review(
    after: Mapping[str, Any], before: Mapping[str, Any] | None = None, stack: str = "nas"
) -> StackReview:
    return compared(after, before, stack).stacks[0]


def told(
    after: Mapping[str, Any], before: Mapping[str, Any] | None = None, stack: str = "nas"
) -> list[str]:
    """Headings and list items of the stack."""
    text = markdown(compared(after, before, stack)).partition("<details>")[0]
    return [line for line in text.splitlines()[4:] if line]
