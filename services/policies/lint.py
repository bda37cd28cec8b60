"""Checks that the known people can satisfy each policy; reports what is unset, shadowed or impossible.

An error means that the file must not be activated; a warning is a weakness that should be deliberate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from services.domain.checks import Enforcement
from services.domain.identity.people import Actor, Permission, Person, Role
from services.domain.policy import PromotionPolicy
from services.domain.promotions.quorum import can_be_reached
from services.policies.bounds import odd_bounds, wrong_alias
from services.policies.reading import GovernanceText

ONE = "\ue000"
"""A private-use character, which occurs in no model name and no pattern."""
SHORT = timedelta(hours=1)
FAR = timedelta(days=400)
JOB = Actor(Person("service:job", "a job with a service token"), frozenset({Role.SERVICE}))


class Level(StrEnum):
    """Severity."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Remark:
    """One problem that the linter found."""

    line: int
    level: Level
    where: str
    sentence: str

    def in_words(self, name: str) -> str:
        """One line, in a format that editors can jump to."""
        return f"{name}:{self.line}: {self.level.value}: {self.where}: {self.sentence}"


def lint(text: GovernanceText, people: Sequence[Actor], now: datetime) -> list[Remark]:
    """All problems by line. An empty list of people is an error, because nothing can be checked."""
    remarks = list(_of_file(text, people))
    for number, policy in enumerate(text.rules.policies):
        line, where = text.line("policies", number), f"policy {number + 1} ({policy.models} in {policy.environment})"
        found = [*_shadowed(text, number), *_people(policy, people), *_ground(policy), *_calendar(policy, now)]
        found += _bounds(policy)
        remarks += [Remark(line, level, where, sentence) for level, sentence in found]
    return sorted(remarks, key=lambda remark: (remark.line, remark.level, remark.sentence))


def has_errors(remarks: Sequence[Remark]) -> bool:
    """True if the file must not be activated."""
    return any(remark.level is Level.ERROR for remark in remarks)


Found = tuple[Level, str]


def _of_file(text: GovernanceText, people: Sequence[Actor]) -> Iterator[Remark]:
    if not people:
        problem = "no people are known, so nothing can be checked; list them with --people"
        yield Remark(text.line("roles"), Level.ERROR, "people", problem)
    if not text.file.roles.get(Role.REVIEWER):
        problem = "no role maps to a group, so nobody who signs in has a role"
        problem = "the role reviewer maps to no group, so nobody can sign" if text.file.roles else problem
        yield Remark(text.line("roles"), Level.WARNING, "roles", problem)
    yield from _of_environments(text)
    for name in text.file.tiers:
        if name not in {policy.tier for policy in text.rules.policies}:
            yield Remark(text.line("tiers", name), Level.WARNING, f"tier {name}", "no policy uses this tier")
    for name in text.file.disciplines:
        used = {slot.discipline for policy in text.rules.policies for slot in policy.slots}
        if name not in used:
            yield Remark(
                text.line("disciplines", name), Level.WARNING, f"discipline {name}", "no policy requires its signature"
            )


def _of_environments(text: GovernanceText) -> Iterator[Remark]:
    for name, environment in text.rules.environments.items():
        line = text.line("environments", name)
        if not any(policy.environment == name for policy in text.rules.policies):
            yield Remark(line, Level.WARNING, f"environment {name}", "no policy, so nothing can be promoted to it")
        for sentence in wrong_alias(environment.alias):
            yield Remark(line, Level.ERROR, f"environment {name}", sentence)
        asks = any(policy.asks_by_tag for policy in text.rules.policies if policy.environment == name)
        if asks and any(wrong_alias(f"request-{name}")):
            problem = f"MLflow rejects the alias request-{name}, so only the tag opens requests"
            yield Remark(line, Level.WARNING, f"environment {name}", problem)
        if environment.pipeline is None:
            yield Remark(line, Level.WARNING, f"environment {name}", "no pipeline, so only the registry changes")


def _shadowed(text: GovernanceText, number: int) -> Iterator[Found]:
    policy = text.rules.policies[number]
    for earlier in text.rules.policies[:number]:
        if earlier.environment == policy.environment and covers(earlier.models, policy.models):
            yield Level.ERROR, f"never applies: {earlier.models!r} comes first and matches the same models"
            return


def covers(earlier: str, later: str) -> bool:
    """True if the earlier pattern matches every name that the later one matches.

    The later pattern is tried with each wildcard as nothing, one and several private-use characters; a
    pattern with ``[`` is compared literally, so that nothing is wrongly reported as shadowed.
    """
    if "[" in later:
        return earlier == later or set(earlier) == {"*"}
    forms = {later.replace("*", some).replace("?", ONE) for some in ("", ONE, ONE * 3)}
    return all(fnmatchcase(form, earlier) for form in forms)


def _people(policy: PromotionPolicy, people: Sequence[Actor]) -> Iterator[Found]:
    if not people:
        return
    askers = [p for p in people if may_ask(policy, p)]
    if not askers and may_ask(policy, JOB):
        askers = [JOB]
    if not askers:
        yield Level.ERROR, "nobody may request a promotion"
        return
    stuck = {p.person.name: problem for p in askers if (problem := why_stuck(policy, people, asked_by=p)) is not None}
    if len(stuck) == len(askers):
        yield Level.ERROR, f"can never be satisfied: {next(iter(stuck.values()))}"
    else:
        for name, problem in sorted(stuck.items()):
            yield Level.WARNING, f"impossible if {name} is the requester: {problem}"
    yield from _glass(policy, people, askers)


def _glass(policy: PromotionPolicy, people: Sequence[Actor], askers: Sequence[Actor]) -> Iterator[Found]:
    glass = policy.break_glass
    if glass is None:
        yield Level.WARNING, "nobody may break glass, so there is no recorded way in an emergency"
    elif not any(glass.who.has(p) and not p.is_service for p in people):
        yield Level.ERROR, f"break_glass names none of the known people ({glass.who.in_words()})"
    else:
        both = sorted(p.person.name for p in askers if glass.who.has(p) and not p.is_service)
        if both:
            yield Level.WARNING, f"requesters may also break glass, so nobody else reviews first: {', '.join(both)}"


def may_ask(policy: PromotionPolicy, actor: Actor) -> bool:
    """True if this person may open a request under the policy."""
    return actor.may(Permission.OPEN_REQUEST) and (policy.requesters is None or policy.requesters.has(actor))


def why_stuck(policy: PromotionPolicy, people: Sequence[Actor], *, asked_by: Actor) -> str | None:
    """None if the others could satisfy the policy; otherwise what is impossible."""
    signers = [p for p in people if p.may(Permission.DECIDE) and not p.is_service]
    others = [p for p in signers if p.person.id != asked_by.person.id]
    return can_be_reached(policy, others)


def _ground(policy: PromotionPolicy) -> Iterator[Found]:
    if not policy.checks:
        yield Level.ERROR, "checks is unset, so a signature would be the only evidence; add at least one check"
    elif not any(rule.enforcement is Enforcement.BLOCK for rule in policy.checks):
        yield Level.WARNING, "no check blocks, so a version that fails every check can be approved"
    kinds = {rule.kind for rule in policy.checks if rule.enforcement is not Enforcement.OFF}
    if "artifact_digest" not in kinds:
        yield Level.WARNING, "artifact_digest is not required, so a signature may cover files without a digest"
    if policy.card_fields and "model_card" not in kinds:
        yield Level.ERROR, "card_fields is set but the check model_card is not, so card_fields has no effect"
    if policy.quorum == 1 and not policy.slots:
        yield Level.WARNING, "a single signature is enough"
    if policy.review_every is None:
        yield Level.WARNING, "review_every_days is unset, so live versions are never re-reviewed"


def _bounds(policy: PromotionPolicy) -> Iterator[Found]:
    comparison = next((rule.settings for rule in policy.checks if rule.kind == "comparison"), None)
    for rule in policy.checks:
        for level, sentence in odd_bounds(rule, comparison):
            yield Level(level), sentence


def _calendar(policy: PromotionPolicy, now: datetime) -> Iterator[Found]:
    if policy.expires_after < SHORT:
        yield Level.WARNING, f"a request expires after only {policy.expires_after.total_seconds() / 60:.2g} minutes"
    opening = policy.calendar.next_opening(now)
    if opening is None or opening - now > FAR:
        yield Level.ERROR, f"its windows and freezes leave no opening within {FAR.days} days"
    elif opening - now > policy.expires_after:
        yield Level.WARNING, f"closed until {opening:%Y-%m-%d %H:%M} UTC, which is longer than a request lasts"
    for freeze in policy.calendar.freezes:
        if freeze.end <= now:
            yield Level.WARNING, f"the freeze that ended {freeze.end:%Y-%m-%d} no longer has any effect"
