"""The answer in one sentence, made of the facts; what is not known is reported as unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.domain.lineage import Certainty, Fact
from services.domain.why.predictions import PredictionRecord
from services.why.promotions import GLASS

PARAMETERS_TOLD = 5
UNKNOWN = "unknown"
LINEAGE = ("Training data", "Algorithm", "Parameters", "Author", "Git commit")
_COMMIT, _SHORT = re.compile(r"\b([0-9a-f]{10})[0-9a-f]{30}\b"), r"\1"


def sentence(facts: Sequence[Fact], record: PredictionRecord) -> str:
    """One sentence: version, time, data, algorithm, person, commit, time live, release, approvers, evidence."""
    said = {fact.name: fact for fact in facts}
    if record.failure:
        asked = f" to {record.key or record.model}" if record.model else ""
        return f"This request{asked} {_when(said['Time'])} failed ({record.failure}): no version gave an answer."
    version = said["Version"]
    if version.certainty is Certainty.UNKNOWN and version.value != UNKNOWN and " or " not in version.value:
        return _if_it_was(said, record)
    answered = f"{_subject(said['Version'], record)} answered this {_when(said['Time'])}"
    if said["Version"].value == UNKNOWN:
        return (
            f"{answered}: neither the log nor the ledger says which, so its data, algorithm, author, release and "
            "approval are unknown."
        )
    if record.time is None:
        return f"{answered}; {_trained(said)}; without a time, since when it was live and who approved it are unknown."
    return (
        f"{answered}; {_trained(said)}, {_live(said['Live'], said['Release'], record)}, and was "
        f"{_approved(said['Approved by'])}{_evidence(said['Evidence'])}."
    )


def _if_it_was(said: Mapping[str, Fact], record: PredictionRecord) -> str:
    """One version is used in place of the unknown one: everything that follows holds only if it was that one."""
    version = said["Version"]
    number = version.value.rpartition(" ")[2]
    plain = {
        name: replace(fact, value=fact.value.replace(f" if it was {number}", ""), certainty=_as_if(fact))
        for name, fact in said.items()
    }
    when = _when(said["Time"])
    doubt = f"The log says that {version.value} answered this {when}, which the ledger cannot confirm"
    doubt = doubt if record.key is not None else f"Which version answered this {when} is unknown"
    opening = f"{doubt}. If it was {version.value}, it"
    trained = _trained(plain).removeprefix("it ")
    if record.time is None:
        return f"{opening} {trained}; without a time, since when it was live and who approved it are unknown."
    live = _live(plain["Live"], plain["Release"], record)
    return f"{opening} {trained}, {live}, and was {_approved(plain['Approved by'])}{_evidence(plain['Evidence'])}."


def _as_if(fact: Fact) -> Certainty:
    """The certainty that the fact would have if the version were known."""
    is_told = fact.certainty is Certainty.UNKNOWN and not fact.value.startswith(UNKNOWN)
    return Certainty.KNOWN if is_told else fact.certainty


def _subject(version: Fact, record: PredictionRecord) -> str:
    if version.certainty is Certainty.UNKNOWN:
        if version.value == UNKNOWN:
            if record.model is None and record.version is not None:
                return f"Version {record.version} of an unknown model"
            return f"An unknown version of {record.model}" if record.model else "An unknown version of an unknown model"
        return f"{version.value} (which of them is unknown)"
    if version.certainty is Certainty.CONTRADICTED:
        return f"{version.value} (the sources contradict each other)"
    return version.value


def _when(time: Fact) -> str:
    return "at an unknown time" if time.value == UNKNOWN else f"on {time.value}"


def _trained(said: Mapping[str, Fact]) -> str:
    if all(said[name].value == UNKNOWN for name in LINEAGE):
        return "it was trained in an unknown way, on unknown data and by an unknown person"
    data, author = _named(said["Training data"], "unknown data"), _named(said["Author"], "an unknown person")
    commit = _named(said["Git commit"], "an unknown one")
    return (
        f"it was trained on {data} with {_method(said['Algorithm'], said['Parameters'])} by {author} at commit "
        f"{_COMMIT.sub(_SHORT, commit)}"
    )


def _named(fact: Fact, unknown: str) -> str:
    """The value, with other wording where it is unknown, or unknown for one of several versions."""
    return unknown if fact.value == UNKNOWN else fact.value.replace(f"{UNKNOWN} if it was", f"{unknown} if it was")


def _method(algorithm: Fact, parameters: Fact) -> str:
    name = _named(algorithm, "an unknown algorithm")
    if parameters.certainty is not Certainty.KNOWN:
        return f"{name} (parameters {parameters.certainty.value})"
    parts = parameters.value.split(", ")
    more = f", and {len(parts) - PARAMETERS_TOLD} more" if len(parts) > PARAMETERS_TOLD else ""
    return f"{name} ({', '.join(parts[:PARAMETERS_TOLD])}{more})"


def _live(live: Fact, release: Fact, record: PredictionRecord) -> str:
    if live.value == UNKNOWN:
        return f"is not recorded as live in {record.environment or 'any environment'} at that time"
    through = "no release on record" if release.value == UNKNOWN else f"release {_named(release, 'none on record')}"
    return f"was live {_named(live, 'at no time on record')} through {through}"


def _approved(fact: Fact) -> str:
    """Breaking the glass is not an approval, and is not reported as one."""
    verb = "let through in an emergency by" if GLASS in fact.value else "approved by"
    doubt = " (the sources contradict each other)" if fact.certainty is Certainty.CONTRADICTED else ""
    return f"{verb} {_named(fact, 'nobody on record')}{doubt}"


def _evidence(fact: Fact) -> str:
    return f" on evidence {fact.value[:19]}" if fact.certainty is Certainty.KNOWN else ""
