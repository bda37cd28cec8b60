from __future__ import annotations

from dataclasses import fields

import pytest

from services.domain.promotions.plan import Change, Plan, in_words


@pytest.mark.parametrize("name", [field.name for field in fields(Plan)])
def test_change__of_any_field_of_the_plan__never_shows_its_name(name: str) -> None:
    sentence = Change(name, "a", "b").sentence()
    assert "_" not in sentence
    assert in_words(f"{name}: a → b") == sentence


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("current_version: 4 → 5", "v4 was live when sealed; now v5 is"),
        ("current_version: nothing → 5", "nothing was live when sealed; now v5 is"),
        ("metrics.auc_women: 0.9 → 0.8", "metric auc_women was 0.9, is now 0.8"),
        (
            "test_results.tests/model.xml: nothing → 12 passed",
            "test report tests/model.xml was nothing, is now 12 passed",
        ),
        ("The plan changed: metrics.auc: 0.89 → 0.9", "The plan changed: metric auc was 0.89, is now 0.9"),
        ("promoted by hand: a → b", "promoted by hand: a → b"),
        ("v4 was live when sealed; now v5 is", "v4 was live when sealed; now v5 is"),
    ],
)
def test_in_words__of_what_is_kept__puts_fields_into_words_and_leaves_the_rest(kept: str, said: str) -> None:
    assert in_words(kept) == said
