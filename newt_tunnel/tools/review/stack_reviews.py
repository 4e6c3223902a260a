"""The review itself: takes two states, and returns each stack's changes and their risks.

Pure except for reading the states. Leaves out how it is shown (``markdown``, ``report``).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from newt_tunnel.settings.stack import Settings
from newt_tunnel.stackfile import layout, stacks
from newt_tunnel.stackfile.checkout import Reading
from newt_tunnel.stackfile.git import RevisionError
from newt_tunnel.stackfile.layout import PROJECT_FILE, LayoutError, Project
from newt_tunnel.stackfile.reach_entries import ReachEntry, allowed, forbidden
from newt_tunnel.stackfile.revisions import State, title
from newt_tunnel.stackfile.stacks import Stack, Unloadable
from newt_tunnel.tools.review.changes import Change, ChangeKind, changes
from newt_tunnel.tools.review.other_changes import other_changes, project_notes
from newt_tunnel.tools.review.risks import risks
from newt_tunnel.tools.review.safeguards import Effect, SafeguardChange, safeguard_changes


@dataclass(frozen=True)
class Risky:
    """A change and what speaks against it."""

    change: Change
    risks: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadFailure:
    """A file that does not load in one of the states."""

    state: State
    file: str
    problems: tuple[str, ...]

    def __str__(self) -> str:
        more = len(self.problems) - 1
        rest = f" (and {more} more)" if more else ""
        return f"{self.file} at {title(self.state)} does not load: {self.problems[0]}{rest}"


@dataclass(frozen=True, kw_only=True)
class StackReview:
    """``before`` and ``after`` are None if the stack does not exist, or does not load; ``faults``
    reports the latter. With faults nothing is compared.
    """

    name: str
    file: str
    before: Stack | None
    after: Stack | None
    faults: tuple[LoadFailure, ...] = ()
    changes: tuple[Risky, ...] = ()
    safeguards: tuple[SafeguardChange, ...] = ()
    #: Files whose checkout may differ from the text that was read.
    doubts: tuple[str, ...] = ()
    #: Everything newt may reach after the change.
    reach: tuple[ReachEntry, ...] = ()

    def of(self, kind: ChangeKind) -> tuple[Risky, ...]:
        return tuple(one for one in self.changes if one.change.kind is kind)

    def with_effect(self, effect: Effect) -> tuple[SafeguardChange, ...]:
        return tuple(one for one in self.safeguards if one.effect is effect)

    @property
    def is_unchanged(self) -> bool:
        """Nothing to report, although there is something to compare."""
        known = self.before.hints if self.before else ()
        reported = self.faults or self.changes or self.safeguards or self.doubts or self.is_gone
        return not reported and self.hints == known

    @property
    def is_gone(self) -> bool:
        """The deployment continues, and no file describes its reach."""
        return self.after is None and not self.faults

    @property
    def hints(self) -> tuple[str, ...]:
        return () if self.after is None else self.after.hints

    @property
    def is_widened(self) -> bool:
        """Whether newt can reach more, the cage is weaker, or that is unknown."""
        grown = any(
            one.change.kind in (ChangeKind.ADDED, ChangeKind.WIDENED) for one in self.changes
        )
        return grown or bool(self.with_effect(Effect.LOOSER) or self.doubts) or self.is_gone


@dataclass(frozen=True, kw_only=True)
class Review:
    """``notes`` are about no stack."""

    base: State
    head: State
    stacks: tuple[StackReview, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def faults(self) -> tuple[LoadFailure, ...]:
        return tuple(fault for stack in self.stacks for fault in stack.faults)

    @property
    def is_widened(self) -> bool:
        return any(stack.is_widened for stack in self.stacks)


@dataclass(frozen=True, kw_only=True)
class _Side:
    """What one state has."""

    state: State
    project: Project | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    unclear: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def stack(self, name: str) -> tuple[Stack | Unloadable | None, tuple[str, ...]]:
        """Return the stack, and the files whose checkout may differ."""
        if name in self.unclear:
            return Unloadable(self.unclear[name]), ()
        if self.project is None or name not in self.files:
            return None, ()
        reading = Reading(self.state, {self.project.file})
        found = stacks.load_stack(reading, self.project, self.files[name])
        return found, reading.doubts()

    def file(self, name: str) -> str | None:
        folder = "" if self.project is None else self.project.folder
        return self.files.get(name, f"{folder}/" if name in self.unclear else None)


def review(base: State, head: State, only: Set[str] = frozenset()) -> Review:
    """Compare every stack, or ``only`` some. Raises ``RevisionError`` where there is nothing to
    compare.
    """
    before, after = _side(base), _side(head)
    if before.project is None and after.project is None:
        raise RevisionError(
            f"there is no {PROJECT_FILE} here, neither at {title(base)} nor at {title(head)}; "
            "start the review in the folder that has it"
        )
    names = sorted({*before.files, *before.unclear, *after.files, *after.unclear})
    if unknown := sorted(only - set(names)):
        raise RevisionError(
            f"{', '.join(unknown)}: is no stack, neither at {title(base)} nor at {title(head)}; "
            f"there is {', '.join(names) or 'none'}"
        )
    if not names:
        raise RevisionError(
            f"there is no stack file, neither at {title(base)} nor at {title(head)}, so there is "
            "nothing to review; see stackConfigDir in the project file"
        )
    return Review(
        base=base,
        head=head,
        stacks=tuple(_compared(name, before, after) for name in names if not only or name in only),
        notes=(*project_notes(before.project, after.project), *after.notes),
    )


def _side(state: State) -> _Side:
    try:
        project = layout.project(state)
        if project is None:
            return _Side(state=state)
        found = layout.stack_files(state, project)
    except LayoutError as error:
        raise RevisionError(f"at {title(state)}: {error}") from error
    notes = tuple(
        f"{name}: is ignored, because no stack can have this name; Pulumi allows letters, "
        "digits, `.`, `_` and `-`"
        for name in found.odd
    )
    return _Side(
        state=state, project=project, files=found.paths, unclear=found.unclear, notes=notes
    )


def _compared(name: str, before: _Side, after: _Side) -> StackReview:
    sides = ((before, *before.stack(name)), (after, *after.stack(name)))
    faults = tuple(
        LoadFailure(side.state, side.file(name) or name, found.problems)
        for side, found, _ in sides
        if isinstance(found, Unloadable)
    )
    old, new = (found if isinstance(found, Stack) else None for _, found, _ in sides)
    whole = StackReview(
        name=name,
        file=after.file(name) or before.file(name) or name,
        before=old,
        after=new,
        faults=faults,
        doubts=tuple(
            f"{doubt} (at {title(side.state)})" for side, _, all in sides for doubt in all
        ),
        reach=allowed(new.settings) if new else (),
    )
    if faults:
        return whole
    was = allowed(old.settings) if old else ()
    never = forbidden(old.settings) if old else ()
    host = new.settings.docker.address if new and isinstance(new.settings, Settings) else None
    return replace(
        whole,
        changes=tuple(
            Risky(
                change,
                risks(change, was_forbidden=never, host=host)
                if change.kind in (ChangeKind.ADDED, ChangeKind.WIDENED)
                else (),
            )
            for change in changes(was, whole.reach)
        ),
        safeguards=(
            *safeguard_changes(old.settings if old else None, new.settings),
            *other_changes(old, new),
        )
        if new
        else (),
    )
