"""The words of a comparison: harm first, no difference called that, and chance told from harm."""

import pytest

from dashboard.widgets.evidence.fairness import _wider
from dashboard.widgets.evidence.tables import _finding
from dashboard.widgets.evidence.verdict import headline, margins, slices_by_harm
from tests.fake_evidence import comparison, gap, slice_document


def found(verdict="cannot_tell", low=-0.001, high=0.001, **more):
    return comparison(verdict=verdict, difference=gap(0.0, low, high), **more)


@pytest.mark.parametrize(
    ("compared", "title"),
    [
        (found(), "Inconclusive: neither better nor worse than v5 can be shown"),
        (found("not_worse"), "No significant difference from v5"),
        (found("not_worse", low=-0.0015, high=-0.0005), "Not worse than v5"),
        (found("better", low=0.001, high=0.002), "Better than v5"),
        (
            found(
                "better", findings=[{"kind": "slice_harm", "severity": "blocking", "subject": "sex=Female", "sentence": "Worse."}]
            ),
            "Harm: worse for sex=Female than v5",
        ),
    ],
)  # fmt: skip
def test_headline__of_each_outcome__says_it_in_words(compared, title):
    assert headline(compared, against="v5")[1] == title


def test_margins__of_all_rows_and_of_slices__are_both_told():
    assert margins(0.002, 0.01) == "0.002 for all rows, 0.01 for a slice"
    assert margins(0.0, None) == "none"


def part(low, high, **more):
    plain = slice_document("a", str(low), 900, (0.8, 0.8), p_adjusted=None)
    return {**plain, "difference": gap((low + high) / 2, low, high), **more}


def test_slices__small_one_with_a_wide_interval__stands_behind_a_certain_loss():
    rows = [part(-0.3, 0.1), part(-0.06, -0.04), part(-0.02, -0.01, harmed=True), part(0.01, 0.02)]
    lines = slices_by_harm(comparison(slices=rows))
    assert [line.difference.low for line in lines] == [-0.02, -0.06, 0.01, -0.3]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (part(-0.06, -0.04, harmed=True, loses=True, p_beyond=0.001), "harmed"),
        (part(-0.06, -0.04, harmed=True, loses=True, p_beyond=0.4), "worse, in line with the overall drop"),
        (part(-0.06, -0.04, harmed=True), "harmed"),
        (part(-0.006, -0.004, p_adjusted=0.001), "worse, within the margin"),
        (part(-0.06, -0.04, p_adjusted=0.3), "worse, not significant"),
        (part(-0.06, 0.04, p_adjusted=0.3), "no harm shown"),
        (part(0.02, 0.04), "better"),
    ],
)
def test_slice__of_each_kind__is_called_what_it_is(entry, words):
    assert words in _finding(comparison(slices=[entry]).slices[0], higher_is_better=True)


def test_fairness__wider_gap_that_the_engine_did_not_find__could_be_chance():
    assert "not significant" in _wider(0.08, is_found=False)
    assert "<strong>" in _wider(0.08, is_found=True)
