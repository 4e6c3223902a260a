"""What the real program asks the engine for, as the policy pack is given it: recorded, and read.

`python -m tests.unit.policies.recorder` records anew (`make golden`). Long programs that travel in
an input are cut out of the files, and times too, so that a recording changes when an input does and
not with every line of theirs. Who reads a recording gets the programs back.

There is a file for each stack: the resources of an update, and what the first preview, which asks
for the same, does not know of them.
"""

from __future__ import annotations

import copy
import json
import re
import runpy
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import yaml

from newt_tunnel.cluster.pod import GATE, PROBE
from newt_tunnel.docker_host.programs import EGRESS, PROOF
from policies.view import UNKNOWN as UNKNOWN_VALUE
from policies.view import Resource
from tests.unit.components import k3s_home, nas
from tests.unit.components.recording import STACK, UNKNOWN, Recording, record, revealed
from tests.unit.components.recording import Resource as Registered

REPOSITORY = Path(__file__).parents[3]
FOLDER = Path(__file__).with_name("recordings")
STACKS = ("nas", "k3s-home")
#: Name of a recording to its stack, and whether it is of the first preview.
NAMES: Mapping[str, tuple[str, bool]] = {
    f"{stack}-{'preview' if preview else 'update'}": (stack, preview)
    for stack in STACKS
    for preview in (True, False)
}
_PROGRAMS = {
    EGRESS: "(newt-egress)\n",
    PROOF: "(newt-proof)\n",
    GATE: "(newt-gate)\n",
    PROBE: "(newt-probe)\n",
}
#: Of the program, and the time of a load.
_VARYING = re.compile(r"(?<=newt-egress )[0-9a-f]{12}\b|\b2[0-9]{3}-[0-9-]{5}T[0-9:]{8}Z")


def run(
    stack: str, changes: Mapping[str, Any] | None = None, *, preview: bool = False
) -> Recording:
    """The program itself with an example's stack file; ``changes`` replace top-level keys."""
    document = yaml.safe_load((REPOSITORY / "stacks" / f"Pulumi.{stack}.yaml").read_text())
    prefix = f"{nas.PROJECT}:"
    config: dict[str, Any] = document["config"]
    config[f"{prefix}newtSecret"] = nas.NEWT_SECRET
    if stack == nas.STACK:
        config[f"{prefix}docker"]["hostKey"] = nas.HOST_KEY
    config |= {f"{prefix}{key}": value for key, value in (changes or {}).items()}
    texts = {key: v if isinstance(v, str) else json.dumps(v) for key, v in config.items()}

    def program() -> None:
        pulumi.runtime.set_all_config(texts, [f"{prefix}newtSecret"])
        runpy.run_path(str(REPOSITORY / "__main__.py"), run_name="__main__")

    with nas.answered_by(nas.Host()), k3s_home.answered_by(k3s_home.Cluster()):
        return record(
            program,
            nas.computed,
            checked=k3s_home.auto_named,
            project=nas.PROJECT,
            stack=stack,
            preview=preview,
        )


def as_data(recording: Recording) -> list[dict[str, Any]]:
    """The resources as the pack gets them: inputs alone, outputs with the whole stack. Secrets are
    in the clear, as the SDK has them.
    """
    return [
        {
            "type": resource.type,
            "name": resource.name,
            "urn": resource.urn,
            "parent": resource.parent,
            "needs": sorted({*resource.dependencies, _provider(resource)} - {""}),
            "provider": _provider(resource),
            "inputs": _in_texts(_timeless, revealed(resource.inputs)),
            "outputs": _in_texts(
                _timeless,
                revealed(
                    recording.registered_outputs.get(resource.urn, {})
                    if _is_component(resource.type)
                    else resource.inputs
                ),
            ),
        }
        for resource in recording.resources
    ]


def _provider(resource: Registered) -> str:
    """Its URN; the engine is given URN::ID."""
    return resource.provider.rpartition("::")[0]


def _is_component(type_: str) -> bool:
    return type_.startswith("newt-tunnel:") or type_ == STACK


def _in_texts(change: Callable[[str], str], value: Any) -> Any:
    """``value`` with every text in it changed."""
    if isinstance(value, dict):
        return {key: _in_texts(change, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_texts(change, item) for item in value]
    return change(value) if isinstance(value, str) else value


def _timeless(text: str) -> str:
    return _VARYING.sub("(varies)", text)


def _short(text: str) -> str:
    for program, name in _PROGRAMS.items():
        text = text.replace(program, name)
    return text


def _whole(text: str) -> str:
    for program, name in _PROGRAMS.items():
        text = text.replace(name, program)
    return text


def alone(data: list[dict[str, Any]]) -> list[Resource]:
    """Each resource as a rule about single resources sees it."""
    return [
        Resource(
            type=one["type"],
            name=one["name"],
            urn=one["urn"],
            properties=_with_unknowns(one["inputs"]),
        )
        for one in data
    ]


def together(data: list[dict[str, Any]]) -> list[Resource]:
    """The resources as a rule about the whole stack sees them."""
    views = {
        one["urn"]: Resource(
            type=one["type"],
            name=one["name"],
            urn=one["urn"],
            properties=_with_unknowns(one["outputs"]),
        )
        for one in data
    }
    for one in data:
        views[one["urn"]].tie(
            parent=views.get(one["parent"]),
            needs=[views[urn] for urn in one["needs"]],
            provider=views.get(one["provider"]),
        )
    return list(views.values())


def _with_unknowns(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_unknowns(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_unknowns(item) for item in value]
    return UNKNOWN_VALUE if value == UNKNOWN else value


def recorded(name: str) -> list[dict[str, Any]]:
    """A recording, to be changed at will."""
    stack, preview = NAMES[name]
    written = json.loads(file(stack).read_text())
    resources: list[dict[str, Any]] = written["resources"]
    if preview:
        _forget(resources, written["unknown"])
    whole = [{**one, "outputs": one.get("outputs", one["inputs"])} for one in resources]
    data: list[dict[str, Any]] = _in_texts(_whole, whole)
    return data


def file(stack: str) -> Path:
    return FOLDER / f"{stack}.json"


def text(stack: str) -> str:
    """The file of a stack as it would be written now."""
    update, preview = (_brief(as_data(run(stack, preview=preview))) for preview in (False, True))
    unknown = sorted(
        f"{after['name']}/{place}"
        for before, after in zip(update, preview, strict=True)
        for place in _unknown(before, after)
    )
    seen = copy.deepcopy(update)
    _forget(seen, unknown)
    assert seen == preview, "a preview differs from an update by more than what it does not know"
    whole = {"unknown": unknown, "resources": update}
    return json.dumps(whole, indent=1, sort_keys=True) + "\n"


def _brief(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the programs, and without outputs that are the inputs by definition (``as_data``)."""
    return [
        {
            key: _in_texts(_short, value)
            for key, value in one.items()
            if key != "outputs" or _is_component(one["type"])
        }
        for one in data
    ]


def _unknown(before: Any, after: Any) -> Iterator[str]:
    """The places that ``after`` does not know, unlike ``before``: keys, separated by slashes."""
    items = after.items() if isinstance(after, dict) else enumerate(after)
    for key, value in items:
        known = before.get(key) if isinstance(before, dict) else before[key]
        if value == UNKNOWN != known:
            yield str(key)
        elif value != known and isinstance(value, dict | list):
            yield from (f"{key}/{place}" for place in _unknown(known, value))


def _forget(resources: list[dict[str, Any]], places: Iterable[str]) -> None:
    """Make unknown what a preview does not know."""
    for place in places:
        name, *keys, last = place.split("/")
        (found,) = (one for one in resources if one["name"] == name)
        within: Any = found
        for key in keys:
            within = within[int(key) if isinstance(within, list) else key]
        within[int(last) if isinstance(within, list) else last] = UNKNOWN


def write() -> None:
    for stack in STACKS:
        file(stack).write_text(text(stack))


if __name__ == "__main__":
    write()
