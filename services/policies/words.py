"""A policy in plain words: frozen into each request, and printed by `countersign policy explain`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from services.domain.checks import Enforcement
from services.domain.policy import CheckRule, Environment, PromotionPolicy, RegistryOrder, Slot

_EFFECT = {
    Enforcement.BLOCK: "blocks when it fails or is unknown",
    Enforcement.WARN: "warns when it fails or is unknown",
    Enforcement.OFF: "is off",
}


def in_words(policy: PromotionPolicy, environment: Environment) -> list[str]:
    """The active policy, for people."""
    lines = [_people(policy), *_slots(policy)]
    if policy.requesters is not None:
        lines.append(f"Only these may request a promotion: {policy.requesters.in_words()}.")
    lines.append(f"An open request expires after {_span(policy.expires_after)} and counts as rejected.")
    lines += [_check(rule) for rule in policy.checks]
    if policy.card_fields:
        lines.append(f"The model card must have text below: {', '.join(policy.card_fields)}.")
    if policy.reauthenticate:
        lines.append("Signing requires a fresh sign-in.")
    lines += [*_effect(policy, environment), *_calendar(policy), *_afterwards(policy)]
    return lines


def _people(policy: PromotionPolicy) -> str:
    people = "1 reviewer approves" if policy.quorum == 1 else f"{policy.quorum} different reviewers approve"
    tier = f" (risk tier {policy.tier})" if policy.tier else ""
    return f"{people}{tier}; requester, author of the run and registrar never do."


def _slots(policy: PromotionPolicy) -> list[str]:
    if not policy.slots:
        return []
    order = ", one after the other" if policy.in_order else ""
    return [f"Among the signatures{order}: {', '.join(_slot(slot) for slot in policy.slots)}."]


def _slot(slot: Slot) -> str:
    return f"{slot.count} from {slot.discipline} ({slot.members.in_words()}; means {slot.meaning.value})"


def _check(rule: CheckRule) -> str:
    with_ = ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in sorted(rule.settings.items()))
    return f"{rule.kind.replace('_', ' ')}{f' ({with_})' if with_ else ''}: {_EFFECT[rule.enforcement]}."


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(item)}" for name, item in value.items())
    return " and ".join(map(_value, value)) if isinstance(value, list | tuple) else str(value)


def _effect(policy: PromotionPolicy, environment: Environment) -> list[str]:
    order = "before" if environment.registry is RegistryOrder.BEFORE else "after"
    pipeline = environment.pipeline
    lines = [
        f"The registry changes {order} the release runs (pipeline {pipeline.pipeline_id} in {pipeline.project})."
        if pipeline
        else "No pipeline is set: only the registry changes."
    ]
    if policy.witness_before_release:
        lines.append("Nothing changes until a witness outside the portal has seen the approval.")
    if policy.asks_by_tag:
        lines.append("A tag or alias in MLflow also opens a request.")
    return lines


def _calendar(policy: PromotionPolicy) -> list[str]:
    lines = []
    if policy.calendar.windows:
        lines.append(f"Promotions take effect only {'; '.join(w.in_words() for w in policy.calendar.windows)}.")
    lines += [f"Frozen {freeze.in_words()}." for freeze in policy.calendar.freezes]
    return lines


def _afterwards(policy: PromotionPolicy) -> list[str]:
    lines = []
    if policy.review_every is not None:
        lines.append(f"A live version must be re-reviewed every {_span(policy.review_every)}.")
    glass = policy.break_glass
    if glass is None:
        return [*lines, "Nobody may break glass."]
    who = f"In an emergency these may promote without signatures: {glass.who.in_words()}"
    lines.append(f"{who}; valid for {_span(glass.valid_for)}, reviewed within {_span(glass.review_within)}.")
    return lines


def _span(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    if hours % 24:
        return f"{hours:g} hours" if hours != 1 else "1 hour"
    return f"{hours / 24:g} days" if hours != 24 else "1 day"
