"""Model cards: written, left as the template, or with a text in place of a place-holder and the other way round."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from benchmarks.truth.case import Case, Truth
from benchmarks.truth.gate import ask

HEADINGS = ("Intended use", "Limits", "Training data", "Evaluation", "Ethical considerations")
SENTENCES = (
    "Scores applications for loans of up to 50,000 euros.",
    "Not for businesses, and not below 18 years.",
    "Trained on 48,842 rows of the census of 1994.",
    "The AUC on held-out rows is 0.93.",
    "- Reviewed by credit risk in May.\n- Watched weekly.",
    "| group | auc |\n|---|---|\n| 60+ | 0.91 |",
    "<p>Ranks customers; people decide.</p>",
)
PLACE_HOLDERS = (
    "[More Information Needed]", "TO-DO", "TBD", "<!-- say what it is for -->", "N/A", "{{ intended_use | default }}",
    "...", "_To be completed._", "- **Developed by:** [More Information Needed]", "| group | auc |\n|---|---|\n|  |  |",
    "X" * 3, "Coming soon.", "",
)  # fmt: skip
Heading = Callable[[int, str], str]
STYLES: tuple[Heading, ...] = (
    lambda _, name: f"## {name}",
    lambda _, name: f"{name}\n{'-' * len(name)}",
    lambda _, name: f"<h2>{name}</h2>\n",
    lambda place, name: f"## {place}. {name}",
    lambda _, name: f"## \U0001f4ca {name}",
    lambda _, name: f"### {name.upper()}:",
    lambda place, name: f"# {place}.1 **{name}**",
)
FRONT = (
    "",
    "---\nlicense: mit\ntags:\n- tabular\n---\n",
    "---\nlibrary_name: sklearn\nmetrics: [auc]\ndatasets: census\n---\n\n",
)


def _card(front: str, style: Heading, texts: dict[str, str]) -> str:
    parts = [f"{style(place, name)}\n\n{text}" for place, (name, text) in enumerate(texts.items(), 1)]
    return front + "\n\n".join(["# Loans" if style is not STYLES[2] else "", *parts]) + "\n"


def _case(name: str, truth: Truth, card: str | None, wanted: Sequence[str]) -> Case:
    settings = {"headings": list(wanted)} if wanted else {}
    return Case("model card", name, truth, lambda: ask("model_card", settings, card=card))


def make(chance: random.Random) -> Sequence[Case]:
    """A card with text below each wanted heading; then one heading emptied, removed, and everything removed."""
    wanted = chance.sample(HEADINGS, chance.randint(1, 4))
    front, style = chance.choice(FRONT), chance.choice(STYLES)
    texts = {name: chance.choice(SENTENCES) for name in wanted}
    victim, holder = chance.choice(wanted), chance.choice(PLACE_HOLDERS)
    other = next(name for name in HEADINGS if name not in wanted)
    template = {name: chance.choice(PLACE_HOLDERS) for name in wanted}
    without = {name: text for name, text in texts.items() if name != victim}
    changed = _card(front, style, {**texts, victim: holder})
    return (
        _case("written", Truth.GOOD, _card(front, style, texts), wanted),
        _case("a further heading that is empty", Truth.GOOD, _card(front, style, {**texts, other: holder}), wanted),
        _case(f"{victim}: {holder!r} in place of the text", Truth.BAD, changed, wanted),
        _case("a heading removed", Truth.BAD, _card(front, style, without), wanted),
        _case("a template nobody filled", Truth.BAD, _card(front, style, template), ()),
        _case("metadata alone", Truth.BAD, FRONT[1], ()),
        _case("no card", Truth.BAD, None, chance.choice([wanted, []])),
    )
