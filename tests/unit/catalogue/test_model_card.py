"""Model cards in the forms that people and tools write: what is a heading, what is text, and what is only a template."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.widgets.version.card import safe_markdown
from services.catalogue.model_card import is_written, plain_heading, read_card, written
from services.domain.checks import Verdict
from tests.unit.checks.test_checks import judge

UNTOUCHED = """---
# Metadata of this card
license: mit
library_name: sklearn
tags:
- tabular-classification
- fraud
model-index:
- name: churn
  results:
  - metrics:
    - {type: auc, value: 0.91}
---

# Model Card for churn-scorer

<!-- One or two sentences about what this model does.

And a paragraph of the comment behind an empty line. -->

## Model Details

- **Developed by:** [More Information Needed]
- **Model type:** {{ model_type | default("[More Information Needed]", true)}}

## Intended Use [optional]

<!-- Say who should use it and for what. -->

[More Information Needed]

## Bias, Risks, and Limitations

Users (both direct and downstream) should be made aware of the risks of the model. More information needed.

### Results

| Metric | Value |
|--------|-------|
|        |       |
"""
SETEXT = "Churn scorer\n============\n\nIntended use\n------------\n\nScores customers.\n\nLimitations\n---\n\nNot for business.\n"
HTML = "<h2>Intended use</h2>\nScores customers.\n<h2 id='x'>Limitations</h2>\n<p>Not for business.</p>\n"
NUMBERED = "## 1. Intended use\n\nScores customers.\n\n## \U0001f680 **Limitations**\n\nNot for business customers.\n"
ENDED = "# Card #\n## Intended use ##\n* scores customers\n## Limitations:\n```\nnot for business\n```\n"
TWO = {"headings": ["Intended use", "Limitations"]}


@pytest.mark.parametrize("card", [SETEXT, HTML, NUMBERED, ENDED, SETEXT.replace("\n", "\r\n"), f"\ufeff{SETEXT}"])
def test_model_card__headings_of_every_form__have_their_text(card: str) -> None:
    """Case 15."""
    check = judge("model_card", TWO, card=card)
    assert check.verdict is Verdict.PASS, check.sentence


def test_model_card__untouched_template__has_no_text() -> None:
    """Case 14."""
    found = written(UNTOUCHED)
    assert not found.has_text
    assert found.filled == frozenset()
    assert {"intended use", "bias, risks, and limitations", "results"} <= found.headings
    assert judge("model_card", {}, card=UNTOUCHED).verdict is Verdict.FAIL
    assert judge("documentation", {"card": True}, card=UNTOUCHED).verdict is Verdict.FAIL
    check = judge("model_card", {"headings": ["Intended Use"]}, card=UNTOUCHED)
    assert check.verdict is Verdict.FAIL


def test_model_card__one_section_filled__the_others_are_named() -> None:
    card = UNTOUCHED.replace("## Bias", "Scores customers for the retention team.\n\n## Bias")
    check = judge("model_card", {"headings": ["Intended use", "Results", "Ethics"]}, card=card)
    assert check.verdict is Verdict.FAIL
    assert "Results (only a place-holder), Ethics (no such heading)" in check.sentence
    assert judge("model_card", {"headings": ["intended use:"]}, card=card).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "nothing",
    [
        "TBD", "**TBD.**", "*To be done*", "N/A", "- none", "[More Information Needed]", "<!-- text -->", "\U0001f680",
        "Owner:", "**Owner:** To-do", "| a | b |\n|---|---|\n| | |", "{{ text }}", "---", "&nbsp;", "<script>x</script>",
        "[Insert text here]", "![](plot.png)", "> TBD", "to-do: fill in later", "- **TBD** - ask Ana", "fix-me: x", "1. TBD\n2. TBD", "<table><tr><th>Metric</th></tr></table>",
    ],
)  # fmt: skip
def test_model_card__only_a_place_holder__is_no_text(nothing: str) -> None:
    assert not written(f"## Intended use\n\n{nothing}\n\n## Other\n").has_text


@pytest.mark.parametrize(
    "text",
    ["Scores.", "**Owner:** Ana", "- Retention", "| a | b |\n|---|---|\n| 1 | |", "    code", "![ROC curve](plot.png)",
     "None of the customers is scored twice.", "See https://example.org/card", "<p>Scores</p>", "Für Kunden", "顧客",
     "to-do: ask Ana\nScores customers."],
)  # fmt: skip
def test_model_card__somebody_wrote_something__is_text(text: str) -> None:
    assert "intended use" in written(f"## Intended use\n\n{text}\n").filled


def test_model_card__text_below_a_heading_under_it__fills_both() -> None:
    assert written("# Uses\n## Direct\nScores.\n# Other\n").filled == {"uses", "direct"}


def test_model_card__heading_inside_code_or_a_comment__is_none() -> None:
    assert "limitations" not in written("```\n# Limitations\n```\n").headings
    assert "limitations" not in written("<!--\n## Limitations\n\nText.\n-->\n").headings


@pytest.mark.parametrize(
    "heading", ["1. Uses", "1.2 Uses", "2) Uses", "§ 3 Uses", "A. Uses", "USES:", "_Uses_", ":rocket: Uses", "4 Uses"]
)
def test_plain_heading__numbering_emphasis_emoji__are_not_part_of_it(heading: str) -> None:
    assert plain_heading(heading) == "uses"


def test_model_card__heading_written_with_combining_letters__is_the_same_heading() -> None:
    card = "## U\u0308berblick\n\nBewertet Kunden.\n"
    assert judge("model_card", {"headings": ["\u00dcberblick"]}, card=card).verdict is Verdict.PASS


def test_metadata__front_matter__is_a_table_and_no_text() -> None:
    """Case 16."""
    card = read_card(UNTOUCHED)
    assert card.metadata[:3] == (
        ("license", "mit"),
        ("library_name", "sklearn"),
        ("tags", "tabular-classification, fraud"),
    )
    assert ("model-index 1.results 1.metrics 1.value", "0.91") in card.metadata
    assert "license" not in card.text


@pytest.mark.parametrize(
    "broken",
    [
        "a: [",
        "- a\n- b",
        "a: &x [*x]",
        "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(
            f"b{i}: &b{i} [*{'a' if i == 0 else f'b{i - 1}'}, *{'a' if i == 0 else f'b{i - 1}'}]\n" for i in range(14)
        ),
    ],
)
def test_metadata__not_to_be_read__is_said_and_the_text_stays(broken: str) -> None:
    card = read_card(f"---\n{broken}\n---\nScores customers.\n")
    assert card.problem
    assert card.text == "Scores customers.\n"


def test_metadata__key_twice__is_said() -> None:
    assert "license" in read_card("---\nlicense: mit\nlicense: gpl\n---\nText\n").problem


def test_metadata__very_long__is_cut_with_a_word() -> None:
    card = read_card("---\n" + "".join(f"k{i}: {i}\n" for i in range(100)) + "---\n")
    assert (len(card.metadata), card.more) == (60, 40)


def test_metadata__rule_in_a_card_without_front_matter__is_not_metadata() -> None:
    assert read_card("Text.\n\n---\n\nMore.\n---\n").metadata == ()


def test_safe_markdown__underlined_headings__stand_below_the_pages_own() -> None:
    assert safe_markdown(SETEXT).startswith("### Churn scorer\n\n#### Intended use\n\nScores")
    assert "| a |\n|---|" in safe_markdown("| a |\n|---|\n| 1 |\n")


cards = st.lists(
    st.sampled_from(
        ["# A", "## Limitations", "Limitations\n---", "<h2>Limitations</h2>", "", "Text here.", "TBD", "<!-- x -->",
         "- **B:** [More Information Needed]", "| a |\n|---|\n| 1 |", "```\ncode\n```", "    x", "> q", "---"]
    ),
    max_size=9,
)  # fmt: skip


@given(cards, st.integers(0, 8))
def test_model_card__a_piece_of_text_removed__is_never_greener(parts: list[str], place: int) -> None:
    """Removing text, not headings: without a heading its text moves to the heading before."""
    texts = [at for at, part in enumerate(parts) if "imitations" not in part and not part.startswith("#")]
    if not texts:
        return
    removed = texts[place % len(texts)]
    fewer = [part for at, part in enumerate(parts) if at != removed]
    if parts[removed] in {"---", ""} or "---" in parts:
        return
    before, after = (judge("model_card", {"headings": ["Limitations"]}, card="\n\n".join(p)) for p in (parts, fewer))
    assert not (before.verdict is Verdict.FAIL and after.verdict is Verdict.PASS)


@given(st.text(max_size=300))
def test_model_card__any_text__is_read_without_an_error(text: str) -> None:
    written(text)
    is_written(text)
    safe_markdown(text)
    read_card(f"---\n{text}\n---\n")
