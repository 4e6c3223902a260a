"""The spellings of a text in a program's output: quoted, escaped, encoded, on several lines.

Builds one pattern per text, in which each character matches in any of its spellings. ``redaction``
decides which texts are secret.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping

#: HTML's names of characters; any character may also be a number.
_ENTITIES: Mapping[str, str] = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
#: After a backslash: JSON, Go, Python, YAML and C agree.
_LETTERS: Mapping[str, str] = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\0": "0"}
#: Escapes of a quote within such quotes, in YAML and in a shell.
_QUOTE = r"(?:'\\''|'\"'\"'|'')"
#: Repeated escapes, as in JSON within JSON.
_BACKSLASHES = r"\\{1,16}"
#: The end of a line, with what quotes or joins it, and with what a log puts before the next.
_LINE_END = r"[ \t\"',\\+]{0,8}\r?\n(?:[ \t]{0,80}\r?\n)?[^\n]{0,120}?"
#: Longer ones are found by their runs.
_LONGEST_ENCODED = 64
_GROUP = 3
#: Fewer characters in a row, of the many that a secret has in Base64, may be anything.
_RUN = 16
_RUNS = re.compile(rf"[A-Za-z0-9+/_-]{{{_RUN},}}={{0,2}}")
_ONE_ALPHABET = str.maketrans("-_", "+/")
_HIGHEST_ASCII, _HIGHEST_IN_FOUR = 0x7F, 0xFFFF


def patterns(text: str) -> Iterator[re.Pattern[str]]:
    """Return patterns that find ``text``; if it is short, encoded too."""
    encoded = _encoded(text) if len(text) <= _LONGEST_ENCODED else ()
    for one in dict.fromkeys((*encoded, text)):
        yield re.compile("".join(map(_spellings, one)))


class Runs:
    """Finds texts, as far as they are like Base64, by some of their characters in a row: wherever
    they are wrapped or cut, and whatever surrounds them.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._known: set[str] = set()
        for text in texts:
            for one in _RUNS.findall(text):
                run = one.translate(_ONE_ALPHABET)
                self._known.update(run[at : at + _RUN] for at in range(len(run) - _RUN + 1))

    def replaced(self, text: str, instead: str) -> str:
        return _RUNS.sub(lambda run: instead if self._is_known(run[0]) else run[0], text)

    def _is_known(self, run: str) -> bool:
        one = run.translate(_ONE_ALPHABET)
        return any(one[at : at + _RUN] in self._known for at in range(len(one) - _RUN + 1))


def encodings(text: str) -> Iterator[str]:
    """Return ``text`` in Base64, once or twice, and in hexadecimal."""
    yield from _in_base64(text)
    yield from _in_base64(base64.b64encode(text.encode()).decode())
    yield from (text.encode().hex(), text.encode().hex().upper())


def _encoded(text: str) -> Iterator[str]:
    """Return the data in Base64 of both alphabets, and in hexadecimal."""
    for one in _in_base64(text):
        yield from (one, one.replace("+", "-").replace("/", "_"))
    yield from (text.encode().hex(), text.encode().hex().upper())


def _in_base64(text: str) -> Iterator[str]:
    """Return the Base64 alone, and within a longer text, whose neighbours change its ends."""
    content = text.encode()
    yield base64.b64encode(content).decode()
    for before in range(_GROUP):
        whole = base64.b64encode(bytes(before) + content).decode().rstrip("=")
        is_ragged = (len(content) + before) % _GROUP
        yield whole[(0, 2, 3)[before] : len(whole) - bool(is_ragged)]


def _spellings(character: str) -> str:
    """Return a pattern for one character."""
    if character.isalnum() and character.isascii():
        return character
    ways = [rf"\\{{0,16}}{re.escape(character)}", *_escapes(character), _percent(character)]
    number = ord(character)
    ways.append(rf"&(?:amp;)*#(?:0*{number}|[xX]0*{_any_case(f'{number:x}')});")
    if character in _ENTITIES:
        ways.append(rf"&(?:amp;)*{_ENTITIES[character]};")
    if character == "'":
        ways.insert(0, _QUOTE)
    if character == " ":
        ways.append(r"\+")
    if character == "\n":
        # Also folded into a space.
        ways = [*ways[1:], _LINE_END, r"[ \t]+"]
    if character == "\\":
        ways.insert(0, _BACKSLASHES)
    return f"(?:{'|'.join(ways)})"


def _escapes(character: str) -> Iterator[str]:
    number = ord(character)
    if character in _LETTERS:
        yield _BACKSLASHES + _LETTERS[character]
    if number <= 0xFF:
        yield rf"{_BACKSLASHES}x{_any_case(f'{number:02x}')}"
        yield rf"{_BACKSLASHES}0?{number:03o}"
    if number <= _HIGHEST_IN_FOUR:
        yield rf"{_BACKSLASHES}u{_any_case(f'{number:04x}')}"
    else:
        units = character.encode("utf-16-be").hex()
        yield "".join(rf"{_BACKSLASHES}u{_any_case(one)}" for one in (units[:4], units[4:]))
    yield rf"{_BACKSLASHES}U{_any_case(f'{number:08x}')}"
    if number > _HIGHEST_ASCII:
        for form in ("x{:02x}", "{:03o}"):
            codes = (form.format(byte) for byte in character.encode())
            yield "".join(_BACKSLASHES + _any_case(code) for code in codes)


def _percent(character: str) -> str:
    """Return percent encodings, single and repeated."""
    return "".join(rf"%(?:25)*{_any_case(f'{byte:02x}')}" for byte in character.encode())


def _any_case(code: str) -> str:
    return "".join(f"[{one}{one.upper()}]" if one in "abcdef" else one for one in code)
