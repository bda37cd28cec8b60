"""Numbers inside sentences: no exponents where people read them, no zero where something is not zero."""

import pytest

from services.evidence.words import counted, level, signed


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
