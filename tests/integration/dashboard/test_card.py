"""The model card on a page: its metadata as a table, and never as prose."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from tests.integration.dashboard.conftest import texts


def page(source: str) -> None:
    from dashboard.widgets.version import card

    card.show_card(source)


def shown(source: str) -> Any:
    app = AppTest.from_function(page, kwargs={"source": source}).run(timeout=30)
    assert not app.exception
    return app


def test_card__metadata_at_the_top__is_a_table_and_no_prose() -> None:
    """Case 16: on the page."""
    app = shown("---\nlicense: mit\ntags: [fraud, <b>]\n---\n# Card\n\nScores customers.\n")
    said = texts(app)
    assert "Scores customers." in said
    assert "license: mit" not in said
    for part in ("license", "mit", "fraud, &lt;b&gt;"):
        assert part in said


def test_card__metadata_that_cannot_be_read__says_so() -> None:
    app = shown("---\na: [\n---\nScores customers.\n")
    assert any("not YAML" in caption.value for caption in app.caption)


def test_card__longer_than_is_shown__says_so() -> None:
    from dashboard.widgets.version.card import LIMIT

    app = shown("word " * (LIMIT // 5 + 10))
    assert any("Only the first" in caption.value for caption in app.caption)
