"""The text of a blueprint as a tree of maps, lists and plain values.

newt reads the file with a Go library, Pangolin with a JavaScript one, and this with a Python one;
they read `010`, `yes`, `1:30` or a repeated key differently. So the tree is built here from the
parser's events: what all of them read alike is taken; the rest is text, which no port or switch
accepts, or a fault. U+2028 and similar characters are text inside quotes. Elsewhere they are a
fault, because newt's library (yaml.v3) ends the line there and YAML 1.2 does not: newt could find a
resource in what a reviewer sees as a comment. Anchors, aliases, merge keys and tags are refused:
they can make a small file huge, or hide its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from newt_tunnel.blueprint.unusable import Unusable

#: Far more than a site with hundreds of resources needs.
MAX_CHARACTERS = 256 * 1024
_MAX_DEPTH = 24

Tree = dict[str, object]

# Ends of a line to YAML 1.1 alone, or to some editors alone.
_ODD_BREAK = re.compile("[\x85\u2028\u2029]|\r(?!\n)")
_QUOTES = ("'", '"')
_PRIVATE_USE = range(0xE000, 0xF900)

# newt replaces them before it parses the YAML, so in comments too.
_PLACEHOLDER = re.compile(r"\{\{\s*env\.[^}]*\}\}")
_SHOWN_PLACEHOLDER = re.compile(r"\{\{\s*env\.\w{1,64}\s*\}\}", re.ASCII)
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def parse(text: str) -> Tree:
    """Return the document as a map. Raises ``Unusable`` with the line if it is none."""
    if len(text) > MAX_CHARACTERS:
        raise Unusable(
            "",
            None,
            f"has {len(text)} characters, more than the {MAX_CHARACTERS} that are read; is it "
            "the right file?",
        )
    if found := _PLACEHOLDER.search(text):
        shown = _SHOWN_PLACEHOLDER.fullmatch(found[0])
        raise _unusable(
            text.count("\n", 0, found.start()),
            f"{found[0] if shown else 'a placeholder'} is filled in by newt, from its own "
            "environment, and may become anything; write the value itself, and what is secret in "
            "Pangolin's dashboard",
        )
    try:
        tree = _document(_events(text))
    except yaml.MarkedYAMLError as error:
        # The library's snippet is left out: a blueprint may hold passwords.
        mark = error.problem_mark or error.context_mark
        raise _unusable(
            mark.line if mark else 0, f"is not YAML: {error.problem or error.context}"
        ) from None
    except yaml.YAMLError:
        raise _unusable(0, "is not YAML: it holds characters that YAML does not allow") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise _unusable(0, "is not a blueprint, which starts with a key like `public-resources:`")
    return tree


def _events(text: str) -> Iterator[yaml.Event]:
    """The parser's events; odd breaks are data in quotes, and a fault elsewhere."""
    odd = [(found.start(), found[0]) for found in _ODD_BREAK.finditer(text)]
    # The parser must not see them: each is a character that is nowhere in the file.
    unused = (code for code in _PRIVATE_USE if chr(code) not in text)
    hidden = {ord(mark): next(unused) for mark in sorted({mark for _, mark in odd})}
    shown = {code: mark for mark, code in hidden.items()}
    unseen = _ODD_BREAK.sub(lambda found: chr(hidden[ord(found[0])]), text)
    left = iter(odd)
    place = next(left, None)
    try:
        for event in yaml.parse(unseen, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.ScalarEvent) and event.style in _QUOTES:
                assert event.start_mark is not None, "the parser marks every event"
                assert event.end_mark is not None, "the parser marks every event"
                if place is not None and place[0] < event.start_mark.index:
                    break
                while place is not None and place[0] < event.end_mark.index:
                    place = next(left, None)
                event.value = event.value.translate(shown)
            yield event
    except yaml.MarkedYAMLError as error:
        if place is None or error.problem_mark is None or error.problem_mark.index < place[0]:
            raise
    if place is not None:
        raise _unusable(
            text.count("\n", 0, place[0]),
            f"holds U+{ord(place[1]):04X}, at which newt ends the line and other readers do not; "
            "take it out, or put the value into quotes",
        )


def _document(events: Iterator[yaml.Event]) -> object:
    tree: object = None
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _at(event, "starts a second document, and newt reads only the first")
            tree = _node(next(events), events, 1)
    return tree


def _node(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> object:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise _at(event, "holds an anchor or an alias; write the value out where it is used")
    if getattr(event, "tag", None):
        raise _at(event, "holds a tag (`!`); write the plain value")
    if depth > _MAX_DEPTH:
        raise _at(event, f"is nested deeper than {_MAX_DEPTH} levels, which no blueprint needs")
    if isinstance(event, yaml.MappingStartEvent):
        return _map(events, depth)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[object] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_node(event, events, depth + 1))
        return items
    assert isinstance(event, yaml.ScalarEvent), "the parser has no other kind of node"
    return _plain(event.value) if event.style is None else event.value


def _map(events: Iterator[yaml.Event], depth: int) -> Tree:
    found: Tree = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _node(event, events, depth + 1)
        if isinstance(event, yaml.ScalarEvent):
            key = event.value
        if not isinstance(key, str):
            raise _at(event, "has a list or a map as a key; write a name")
        if key == "<<":
            raise _at(event, "holds a merge key (`<<`); write the keys out where they are used")
        if key in found:
            # The position and not the key, which may be a secret.
            raise _at(event, "repeats a key of the same map, and only one can count; remove one")
        found[key] = _node(next(events), events, depth + 1)
    return found


def _plain(text: str) -> object:
    """Return the value if every reader agrees on it, else the text."""
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text


def _at(event: yaml.Event, remedy: str) -> Unusable:
    assert event.start_mark is not None, "the parser marks every event"
    return _unusable(event.start_mark.line, remedy)


def _unusable(line: int, remedy: str) -> Unusable:
    return Unusable("", None, f"line {line + 1}: {remedy}")
