"""No secret passes the masker, whatever it looks like."""

from __future__ import annotations

import base64
import json

import pytest

from azure_devops_server.engine.step.commands import decode, parse_command
from azure_devops_server.engine.step.masking import Masker


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


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("after", ["", "!", "!!", "\n"])
@pytest.mark.parametrize("secret", ["s3cr+t/val=ue&x", "ключ-пароль", "0123456789ab"])
def test_mask__secret_inside_of_base64__leaves_nothing_that_decodes_to_it(before: str, after: str, secret: str) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        shown = masked(encode(f"{before}{secret}{after}".encode()).decode(), secret)
        assert "***" in shown
        assert len(shown.replace("***", "")) <= 16


def test_mask__lines_of_a_key_in_base64__are_hidden() -> None:
    shown = masked(base64.b64encode(b"first-line-1\nsecond-line-2\n").decode(), "first-line-1\nsecond-line-2")
    assert shown.count("***") >= 1
    assert "c2Vjb25kLWxpbmUt" not in shown


def test_mask__short_secret__hides_no_plain_words() -> None:
    assert masked("YWJj abc QUJD", "abc") == "*** *** QUJD"


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
