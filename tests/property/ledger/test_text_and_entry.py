from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import IntegrityError, InvalidInputError
from services.ledger.actions import Action
from services.ledger.tree.canonical import canonical_text, digest, parse_canonical
from services.ledger.tree.entry import Actor, LedgerEntry, Subject, instant

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abé𝄞\uffff", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_canonical__any_json_value__comes_back_equal(value: object) -> None:
    text = canonical_text(value)
    assert parse_canonical(text) == value


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**53, datetime(2026, 1, 1, tzinfo=UTC), b"x", "\ud800", {1: 2}, object()]
)
def test_canonical__value_without_an_exact_form__is_refused(value: object) -> None:
    with pytest.raises(InvalidInputError):
        canonical_text({"value": value})


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":1}', '{"a": 1}', '{"b":1,"a":2}', "1.0", "-0", '"\\u0041"', "NaN", "{", '"\\ud800"', "[" * 5000],
)
def test_parse_canonical__other_spelling_or_rubbish__is_refused(text: str) -> None:
    with pytest.raises(IntegrityError):
        parse_canonical(text)


def test_digest__of_equal_values__is_equal_whatever_the_order() -> None:
    assert digest({"b": [1, 2], "a": None}) == digest({"a": None, "b": [1, 2]})
    assert digest({}).startswith("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")


ENTRY = LedgerEntry(
    seq=1,
    at="2026-11-21T07:00:00.000001Z",
    actor=Actor("u-1", "Grace Höpper"),
    action=Action.DECISION_APPROVED,
    subject=Subject("promotion_request", "pr-1"),
    on_behalf_of=Actor("u-2", "Ada"),
    plan_digest=digest({}),
    before={"state": "open"},
    after={"state": "approved", "score": 0.25, "large": 1e20},
    reason="fits",
    request_id="pr-1",
    personal={"email": digest("x")},
    portal_version="0.1.0",
)


def test_entry__written_and_read__is_equal_and_has_every_key() -> None:
    body = ENTRY.body()
    assert LedgerEntry.parse(body) == ENTRY
    assert len(json.loads(body)) == 14
    assert body.endswith(',"seq":1,"subject":{"id":"pr-1","type":"promotion_request"},"v":1}')
    assert "\n" not in LedgerEntry.parse(body.replace("fits", "two\\nlines")).body()


def test_entry__time__is_utc() -> None:
    assert ENTRY.time == datetime(2026, 11, 21, 7, 0, 0, 1, tzinfo=UTC)
    local = datetime(2026, 11, 21, 8, 0, tzinfo=timezone(timedelta(hours=1)))
    assert instant(local) == "2026-11-21T07:00:00.000000Z"
    with pytest.raises(InvalidInputError):
        instant(datetime(2026, 11, 21))  # noqa: DTZ001 - a naive time is the point


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"reason":"fits",', ""),
        ('"v":1}', '"v":1,"x":1}'),
        ('"v":1}', '"v":2}'),
        ('"seq":1', '"seq":0'),
        ('"seq":1', '"seq":"1"'),
        ("promotion:decision:approved", "promotion:decision:unknown"),
        ('"name":"Ada"', '"nom":"Ada"'),
        ("000001Z", "000001"),
        ("sha256:", "sha1:"),
        ('{"id":"u-1","name":"Grace Höpper"}', "null"),
    ],
)
def test_entry__malformed_body__is_refused_as_broken_evidence(old: str, new: str) -> None:
    body = ENTRY.body()
    assert old in body
    with pytest.raises(IntegrityError):
        LedgerEntry.parse(body.replace(old, new))


@pytest.mark.parametrize(
    "fields",
    [
        {"actor": Actor("", "x")},
        {"subject": Subject("model", "x" * 501)},
        {"subject": Subject("model", "x\0")},
        {"at": "2026-11-21 07:00"},
        {"plan_digest": "md5:1"},
        {"seq": True},
        {"reason": "a\0b"},
    ],
)
def test_entry__bad_value__is_refused_before_it_is_written(fields: dict) -> None:
    plain = {"seq": 1, "at": ENTRY.at, "actor": ENTRY.actor, "action": ENTRY.action, "subject": ENTRY.subject}
    with pytest.raises(InvalidInputError):
        LedgerEntry(**{**plain, **fields})


def test_entry__too_large__says_where_to_put_it_instead() -> None:
    large = LedgerEntry(1, ENTRY.at, ENTRY.actor, ENTRY.action, ENTRY.subject, after="x" * 300_000)
    with pytest.raises(InvalidInputError, match="256 KiB") as caught:
        large.body()
    assert "digest" in caught.value.hint


def test_actions__all_of_them__are_distinct_and_of_one_form() -> None:
    assert len({action.value for action in Action}) == len(Action) >= 40
    assert Action.VERSION_LIVE.source == "registry"
    with pytest.raises(ValueError, match="not a valid"):
        Action("nonsense")
