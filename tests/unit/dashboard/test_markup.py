"""Plain text is escaped wherever it goes in; only `Markup` stays as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from markupsafe import Markup

from dashboard.server import plain_pages
from dashboard.text import as_html, as_label, html, join
from dashboard.widgets.base import markup
from services.settings import DemoPerson

EVIL = "\"'><script>alert(1)</script>\u202e{0}"
PIECES: dict[str, Callable[[str], Markup]] = {
    "badge": markup.badge,
    "row": lambda text: markup.row([text, markup.soft(text)]),
    "stage_badge": markup.stage_badge,
    "alias_badges": lambda text: markup.alias_badges([text]),
    "live_badges": lambda text: markup.live_badges([text]),
    "soft": markup.soft,
    "code": markup.code,
    "short": lambda text: markup.short(text, 120),
    "paragraphs": markup.paragraphs,
    "external": lambda text: markup.external(text, f"https://x.example/{text}"),
    "label": lambda text: markup.external(text, "javascript:alert(1)"),
    "facts": lambda text: markup.facts([(text, text)]),
    "bullets": lambda text: markup.bullets([text]),
    "table": lambda text: markup.table([text], [[text]], caption=text, classes=text),
    "html": lambda text: html("<i title='{}' {more}>{}</i>", text, text, more=text),
    "join": lambda text: join([text, html("<i>{}</i>", text)], "<br>"),
}


@pytest.mark.parametrize("name", PIECES)
def test_piece__hostile_text__is_text(name: str) -> None:
    made = PIECES[name](EVIL)
    assert isinstance(made, Markup)
    assert "<script" not in made
    assert "\u202e" not in made
    assert "{0}" in made
    assert "\"'" not in made
    assert "&amp;lt;" not in made


@pytest.mark.parametrize("name", ["row", "facts", "bullets", "table"])
def test_piece__markup_as_a_value__stays_markup(name: str) -> None:
    ready = html("<b>{}</b>", "<")
    assert "<b>&lt;</b>" in PIECES[name](ready)


@pytest.mark.parametrize("piece", ["<b>", "text", f"{html('<b>')}", ""])
def test_show__plain_text__is_refused(piece: str) -> None:
    with pytest.raises(TypeError, match="not Markup"):
        markup.show(piece)  # type: ignore[arg-type]


def test_as_html__markup__is_not_escaped_twice() -> None:
    assert as_html(as_html("<")) == "&lt;"


def test_as_label__hostile_text__is_an_escaped_plain_str() -> None:
    assert type(as_label("<")) is str
    assert as_label("<") == "&lt;"


def test_plain_pages__hostile_text__is_text() -> None:
    pages = [
        plain_pages.message(EVIL, EVIL, ways={EVIL: EVIL}),
        plain_pages.question(EVIL, EVIL, action=EVIL, label=EVIL),
        plain_pages.picker([DemoPerson(id="x", name=EVIL, title=EVIL, roles=[])], EVIL),
    ]
    for page in pages:
        body = bytes(page.body).decode()
        assert "<script" not in body
        assert body.startswith("<!doctype html>")
        assert "{0}" in body
