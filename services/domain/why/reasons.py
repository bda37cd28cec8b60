"""Reasons: how much each input moved an answer, and the most similar known examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.domain.why.replay import Seen

SAYS = (
    "Each bar shows how much this input moved the model's answer for this row away from the mean answer over the "
    "background rows. The bars and the mean add up to the answer."
)
SAYS_NOT = (
    (
        "It explains the model, not reality: an input that moved the answer need not be a "
        "cause, and changing it need not change the outcome."
    ),
    (
        "Inputs are combined with those of background rows as if independent; if inputs depend on each other, some "
        "of these rows cannot exist, and credit can be split between such inputs in several fair ways."
    ),
    "A different background, or another model version, gives different numbers.",
)
METHODS = {
    "tree": (
        "shap TreeExplainer, interventional: exact for the sum of the trees; where the model turns that sum into a "
        "probability, each background row's shares are scaled to the difference in probability"
    ),
    "exact": "exact: every combination of inputs was evaluated",
    "permutation": "sampled over random orders of the inputs; the thin lines show two standard errors",
}


@dataclass(frozen=True)
class InputMoved:
    """One input: its value (or the mask) and its contribution."""

    name: str
    value: Any
    moved: float
    error: float

    def sentence(self) -> str:
        """For people."""
        return f"{self.name} = {self.value} {'raised' if self.moved > 0 else 'lowered'} it by {abs(self.moved):.3f}"


@dataclass(frozen=True)
class Neighbour:
    """A known example near the prediction; `distance` is between 0 (the same) and 1."""

    inputs: dict[str, Any]
    outcome: str
    distance: float
    differs_in: tuple[str, ...]


@dataclass(frozen=True)
class Reasons:
    """Attribution and neighbours; `neighbours_problem` explains missing neighbours."""

    method: str
    target: str
    predicted: str
    base: float
    prediction: float
    inputs: tuple[InputMoved, ...]
    background: str
    """Description of the background."""
    why_not_tree: str = ""
    nearest: tuple[Neighbour, ...] = ()
    nearest_other: tuple[Neighbour, ...] = ()
    neighbours_problem: str = ""
    seen: tuple[Seen, ...] = ()
    """Inputs that the model saw otherwise than they were logged; the reasons are about what it saw."""

    def sum_check(self) -> str:
        """The sum of mean and contributions, beside the answer."""
        moved = sum(i.moved for i in self.inputs)
        return (
            f"Sum check: average {self.base:.4f} plus contributions {moved:+.4f} is {self.base + moved:.4f}; "
            f"the model answers {self.prediction:.4f}."
        )

    def in_words(self, limit: int = 4) -> str:
        """The main contributions as one sentence."""
        moved = [i for i in self.inputs if i.moved][:limit]
        changed = "".join(f" {item.sentence()}." for item in self.seen)
        if not moved:
            return f"No input moved {self.target} away from {self.base:.3f}, the mean over {self.background}.{changed}"
        parts = "; ".join(i.sentence() for i in moved)
        return (
            f"Over {self.background}, {self.target} averages {self.base:.3f}; this prediction: {self.prediction:.3f}. "
            f"Main contributions: {parts}.{changed}"
        )
