"""A function of the host's programs takes what it uses as arguments: the shell's variables are all
global, and one that a function reads from its caller changes with every other caller."""

from __future__ import annotations

import re

import pytest

from newt_tunnel.docker_host.programs import PARTS, program
from tests.unit.host.shell_variables import functions, outside_functions, uses

#: Results that come back in a variable, because a command substitution costs a process: the
#: variable to the function that sets it. Who reads one calls that function.
RESULTS = {"_number": "number"}
#: From the environment.
ENVIRONMENT = {"SUDO_USER"}


#: The function that sets the names of the newt that a command is about, and nothing else.
CHOICE = "use"


def constants(text: str) -> set[str]:
    """Names in capitals that only the program itself assigns, outside its functions or where it
    chooses the newt.
    """
    parts = functions(text)
    choice = uses(parts.pop(CHOICE, "")).assigns
    changed = set().union(*(uses(body).assigns for body in parts.values()))
    assigned = uses(outside_functions(text)).assigns | choice
    return {name for name in assigned - changed if name.isupper()}


def taken_from_the_caller(text: str) -> dict[str, list[str]]:
    """Function to the variables that it reads and neither sets nor is given."""
    known = constants(text) | ENVIRONMENT
    found = {}
    for name, body in functions(text).items():
        missing = [
            variable
            for variable in dict.fromkeys(uses(body).reads)
            if variable not in known and not _is_result(variable, body)
        ]
        if missing:
            found[name] = missing
    return found


def _is_result(variable: str, body: str) -> bool:
    setter = RESULTS.get(variable)
    return setter is not None and re.search(rf"\b{setter} ", body) is not None


@pytest.mark.parametrize("name", PARTS)
def test_a_function_reads_no_variable_of_its_caller(name: str) -> None:
    assert taken_from_the_caller(program(name)) == {}


def test_every_result_in_a_variable_is_set_by_its_function() -> None:
    text = "\n".join(program(name) for name in PARTS)
    for variable, setter in RESULTS.items():
        assert variable in uses(functions(text)[setter]).assigns


@pytest.mark.parametrize("name", PARTS)
def test_every_function_is_found(name: str) -> None:
    begun = re.findall(r"^([a-z_0-9]+)\(\)", program(name), re.MULTILINE)
    assert set(begun) == set(functions(program(name)))
    assert len(begun) > 20


@pytest.mark.parametrize(
    "body",
    [
        'echo "$_word"',
        'echo "${_word%/*}"',
        'echo "it is ${1:+$_word}"',
        "echo $((_word + 1))",
        'echo "$(one "$_word")"',
        "_word=$_word.new",
        'echo "$_word"; _word=1',
        'awk -v _word=1 "$_word" # isn\'t it',
        "cat <<END\n$_word\nEND",
        'case $1 in one) echo "$(two \'a)\' "$_word")" ;; esac',
        'number 1; echo "$_word $_number"',
    ],
)
def test_a_variable_of_the_caller_is_found(body: str) -> None:
    assert taken_from_the_caller(f"do_it() {{\n    {body}\n}}\n") == {"do_it": ["_word"]}


@pytest.mark.parametrize(
    "body",
    [
        '_word=$1; echo "$_word"',
        'for _word in "$@"; do echo "$_word"; done',
        'while read -r _word _rest; do echo "$_word $_rest"; done',
        "echo '$_word' # $_word",
        "awk -v word=\"$1\" '{ print _word, $word }'",
        'number "$1"; echo "$_number"',
        "cat <<'END'\n$_word\nEND",
        "_word=0; _word=$((_word + 1))",
        'echo "$CONSTANT"',
    ],
)
def test_what_a_function_sets_or_is_given_is_its_own(body: str) -> None:
    text = f"CONSTANT=1\ndo_it() {{\n    {body}\n}}\n"
    assert taken_from_the_caller(text) == {}


def test_a_name_in_capitals_that_a_function_sets_is_no_constant() -> None:
    text = 'KIND=1\nset_it() { KIND=2; }\nread_it() { echo "$KIND"; }\n'
    assert taken_from_the_caller(text) == {"read_it": ["KIND"]}


def test_a_result_without_a_call_of_its_function_is_the_callers() -> None:
    assert taken_from_the_caller('do_it() { echo "$_number"; }\n') == {"do_it": ["_number"]}
