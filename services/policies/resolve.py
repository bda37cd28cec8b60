"""From the file to the active rules: tiers supply defaults, and a policy never goes below its tier."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from services.domain.calendar import Calendar, Freeze, Window
from services.domain.checks import Enforcement
from services.domain.identity.people import Circle
from services.domain.policy import (
    BreakGlass,
    CheckRule,
    Environment,
    Governance,
    PipelineTarget,
    PromotionPolicy,
    Slot,
)
from services.policies.check_settings import weaker_settings
from services.policies.file import (
    BreakGlassFile,
    CheckFile,
    CircleFile,
    EnvironmentFile,
    GovernanceFile,
    PolicyFile,
    SlotFile,
    TierFile,
)

Complaint = tuple[tuple[Any, ...], str]
"""A path in the file and the problem there."""
_STRENGTH = {Enforcement.OFF: 0, Enforcement.WARN: 1, Enforcement.BLOCK: 2}
NO_TIER = TierFile()
OWN_PARAMETERS = frozenset({"modelName", "modelVersion", "requestId", "planDigest", "artifactDigest"})


def complaints(parsed: GovernanceFile) -> list[Complaint]:
    """Problems beyond the file format: unknown names, missing values, policies below their tier."""
    found: list[Complaint] = list(_environments(parsed))
    for name, tier in parsed.tiers.items():
        found += _unknown_disciplines(parsed, ("tiers", name), tier.slots or ())
        found += _twice(("tiers", name, "checks"), tier.checks)
    for number, policy in enumerate(parsed.policies):
        found += [(("policies", number, *path), wrong) for path, wrong in _of_policy(parsed, policy)]
    return found


def _of_policy(parsed: GovernanceFile, policy: PolicyFile) -> Iterator[Complaint]:
    if policy.environment not in parsed.environments:
        known = ", ".join(parsed.environments)
        wrong = f"policy for {policy.models!r} names the unknown environment {policy.environment!r}; known: {known}"
        yield ("environment",), wrong
    if policy.tier is not None and policy.tier not in parsed.tiers:
        yield ("tier",), f"unknown tier {policy.tier!r}; known: {', '.join(parsed.tiers) or 'none'}"
        return
    yield from _unknown_disciplines(parsed, (), policy.slots or ())
    yield from _twice(("checks",), policy.checks)
    tier = _tier(parsed, policy)
    if policy.quorum is None and tier.quorum is None:
        yield (), "quorum is not set here or by a tier; without it nothing can be promoted"
    yield from _below_tier(policy, tier)


def _environments(parsed: GovernanceFile) -> Iterator[Complaint]:
    """Two environments cannot share an alias or stage: a promotion to one would move the other."""
    holders: dict[tuple[str, str], str] = {}
    for name, environment in parsed.environments.items():
        for kind in ("alias", "stage"):
            value = getattr(environment, kind)
            if value is not None and holders.setdefault((kind, value), name) != name:
                yield ("environments", name, kind), f"{holders[kind, value]} already uses the {kind} {value}"
        for parameter in sorted(OWN_PARAMETERS & set(environment.pipeline.parameters if environment.pipeline else ())):
            wrong = f"{parameter} is reserved; the rollout sets it for each release"
            yield ("environments", name, "pipeline", "parameters", parameter), wrong


def _twice(path: tuple[Any, ...], checks: Iterable[CheckFile]) -> Iterator[Complaint]:
    seen: set[tuple[str, ...]] = set()
    for number, check in enumerate(checks):
        if check.key in seen:
            yield (*path, number), f"{check.kind} is defined twice; keep one"
        seen.add(check.key)


def _unknown_disciplines(parsed: GovernanceFile, path: tuple[Any, ...], slots: Sequence[SlotFile]) -> list[Complaint]:
    known = ", ".join(parsed.disciplines) or "none"
    return [
        ((*path, "slots", n, "discipline"), f"unknown discipline {slot.discipline!r}; known: {known}")
        for n, slot in enumerate(slots)
        if slot.discipline not in parsed.disciplines
    ]


def _below_tier(policy: PolicyFile, tier: TierFile) -> Iterator[Complaint]:
    if policy.quorum is not None and tier.quorum is not None and policy.quorum < tier.quorum:
        yield ("quorum",), f"{policy.quorum} is below the tier's {tier.quorum}"
    own, asked = _counts(policy.slots or ()), _counts(tier.slots or ())
    if policy.slots is not None and any(own.get(name, 0) < count for name, count in asked.items()):
        yield ("slots",), "omits signatures that the tier requires"
    for name in ("reauthenticate", "in_order"):
        if getattr(tier, name) and getattr(policy, name) is False:
            yield (name,), "disables what the tier requires"
    if policy.review_every_days and tier.review_every_days and policy.review_every_days > tier.review_every_days:
        yield ("review_every_days",), f"is later than the tier's {tier.review_every_days:g}"
    if policy.card_fields is not None and not set(tier.card_fields or ()) <= set(policy.card_fields):
        yield ("card_fields",), "omits headings that the tier requires"
    yield from _weaker_checks(policy, tier)


def _weaker_checks(policy: PolicyFile, tier: TierFile) -> Iterator[Complaint]:
    asked = {check.key: check for check in tier.checks}
    for number, check in enumerate(policy.checks):
        theirs = asked.get(check.key)
        if theirs is None:
            continue
        if _STRENGTH[check.enforcement] < _STRENGTH[theirs.enforcement]:
            yield ("checks", number), f"{check.kind} is weaker than in the tier ({theirs.enforcement.value})"
        yield from ((("checks", number), f"{check.kind}: {wrong}") for wrong in _weaker(check, theirs))


def _weaker(check: CheckFile, theirs: CheckFile) -> Iterator[str]:
    """Only a custom check knows its settings' meaning, so they must equal the tier's."""
    if check.kind != "custom":
        yield from weaker_settings(check.settings, theirs.settings)
    elif check.settings != theirs.settings:
        yield "its settings differ from the tier's"


def _counts(slots: Sequence[SlotFile]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for slot in slots:
        counts[slot.discipline] = counts.get(slot.discipline, 0) + slot.count
    return counts


def to_domain(parsed: GovernanceFile) -> Governance:
    """The active rules, for a file without problems."""
    days = parsed.ledger.keep_personal_days
    return Governance(
        environments={name: _environment(name, env) for name, env in parsed.environments.items()},
        policies=tuple(_policy(parsed, policy) for policy in parsed.policies),
        groups={role.value: groups for role, groups in parsed.roles.items()},
        keep_personal=None if days is None else timedelta(days=days),
    )


def _environment(name: str, env: EnvironmentFile) -> Environment:
    pipeline = env.pipeline
    target = PipelineTarget(**pipeline.model_dump(exclude={"id"}), pipeline_id=pipeline.id) if pipeline else None
    return Environment(name, env.stage, env.alias, target, env.registry)


def _policy(parsed: GovernanceFile, policy: PolicyFile) -> PromotionPolicy:
    tier = _tier(parsed, policy)
    quorum, interval = _first(policy.quorum, tier.quorum), _first(policy.review_every_days, tier.review_every_days)
    windows = tuple(Window(w.days, w.opens, w.closes, w.zone) for w in policy.windows)
    return PromotionPolicy(
        models=policy.models,
        environment=policy.environment,
        quorum=int(quorum),
        expires_after=timedelta(days=policy.expires_after_days),
        checks=_checks(policy, tier),
        witness_before_release=policy.witness_before_release,
        tier=policy.tier or "",
        slots=tuple(_slot(parsed, slot) for slot in _first(policy.slots, tier.slots) or ()),
        in_order=bool(_first(policy.in_order, tier.in_order)),
        requesters=_circle(policy.requesters) if policy.requesters else None,
        calendar=Calendar(windows, tuple(Freeze(f.start, f.end, f.reason) for f in policy.freezes)),
        break_glass=_break_glass(policy.break_glass) if policy.break_glass else None,
        card_fields=tuple(_first(policy.card_fields, tier.card_fields) or ()),
        review_every=None if interval is None else timedelta(days=interval),
        reauthenticate=bool(_first(policy.reauthenticate, tier.reauthenticate)),
        asks_by_tag=policy.ask_by_tag,
    )


def _checks(policy: PolicyFile, tier: TierFile) -> tuple[CheckRule, ...]:
    own = {check.key for check in policy.checks}
    merged: list[CheckFile] = [*policy.checks, *(check for check in tier.checks if check.key not in own)]
    headings = _first(policy.card_fields, tier.card_fields)
    return tuple(CheckRule(check.kind, check.enforcement, _settings(check, headings)) for check in merged)


def _settings(check: CheckFile, headings: Sequence[str] | None) -> dict[str, Any]:
    """Pass the policy's required headings to the model card check."""
    return {**check.settings, "headings": list(headings)} if check.kind == "model_card" and headings else check.settings


def _slot(parsed: GovernanceFile, slot: SlotFile) -> Slot:
    return Slot(slot.discipline, _circle(parsed.disciplines[slot.discipline]), slot.count, slot.meaning)


def _circle(circle: CircleFile) -> Circle:
    return Circle(tuple(role.value for role in circle.roles), circle.groups, circle.people)


def _break_glass(file: BreakGlassFile) -> BreakGlass:
    return BreakGlass(_circle(file.who), timedelta(hours=file.valid_hours), timedelta(days=file.review_within_days))


def _tier(parsed: GovernanceFile, policy: PolicyFile) -> TierFile:
    return parsed.tiers[policy.tier] if policy.tier else NO_TIER


def _first(own: Any, tiers: Any) -> Any:
    return tiers if own is None else own
