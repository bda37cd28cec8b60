"""No secret passes the masker, whatever it looks like."""

from __future__ import annotations

import json

import pytest

from demo.azure_devops.engine.running.commands import decode, parse_command
from demo.azure_devops.engine.running.masking import Masker


def masked(text: str, *secrets: str) -> str:
    masker = Masker()
    for secret in secrets:
        masker.add(secret)
    return masker.mask(text)


@pytest.mark.parametrize(
    ("text", "secrets", "expected"),
    [
        ("token abc!", ("abc",), "token ***!"),
        ("abcabc", ("abc",), "******"),
        ("abcdef", ("abcd", "cdef"), "***"),
        ("abcd ab", ("ab", "abcd"), "*** ***"),
        ("line one then two", ("one\ntwo",), "line *** then ***"),
        ("one\ntwo", ("one\ntwo",), "***\n***"),
        ("p%40ss", ("p@ss",), "***"),
        ("c2VjcmV0", ("secret",), "***"),
        (json.dumps('say "x"'), ('say "x"',), '"***"'),
        ("nothing", ("", " "), "nothing"),
    ],
)
def test_mask__secret_in_any_form__is_replaced(text: str, secrets: tuple[str, ...], expected: str) -> None:
    result = masked(text, *secrets)
    if "\n" in text:
        assert not any(line in result for line in secrets[0].splitlines())
    else:
        assert result == expected


def test_parse_command__properties_and_text__are_decoded() -> None:
    command = parse_command("before ##vso[task.setvariable variable=a%3Bb;isSecret=true;]x%0Ay%AZP250A%5D")
    assert command is not None
    assert (command.name, command.get("VARIABLE"), command.flag("issecret")) == ("task.setvariable", "a;b", True)
    assert command.text == "x\ny%0A]"


@pytest.mark.parametrize("line", ["##vso[", "##vso[]x", "##vso[nodot]x", "##vso[task.x no end"])
def test_parse_command__malformed__is_none(line: str) -> None:
    assert parse_command(line) is None


def test_decode__percent__is_last() -> None:
    assert decode("100%AZP25 %0d%0A%3b%5d %AZP253B") == "100% \r\n;] %3B"
