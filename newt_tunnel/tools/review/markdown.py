"""The review as Markdown, for a pull request or a terminal.

Everything that comes from a stack file goes through ``stackfile.untrusted_text``. Long lists are
cut, risky entries first, so that the review fits a comment; ``report`` has everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from newt_tunnel.stackfile.reach_entries import ReachEntry
from newt_tunnel.stackfile.revisions import title
from newt_tunnel.stackfile.untrusted_text import code, prose
from newt_tunnel.tools.review.changes import Change, ChangeKind
from newt_tunnel.tools.review.picture import picture
from newt_tunnel.tools.review.safeguards import Effect, SafeguardChange
from newt_tunnel.tools.review.stack_reviews import Review, Risky, StackReview

_MOST = 40
_HEADINGS = (
    (ChangeKind.ADDED, None, "newt can now also reach"),
    (ChangeKind.REMOVED, None, "no longer"),
    (ChangeKind.WIDENED, Effect.LOOSER, "widened"),
    (ChangeKind.NARROWED, Effect.TIGHTER, "narrowed"),
    (None, Effect.MOVED, "moved"),
)
#: The origin of entries that show none.
_USUAL_ORIGIN = "egress"


def markdown(review: Review) -> str:
    """The whole review, ending in a line break."""
    return "\n\n".join(_parts(review)) + "\n"


def _parts(review: Review) -> Iterator[str]:
    yield f"## What newt may reach: {code(title(review.base))} to {code(title(review.head))}"
    changed = [stack for stack in review.stacks if not stack.is_unchanged]
    for stack in changed:
        yield from _stack(stack)
    unchanged = [stack.name for stack in review.stacks if stack.is_unchanged]
    if unchanged:
        yield f"No change in reach: {', '.join(map(code, unchanged))}."
    elif not review.stacks:
        yield "There is no stack file."
    yield from _list("to look at", [f"- {code(note)}" for note in review.notes])


def _stack(stack: StackReview) -> Iterator[str]:
    loaded = stack.after or stack.before
    platform = f"{loaded.settings.platform.value}, " if loaded else ""
    yield f"### {code(stack.name)} ({platform}{code(stack.file)})"
    for fault in stack.faults:
        yield (
            f"{code(fault.file)} does not load at {code(title(fault.state))}, so there is nothing "
            "to compare:"
        )
        yield "\n".join(f"- {code(problem)}" for problem in _cut(fault.problems))
    if not stack.faults and stack.before is None:
        yield "A new stack: newt did not run there before."
    if stack.is_gone:
        yield (
            "The stack file is gone. The deployment stays until `pulumi destroy`, and no review "
            "sees it any more."
        )
    yield from _list(
        "a checkout may differ from the text that is reviewed here",
        [f"- Risk: {code(doubt)}" for doubt in _cut(stack.doubts)],
    )
    for kind, effect, heading in _HEADINGS:
        changes = stack.of(kind) if kind else ()
        guards = stack.with_effect(effect) if effect else ()
        yield from _list(heading, [*_changes(changes), *map(_guard, guards)])
    yield from _list("to look at", [f"- {code(hint)}" for hint in stack.hints])
    if stack.reach:
        yield from _picture(stack)


def _list(heading: str, items: list[str]) -> Iterator[str]:
    if items:
        yield f"**{heading}**"
        yield "\n".join(items)


def _changes(changes: tuple[Risky, ...]) -> Iterator[str]:
    shown = changes
    if len(changes) > _MOST:
        shown = tuple(sorted(changes, key=lambda one: not one.risks)[:_MOST])
    for one in shown:
        yield f"- {_change(one.change)}"
        if one.risks:
            yield f"  - Risk: {prose('; '.join(one.risks))}"
    if len(shown) < len(changes):
        yield f"- and {len(changes) - len(shown)} more, which `--json` lists"


def _change(change: Change) -> str:
    entry, was = change.entry, change.was
    text = f"{code(entry.name)}: "
    if was is not None:
        before = f"{code(was.name)}: " if was.name != entry.name else ""
        text += f"{before}{_what(was)} → "
    text += _what(entry)
    if change.is_partial:
        text += ", of which other entries allow a part"
    if entry.origin not in (_USUAL_ORIGIN, entry.name):
        text += f", from {code(entry.origin)}"
    return text + _reason(entry.reason)


def _what(entry: ReachEntry) -> str:
    return f"{code(entry.where)}, {code(', '.join(entry.ports_texts))}"


def _guard(guard: SafeguardChange) -> str:
    text = f"- {code(guard.key)}: {code(guard.before)} → {code(guard.after)}: {guard.meaning}"
    return text + _reason(guard.reason)


def _reason(reason: str | None) -> str:
    return f" (reason: {code(reason)})" if reason else ""


def _cut(problems: tuple[str, ...]) -> Iterable[str]:
    more = len(problems) - _MOST
    return problems if more <= 0 else (*problems[:_MOST], f"and {more} more")


def _picture(stack: StackReview) -> Iterator[str]:
    new = {
        one.change.entry
        for one in stack.changes
        if one.change.kind in (ChangeKind.ADDED, ChangeKind.WIDENED)
    }
    yield "<details><summary>Everything newt may reach afterwards</summary>"
    yield "\n".join(("```mermaid", *picture(stack.name, stack.reach, new), "```"))
    yield "</details>"
