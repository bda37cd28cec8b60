"""Model cards of the demo's versions."""

from __future__ import annotations

from demo.world.adult import Adult
from demo.world.training import Trained


def model_card(trained: Trained, data: Adult) -> str:
    """The card of one version, in Markdown."""
    recipe, metrics = trained.recipe, trained.metrics
    return f"""# census-income v{recipe.version}: {recipe.title}

**Owner:** {recipe.author.name} · **Risk tier:** high · **Task:** binary classification

## Intended use
Estimates whether a person earns more than 50,000 dollars a year, to choose which information letter they receive.

## Not for
Decisions about credit, employment, insurance or benefits; people under 17; countries other than those in the data.

## Data
Adult census income (1994), {len(trained.train.label):,} rows for training and {len(data.evaluation.label):,} for
evaluation, split at random. {recipe.note}

## Performance on the evaluation rows
| metric | all | women | men |
| --- | --- | --- | --- |
| AUC | {metrics["auc"]:.3f} | {metrics["auc_women"]:.3f} | {metrics["auc_men"]:.3f} |
| accuracy | {metrics["accuracy"]:.3f} | | |
| calibration error | {metrics["ece"]:.4f} | | |

## Limits
Thirty years old, from one country; the columns sex and race correlate with the outcome. A score says nothing about
a person's worth or ability.
"""
