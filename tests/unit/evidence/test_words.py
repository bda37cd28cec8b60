"""Numbers inside sentences: no exponents where people read them, no zero where something is not zero."""

import pytest

from services.evidence.words import counted, inline, level, signed


@pytest.mark.parametrize(
    ("value", "text"), [(0.92751, "0.9275"), (1, "1"), (2.0141, "2.014"), (18263.4, "18,263"), (2e-7, "2e-07")]
)
def test_level__of_any_size__is_readable(value, text):
    assert level(value) == text


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [(0.012, 0.9, "+0.0120"), (-0.00002, 0.9, "-0.0000"), (-1.03e-7, 2e-7, "-1.03e-07"), (-31602, 4e4, "-31,602")],
)
def test_signed__beside_a_metric_of_that_size__shows_what_matters(value, scale, text):
    assert signed(value, scale=scale) == text


@pytest.mark.parametrize(
    ("count", "what", "text"),
    [(1, "rows of the positive class", "1 row of the positive class"), (2400, "rows", "2,400 rows"), (1, "groups", "1 group")],
)  # fmt: skip
def test_counted__one_or_many__agrees_with_its_noun(count, what, text):
    assert counted(count, what) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Größe ♀", "Größe ♀"),
        ("a\nb\tc", "a b c"),
        ("\x1b[31mred\u202e", "\ufffd[31mred\ufffd"),
        ("x" * 100 + "y" * 100, "x" * 40 + "…" + "y" * 19),
    ],
)
def test_inline__name_of_any_kind__is_one_visible_line_of_bounded_length(name, text):
    assert inline(name) == text
