"""A known secret in every spelling that the engine, a provider or a log can print."""

from __future__ import annotations

import base64
import html
import json
import shlex
import textwrap
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from newt_tunnel.tools.forge.redaction import INSTEAD, Redactor
from tests.unit.egress.strategies import bounded

TOKEN = "eyJhbGci&OiJSU<zI1Ni>IsImtpZCI6Ik"
PASSWORD = "h&2+/'\"x"
KEY = "\n".join(
    ("-----BEGIN RSA PRIVATE KEY-----", *("MIIEow+IBAAKCAQEA7/bq" * 3 for _ in range(9)), "aZ0+")
)
CONFIG: Mapping[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "home", "cluster": {"server": "https://10.0.1.10:6443"}}],
    "contexts": [{"name": "home", "context": {"cluster": "home", "user": "admin"}}],
    "users": [
        {
            "name": "admin",
            "user": {
                "token": TOKEN,
                "password": PASSWORD,
                "client-key-data": base64.b64encode(KEY.encode()).decode(),
                "exec": {"provideClusterInfo": False},
            },
        }
    ],
}
KUBECONFIGS = {
    "block": yaml.safe_dump(dict(CONFIG)),
    "flow": yaml.safe_dump(dict(CONFIG), default_flow_style=True, width=10_000),
    "single quoted": yaml.safe_dump(dict(CONFIG), default_style="'"),
    "double quoted": yaml.safe_dump(dict(CONFIG), default_style='"', width=40),
    "JSON": json.dumps(CONFIG),
    "JSON on lines": json.dumps(CONFIG, indent=2),
    "JSON of Go": json.dumps(CONFIG).replace("&", "\\u0026").replace("<", "\\u003c"),
    "broken": json.dumps(CONFIG)[:-1].replace('"kind":', ""),
}


def go_json(text: str) -> str:
    """As Go's encoding/json writes it."""
    quoted = json.dumps(text, ensure_ascii=False)
    for sign in "&<>":
        quoted = quoted.replace(sign, f"\\u{ord(sign):04x}")
    return quoted


SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON of Go": go_json,
    "JSON within JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "Go's JSON within Go's JSON": lambda text: go_json(go_json(text)),
    "Python": repr,
    "bytes of Python": lambda text: repr(text.encode()),
    "YAML in single quotes": lambda text: yaml.safe_dump(text, default_style="'", width=9999),
    "YAML in double quotes": lambda text: yaml.safe_dump(text, default_style='"', width=9999),
    "a YAML block": lambda text: yaml.safe_dump({"a": {"b": text}}, default_style="|"),
    "for a shell": shlex.quote,
    "in a URL": lambda text: urllib.parse.quote(text, safe=""),
    "in a path": urllib.parse.quote,
    "in a query": urllib.parse.quote_plus,
    "in a URL in a URL": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe="")),
    "in small letters in a URL": lambda text: urllib.parse.quote(text, safe="").replace(
        "%2B", "%2b"
    ),
    "HTML": html.escape,
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64 of a URL": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "basic authentication": lambda text: base64.b64encode(f"admin:{text}".encode()).decode(),
    "Base64 within more": lambda text: base64.b64encode(f"ab{text}cd".encode()).decode(),
    "Base64 of Base64": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "Base64 on lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "behind a prefix": lambda text: textwrap.indent(text, "   ~ pulumi:pulumi:Stack (nas): "),
    "behind the diff's marks": lambda text: textwrap.indent(text, "      + "),
    "with CR LF": lambda text: text.replace("\n", "\r\n"),
    "on one line": lambda text: " ".join(text.split()),
    "joined in Go": lambda text: '" +\n    "'.join(text.split("\n")),
}
#: Of a key: what must not be seen.
NEEDLES = (TOKEN[:12], "h&2+/", "MIIEow+IBAAKCAQEA7", "aZ0+")


def seen(text: str, secret: str) -> list[str]:
    """What of ``secret`` can be read in ``text``, however it is written."""
    found = [text]
    for _ in range(3):
        found += [urllib.parse.unquote_plus(one) for one in found]
        found += [html.unescape(one) for one in found]
        found += [
            one.encode("latin-1", "replace").decode("unicode_escape", "replace") for one in found
        ]
        found = list(dict.fromkeys(found))
    return [one for one in found if secret in one]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    "secret", [TOKEN, KEY, "correct horse battery & staple", "p\u00e4ss\U0001f511wort"]
)
def test_a_secret_is_found_in_every_spelling(secret: str, spelling: str) -> None:
    written = SPELLINGS[spelling](secret)
    said = Redactor([secret])(f"error: got {written} from the host\n")
    assert INSTEAD in said
    for line in secret.splitlines():
        assert line not in said
        assert SPELLINGS[spelling](line).strip("'\"|-\n ") not in said.replace(INSTEAD, "")
    left = said.partition("got ")[2].rpartition(" from")[0]
    rest = "".join(left.replace(INSTEAD, "").split())
    around = len("".join(SPELLINGS[spelling]("x").split())) + 16
    lines = secret.count("\n") + 1
    assert len(rest) <= around * lines + 24, f"left: {left}"


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (form, value)
        for form in KUBECONFIGS
        for value in (TOKEN, PASSWORD, KEY)
        # What no YAML reader takes is known by its longer words.
        if form != "broken" or value == TOKEN
    ],
)
@pytest.mark.parametrize("spelling", ["as it is", "JSON", "JSON of Go", "in a URL", "Python"])
def test_the_values_of_a_kubeconfig_are_known_however_it_is_written(
    form: str, value: str, spelling: str
) -> None:
    redactor = Redactor([KUBECONFIGS[form]])
    written = SPELLINGS[spelling](value)
    said = redactor(f"Unauthorized: {written}: home admin false\n")
    assert INSTEAD in said
    assert not any(seen(said, needle) for needle in NEEDLES), said
    assert "home admin false" in said, "what is no secret can be read"


@pytest.mark.parametrize("form", KUBECONFIGS)
def test_a_whole_kubeconfig_is_found_in_any_form(form: str) -> None:
    redactor = Redactor([KUBECONFIGS[form]])
    for other in ("block", "flow", "JSON", "JSON of Go"):
        for spelling in ("as it is", "JSON", "Base64", "behind the diff's marks"):
            said = redactor(SPELLINGS[spelling](KUBECONFIGS[other]))
            assert TOKEN not in said
            assert not any(seen(said, needle) for needle in (TOKEN[:12], "MIIEow+IBAAKCAQEA7"))


def test_some_of_a_secret_is_found_where_it_is_cut() -> None:
    token = "Zm9vYmFyYmF6cXV4Y29ycmVjdGhvcnNl"
    assert token[4:24] not in Redactor([token])(f"token {token[4:24]}... is not valid")


def test_what_is_no_secret_stays() -> None:
    text = "Resources:\n    12 unchanged\nhttps://pangolin.example.com 10.0.1.10 newt-tunnel\n"
    assert Redactor([TOKEN, PASSWORD, KEY, "abc"])(text) == text


def test_a_secret_that_names_itself_often_costs_nothing() -> None:
    bomb = "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(3))
    layers = ["a0: &a0 [token, token]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    for text in (bomb, "\n".join(layers), "[" * 1000, "&a [*a]"):
        Redactor([text])("a")


def test_a_long_log_is_searched_in_some_seconds() -> None:
    began = time.monotonic()
    redactor = Redactor([KUBECONFIGS["block"]])
    redactor("+ a line of a diff, with a/path/that/is/long and some more text\n" * 10_000)
    redactor("A" * 500_000)
    redactor("\\" * 20_000 + "&" * 20_000 + "%25" * 10_000)
    assert time.monotonic() - began < 20


@bounded
@given(
    st.text(min_size=4, max_size=40).filter(lambda text: len(text.strip()) >= 4),
    st.sampled_from(["JSON", "JSON of Go", "in a URL", "Python", "HTML", "as it is"]),
)
def test_any_text_is_found_in_the_usual_spellings(secret: str, spelling: str) -> None:
    written = SPELLINGS[spelling](secret)
    if written.strip("'\"") in ("", INSTEAD):
        return
    assert INSTEAD in Redactor([secret])(f"<{written}>")
