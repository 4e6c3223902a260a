"""The review as JSON, for programs. Its shape is in docs/review.md and grows only by keys."""

from __future__ import annotations

import json
from typing import Any

from newt_tunnel.stackfile.openings import Opening
from newt_tunnel.stackfile.revisions import State
from newt_tunnel.tools.review.changes import Kind
from newt_tunnel.tools.review.safeguards import Effect, Guard
from newt_tunnel.tools.review.set_text import pieces
from newt_tunnel.tools.review.stack_reviews import Fault, Review, Risky, StackReview


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
        **{kind.value: [_change(one) for one in stack.of(kind)] for kind in Kind},
        **{effect.value: [_guard(one) for one in stack.with_effect(effect)] for effect in Effect},
        "hints": list(stack.hints),
        "doubts": list(stack.doubts),
        "problems": [_fault(fault) for fault in stack.faults],
        "reach": [_opening(one) for one in stack.reach],
    }


def _status(stack: StackReview) -> str:
    if stack.faults:
        return "unloadable"
    if stack.before is None or stack.after is None:
        return "new" if stack.before is None else "gone"
    return "unchanged" if stack.is_unchanged else "changed"


def _opening(one: Opening) -> dict[str, Any]:
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
        **_opening(change.opening),
        "was": _opening(change.was) if change.was else None,
        "difference": [
            {"where": list(piece.where), "ports": list(piece.ports)}
            for piece in pieces(change.region)
        ],
        "risks": list(one.risks),
    }


def _guard(one: Guard) -> dict[str, Any]:
    return {
        "key": one.key,
        "before": one.before,
        "after": one.after,
        "meaning": one.meaning,
        "reason": one.reason,
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {**_state(fault.state), "file": fault.file, "problems": list(fault.problems)}
