"""Lineage of the versions that may have answered: from the sealed evidence, and from the registry's copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.domain.catalogue import VersionDetail
from services.domain.datasets import training_text
from services.domain.lineage import Certainty, Claim, Fact, settle
from services.domain.registry import Dataset, VersionKey
from services.why.promotions import Promotion

HINTS = {
    "Training data": "Log the training set with mlflow.log_input(dataset, context='training').",
    "Algorithm": "Set the run tag algorithm.",
    "Parameters": "Log the parameters with mlflow.log_params.",
    "Author": "Log the run with a signed-in user.",
    "Git commit": "Train from a Git checkout with git installed.",
}


@dataclass(frozen=True)
class Origin:
    """Everything that is known about one version."""

    key: VersionKey
    detail: VersionDetail | None
    promotion: Promotion | None

    @property
    def is_other_version(self) -> bool:
        """True when the registry's copy has another version with that number: the model was created again."""
        sealed = str(self.promotion.plan.get("version_created", "")) if self.promotion else ""
        if not sealed or self.detail is None:
            return False
        return datetime.fromisoformat(sealed) != self.detail.version.created


def lineage_facts(origins: Sequence[Origin], *, disputed: bool, settled: bool = True) -> list[Fact]:
    """One fact for each part of the lineage; with several possible versions, the value for each.

    Where the version is not `settled`, each part gives its value *if* it was this version.
    """
    each = [_of_one(origin) for origin in origins]
    if not each:
        return [Fact(name, Certainty.UNKNOWN, "unknown", hint="The version is unknown.") for name in HINTS]
    if len(each) == 1 and settled:
        return [each[0][name] for name in HINTS]
    keys = [origin.key for origin in origins]
    return [merged(name, keys, [facts[name] for facts in each], disputed=disputed, settled=settled) for name in HINTS]


def caveats(origins: Sequence[Origin]) -> tuple[str, ...]:
    """Caveats about the sources of the lineage."""
    said: list[str] = []
    for origin in origins:
        said += origin.promotion.problems if origin.promotion else ()
        if origin.detail is None:
            said.append(f"{origin.key} is not in the registry's copy.")
        elif origin.is_other_version:
            said.append(
                f"MLflow has another version under the name {origin.key} by now (the model was created again); "
                "what is shown here comes from the sealed evidence alone."
            )
    return tuple(said)


def _of_one(origin: Origin) -> dict[str, Fact]:
    sealed = _sealed(origin.promotion)
    detail = None if origin.is_other_version else origin.detail
    copied = {fact.name: fact for fact in detail.facts} if detail else {}
    if detail is not None and detail.run is not None:
        told = Claim(parameter_text(detail.run.params), f"run {detail.run.run_id}")
        copied["Parameters"] = settle("Parameters", [told])
    facts = {}
    for name, hint in HINTS.items():
        fact = copied.get(name)
        claims = [*sealed.get(name, []), *(fact.claims if fact else ())]
        missing = hint if detail else f"{origin.key} is not in the registry's copy."
        facts[name] = settle(name, claims, hint=missing, link=fact.link if fact else "")
    return facts


def _sealed(promotion: Promotion | None) -> dict[str, list[Claim]]:
    run = promotion.evidence.run if promotion and promotion.evidence else None
    if promotion is None or run is None:
        return {}
    source = f"evidence sealed in request {promotion.request_id} (ledger entry {promotion.seal_seq})"
    values = {
        "Training data": _training(run.datasets),
        "Algorithm": run.algorithm or "",
        "Parameters": parameter_text(run.params),
        "Author": run.user,
        "Git commit": run.commit or "",
    }
    return {name: [Claim(value, source)] for name, value in values.items()}


def _training(datasets: Sequence[Dataset]) -> str:
    """In the wording of the registry's copy: only what was logged as training data."""
    return training_text(datasets)


def parameter_text(params: Mapping[str, Any]) -> str:
    """``depth=3, rate=0.1``, sorted by name."""
    return ", ".join(f"{name}={value}" for name, value in sorted(params.items()))


def merged(
    name: str, keys: Sequence[VersionKey], facts: Sequence[Fact], *, disputed: bool, settled: bool = True
) -> Fact:
    """One fact from those of several versions: known where all agree, else the value for each.

    Where log and ledger dispute the version itself, facts that differ are contradicted too.
    """
    claims = tuple(claim for key, fact in zip(keys, facts, strict=True) for claim in _if_it_was(key, fact))
    agreed = settle(name, claims, hint=facts[0].hint)
    are_all_told = all(fact.certainty is not Certainty.UNKNOWN for fact in facts)
    if not claims or (settled and agreed.certainty is Certainty.KNOWN and are_all_told):
        return agreed
    value = ", ".join(f"{fact.value} if it was v{key.version}" for key, fact in zip(keys, facts, strict=True))
    is_contradicted = any(fact.certainty is Certainty.CONTRADICTED for fact in facts) or (disputed and are_all_told)
    certainty = Certainty.CONTRADICTED if is_contradicted else Certainty.UNKNOWN
    return Fact(name, certainty, value, agreed.sources, claims, "It depends on which version answered.")


def _if_it_was(key: VersionKey, fact: Fact) -> list[Claim]:
    """What each source reports about one version; equal reports are grouped."""
    sources: dict[str, list[str]] = {}
    for claim in fact.claims:
        sources.setdefault(claim.value, []).append(claim.source)
    return [Claim(value, f"if it was v{key.version}: {', '.join(said)}") for value, said in sources.items()]
