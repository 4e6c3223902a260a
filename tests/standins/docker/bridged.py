"""A Docker resource type as the engine sees it: check, plan, do, and what the state then holds.

Owns what all four types share, which is what Pulumi's bridge and Terraform's SDK do for the
official plugin. The work on the host is in a `Work`. Not here: import and `.get()`, automatic
names.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from typing_extensions import override

from tests.standins.docker import diffing, planning
from tests.standins.docker.engine_api import DockerError, Engine
from tests.standins.docker.planning import DEFAULTS
from tests.standins.docker.schema import Attr, Schema
from tests.standins.resource import CheckFailure, Diff, Failure, InitFailed, Operation, Resource
from tests.standins.values import UNKNOWN, Properties, Value


@dataclass
class Draft:
    """A resource being made: once it has an identity, a failure leaves it in state."""

    wanted: Properties
    identity: str = ""
    found: Properties = field(default_factory=dict)


class Work(Protocol):
    """What a type does on the host; what it finds lacks the attributes it does not look at."""

    schema: Schema
    # A name that the program gave cannot be held by old and new at once.
    own_name: bool

    def create(self, engine: Engine, draft: Draft) -> None:
        """Makes it; sets the draft's identity as soon as it exists."""

    def read(
        self, engine: Engine, identity: str, state: Properties
    ) -> tuple[str, Properties] | None:
        """Identity and attributes as found; None when it is gone."""

    def update(
        self, engine: Engine, identity: str, state: Properties, wanted: Properties
    ) -> tuple[str, Properties]:
        """Changes it in place; identity and what was read again, if anything."""

    def delete(self, engine: Engine, identity: str, state: Properties) -> None:
        """Removes it."""


class Bridged(Resource):
    """One resource type."""

    def __init__(self, work: Work, engine: Callable[[], Engine]) -> None:
        self._work = work
        self._engine = engine

    @override
    def check(
        self, operation: Operation, olds: Properties, news: Properties
    ) -> tuple[Properties, list[CheckFailure]]:
        """Inputs with defaults."""
        inputs, failures = planning.check(self._work.schema, news, operation.name)
        if "name" in self._work.schema and "name" not in news:
            reason = "the stand-in for pulumi-docker makes up no names: give 'name'"
            failures = [f for f in failures if "'name'" not in f.reason] + [CheckFailure(reason)]
        return inputs, failures

    @override
    def diff(
        self,
        state: Properties,
        old_inputs: Properties,
        news: Properties,
        ignore_changes: list[str],
    ) -> Diff:
        """Compares the state, not the old inputs: what a refresh found counts."""
        prior = _state(state)
        return diffing.diff(
            self._work.schema,
            prior,
            self._plan(prior, news, ignore_changes),
            news,
            delete_before_replace=self._work.own_name,
        )

    @override
    def create(
        self, operation: Operation, inputs: Properties, preview: bool
    ) -> tuple[str, Properties]:
        """Makes it, and keeps it in state when only a later step failed."""
        planned = planning.plan(self._work.schema, None, inputs)
        if preview:
            return "", planned
        draft = Draft(_known(planned))
        try:
            self._work.create(self._engine(), draft)
        except (DockerError, Failure) as error:
            if not draft.identity:
                raise Failure(_one_error(error)) from error
            reason = f"creating {operation.urn}: {_one_error(error)}"
            outputs = self._after(planned, {})
            raise InitFailed(draft.identity, outputs, [reason]) from error
        return draft.identity, self._after(planned, draft.found)

    @override
    def read(
        self, operation: Operation, identity: str, inputs: Properties, state: Properties
    ) -> tuple[str, Properties, Properties]:
        """A refresh: the state as found, and the inputs that follow from it."""
        prior = _state(state)
        if not prior:
            raise Failure("the stand-in for pulumi-docker does not import or get resources")
        try:
            found = self._work.read(self._engine(), identity, prior)
        except (DockerError, Failure) as error:
            raise Failure(f"refreshing {operation.urn}: {_one_error(error)}") from error
        if found is None:
            return "", {}, {}
        identity, attributes = found
        outputs = self._overlaid(prior, attributes)
        refreshed = _refreshed(self._work.schema, inputs, outputs)
        return identity, outputs, refreshed

    @override
    def update(
        self,
        operation: Operation,
        identity: str,
        state: Properties,
        news: Properties,
        ignore_changes: list[str],
        preview: bool,
    ) -> Properties:
        """Changes in place; after a failure the state holds the new values all the same."""
        prior = _state(state)
        planned = self._plan(prior, news, ignore_changes)
        if preview:
            return planned
        try:
            _, found = self._work.update(self._engine(), identity, prior, _known(planned))
        except (DockerError, Failure) as error:
            reason = f"updating {operation.urn}: {_one_error(error)}"
            outputs = self._with_zeros(prior, self._after(planned, {}))
            raise InitFailed(identity, outputs, [reason]) from error
        return self._with_zeros(prior, self._after(planned, found))

    @override
    def delete(self, operation: Operation, identity: str, state: Properties) -> None:
        """Removes it."""
        try:
            self._work.delete(self._engine(), identity, _state(state))
        except (DockerError, Failure) as error:
            raise Failure(f"deleting {operation.urn}: {_one_error(error)}") from error

    def _plan(self, prior: Properties, news: Properties, ignore_changes: list[str]) -> Properties:
        for path in ignore_changes:
            if path not in self._work.schema:
                raise Failure(f"ignore_changes: the stand-in takes names of inputs, not {path!r}")
        kept = {name: prior[name] for name in ignore_changes if name in prior}
        without = {name: value for name, value in news.items() if name not in ignore_changes}
        return planning.plan(self._work.schema, prior, {**without, **kept})

    def _after(self, planned: Properties, found: Properties) -> Properties:
        """The state after a create or update: as found, but sets as planned."""
        state: Properties = {}
        for name, attr in self._work.schema.items():
            value = _settled(attr, planned.get(name), found, name)
            if value is not None:
                state[name] = value
        return state

    def _with_zeros(self, prior: Properties, after: Properties) -> Properties:
        """What an update removed is zero, not gone."""
        zeros = {
            name: planning.ZERO[attr.kind]
            for name, attr in self._work.schema.items()
            if attr.kind in planning.ZERO and name in prior and name not in after
        }
        return {**after, **zeros}

    def _overlaid(self, prior: Properties, found: Properties) -> Properties:
        """The state after a refresh."""
        state: Properties = {}
        for name, attr in self._work.schema.items():
            value = planning.settled(attr, found[name] if name in found else prior.get(name))
            if value is not None:
                state[name] = value
        return state


def _settled(attr: Attr, planned: Value, found: Properties, name: str) -> Value:
    known = None if planned is UNKNOWN else planned
    if name not in found:
        return [] if planned is UNKNOWN and attr.kind == "set" else known
    value = None if found[name] is None else planning.filled(attr, found[name])
    # What a set was planned to be is what the state says, whatever the host made of it.
    keeps_plan = attr.kind == "set" or attr.kept_as_set
    if keeps_plan and known is not None:
        return known
    if attr.kind in ("list", "set", "map") and not value and not known and planned is not UNKNOWN:
        return known
    return value


def _refreshed(schema: Schema, inputs: Properties, outputs: Properties) -> Properties:
    """The inputs as the host has them; what the program never gave stays out."""
    refreshed: Properties = {}
    for name, old in inputs.items():
        if name == DEFAULTS or name not in outputs:
            continue
        refreshed[name] = _refreshed_value(schema.get(name), old, outputs[name])
    return refreshed


def _refreshed_value(attr: Attr | None, old: Value, new: Value) -> Value:
    fields = attr.fields if attr is not None else None
    if isinstance(old, dict) and isinstance(new, dict):
        if fields is not None:
            return _refreshed(fields, old, new)
        return {name: new[name] for name in old if name in new and name != DEFAULTS}
    if isinstance(old, list) and isinstance(new, list):
        pairs = _matched(old, new) if attr is not None and attr.kind == "set" else None
        element = Attr("object", fields=fields) if fields is not None else None
        if pairs is None:
            pairs = list(zip(old, new, strict=False))
        return [_refreshed_value(element, before, after) for before, after in pairs]
    return new


def _matched(old: list[Value], new: list[Value]) -> list[tuple[Value, Value]] | None:
    """Elements of a set of objects, paired by what they have in common; None for plain sets."""
    if not all(isinstance(item, dict) for item in [*old, *new]):
        return None
    scores = sorted(
        (
            (-_common(before, after), i, j)
            for i, before in enumerate(old)
            for j, after in enumerate(new)
        ),
    )
    partner: dict[int, int] = {}
    for _, i, j in scores:
        if i not in partner and j not in partner.values():
            partner[i] = j
    return [(old[i], new[partner[i]]) for i in sorted(partner)]


def _common(one: Value, other: Value) -> int:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return 0
    shared = one.keys() & other.keys()
    return len(shared) + 2 * sum(one[name] == other[name] for name in shared)


def _state(properties: Properties) -> Properties:
    return {name: value for name, value in properties.items() if not name.startswith("__")}


def _known(planned: Properties) -> Properties:
    return {name: value for name, value in planned.items() if value is not UNKNOWN}


def _one_error(error: Exception) -> str:
    return f"1 error occurred:\n\t* {error}\n\n"
