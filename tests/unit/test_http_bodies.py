"""Answers of any length and speed, and every form of Retry-After."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
from urllib3 import HTTPResponse

from services.adapters.http.bodies import TooLongError, TooSlowError, keep_body, read_body, retry_after


def answer(body: bytes) -> requests.Response:
    response = requests.Response()
    response.raw = HTTPResponse(io.BytesIO(body), preload_content=False)
    return response


def test_body__up_to_the_limit__is_whole() -> None:
    assert read_body(answer(b"x" * 200_000), 200_000) == b"x" * 200_000


def test_body__beyond_the_limit__is_not_read_on() -> None:
    response = answer(b"x" * 10_000_000)
    with pytest.raises(TooLongError):
        read_body(response, 100_000)
    assert response.raw.tell() < 1_000_000


def test_body__after_its_time__is_refused() -> None:
    with pytest.raises(TooSlowError):
        read_body(answer(b"x"), 10, until=time.monotonic() - 1)


def test_body__kept__is_the_content() -> None:
    response = answer(b"text")
    keep_body(response, 10)
    assert response.content == b"text"


@pytest.mark.parametrize(("text", "seconds"), [
    ("5", 5.0), (" 5.5 ", 5.5), ("-3", 0.0), ("99999", 300.0), ("nan", None), ("inf", 300.0), ("", None), ("soon", None),
])  # fmt: skip
def test_wait__as_a_number__is_bounded(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}, most=300) == seconds


def test_wait__as_a_date__is_the_time_until_then() -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    found = retry_after({"Retry-After": when}, most=300)
    assert found is not None
    assert 55 < found <= 60


def test_wait__not_asked_for__is_none() -> None:
    assert retry_after({}, most=300) is None
