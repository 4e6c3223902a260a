"""The review as JSON, for programs. Its shape is in docs/review.md and grows only by keys."""

from __future__ import annotations

import json
from typing import Any

from newt_tunnel.stackfile.reach_entries import ReachEntry
from newt_tunnel.stackfile.revisions import State
from newt_tunnel.tools.review.changes import ChangeKind
from newt_tunnel.tools.review.region_text import describe_region
from newt_tunnel.tools.review.safeguards import Effect, SafeguardChange
from newt_tunnel.tools.review.stack_reviews import LoadFailure, Review, Risky, StackReview


def report(review: Review) -> str:
    """The whole review, ending in a line break."""
    tree = {
        "base": _state(review.base),
        "head": _state(review.head),
        "widened": review.is_widened,
        "stacks": [_stack(stack) for stack in review.stacks],
        "notes": list(review.notes),
    }
    return json.dumps(tree, indent=2) + "\n"


def _state(state: State) -> dict[str, Any]:
    return {"name": state.name, "commit": state.commit}


def _stack(stack: StackReview) -> dict[str, Any]:
    loaded = stack.after or stack.before
    return {
        "stack": stack.name,
        "file": stack.file,
        "platform": loaded.settings.platform.value if loaded else None,
        "status": _status(stack),
        **{kind.value: [_change(one) for one in stack.of(kind)] for kind in ChangeKind},
        **{effect.value: [_guard(one) for one in stack.with_effect(effect)] for effect in Effect},
        "hints": list(stack.hints),
        "doubts": list(stack.doubts),
        "problems": [_fault(fault) for fault in stack.faults],
        "reach": [_reach_entry(one) for one in stack.reach],
    }


def _status(stack: StackReview) -> str:
    if stack.faults:
        return "unloadable"
    if stack.before is None or stack.after is None:
        return "new" if stack.before is None else "gone"
    return "unchanged" if stack.is_unchanged else "changed"


def _reach_entry(one: ReachEntry) -> dict[str, Any]:
    return {
        "name": one.name,
        "where": one.where,
        "ports": list(one.ports_texts),
        "origin": one.origin,
        "reason": one.reason,
    }


def _change(one: Risky) -> dict[str, Any]:
    change = one.change
    return {
        **_reach_entry(change.entry),
        "was": _reach_entry(change.was) if change.was else None,
        "difference": [
            {"where": list(piece.where), "ports": list(piece.ports)}
            for piece in describe_region(change.region)
        ],
        "risks": list(one.risks),
    }


def _guard(one: SafeguardChange) -> dict[str, Any]:
    return {
        "key": one.key,
        "before": one.before,
        "after": one.after,
        "meaning": one.meaning,
        "reason": one.reason,
    }


def _fault(fault: LoadFailure) -> dict[str, Any]:
    return {**_state(fault.state), "file": fault.file, "problems": list(fault.problems)}
