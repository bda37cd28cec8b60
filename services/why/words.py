"""The answer in one sentence, made of the facts; what is not known is said to be unknown."""

from __future__ import annotations

from collections.abc import Sequence

from services.domain.lineage import Certainty, Fact
from services.domain.predictions import PredictionRecord
from services.why.promotions import GLASS

PARAMETERS_TOLD = 5


def sentence(facts: Sequence[Fact], record: PredictionRecord) -> str:
    """One sentence: version, time, data, algorithm, person, commit, time live, release, approvers, evidence."""
    said = {fact.name: fact for fact in facts}
    return (
        f"{_subject(said['Version'])} answered this on {said['Time'].value}; it was trained on "
        f"{said['Training data'].value} with {_method(said['Algorithm'], said['Parameters'])} by "
        f"{said['Author'].value} at commit {_short(said['Git commit'].value)}, was live "
        f"{_place(said['Live'], record)} through release {said['Release'].value}, and was "
        f"{_approved(said['Approved by'])}{_evidence(said['Evidence'])}."
    )


def _subject(version: Fact) -> str:
    if version.certainty is Certainty.UNKNOWN:
        if version.value == "unknown":
            return "An unknown version"
        return f"{version.value} (which of them is unknown)"
    if version.certainty is Certainty.CONTRADICTED:
        return f"{version.value} (the sources contradict each other)"
    return version.value


def _method(algorithm: Fact, parameters: Fact) -> str:
    if parameters.certainty is not Certainty.KNOWN:
        return f"{algorithm.value} (parameters {parameters.certainty.value})"
    parts = parameters.value.split(", ")
    more = f", and {len(parts) - PARAMETERS_TOLD} more" if len(parts) > PARAMETERS_TOLD else ""
    return f"{algorithm.value} ({', '.join(parts[:PARAMETERS_TOLD])}{more})"


def _short(commit: str) -> str:
    is_hash = len(commit) == 40 and all(c in "0123456789abcdef" for c in commit)
    return commit[:10] if is_hash else commit


def _place(live: Fact, record: PredictionRecord) -> str:
    if live.value == "unknown":
        return f"in {record.environment or 'an unknown environment'} since an unknown time"
    return live.value


def _approved(fact: Fact) -> str:
    """Breaking the glass is no approval, and is not told as one."""
    verb = "let through in an emergency by" if GLASS in fact.value else "approved by"
    if fact.certainty is Certainty.CONTRADICTED:
        return f"{verb} {fact.value} (the sources contradict each other)"
    return f"{verb} {fact.value}" if fact.certainty is Certainty.KNOWN else "approved by nobody on record"


def _evidence(fact: Fact) -> str:
    return f" on evidence {fact.value[:19]}" if fact.certainty is Certainty.KNOWN else ""
