"""A request in a few sentences: what would change, what speaks against it, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.widgets.base.formats import count, signed
from dashboard.widgets.evidence import verdict as evidence
from services.domain.checks import Verdict
from services.domain.promotions.requests import RequestState
from services.promotions.answers import RequestDetail

NAMED = 4
"""Names in a sentence; more are counted."""


def sentences(detail: RequestDetail) -> tuple[str, ...]:
    """Worst news first, after the one sentence that says what it is about."""
    parts = (_change(detail), *_against(detail), _checks(detail), *_compared(detail), *_since(detail), _missing(detail))
    return tuple(part for part in parts if part)


def _change(detail: RequestDetail) -> str:
    now, place = detail.plan.current_version, detail.request.environment
    if now is None or now == detail.request.key.version:
        return f"v{detail.request.key.version} is to go live in {place}." if now is None else f"It is live in {place}."
    return f"v{detail.request.key.version} is to take the place of v{now} in {place}."


def _against(detail: RequestDetail) -> Iterator[str]:
    if detail.request.stale:
        yield "It changed since it was sealed, so nobody can sign it."
    if detail.findings:
        names = _named([finding.title for finding in detail.findings])
        yield f"{count(len(detail.findings), 'open finding blocks', 'open findings block')} it: {names}."


def _checks(detail: RequestDetail) -> str:
    total = count(len(detail.checks), "check", "checks")
    blocking = [check.name for check in detail.checks if check.is_blocking]
    open_ones = [check.name for check in detail.checks if check.verdict is not Verdict.PASS and not check.is_blocking]
    if blocking:
        more = f"; {count(len(open_ones), 'more does', 'more do')} not pass" if open_ones else ""
        return f"{len(blocking)} of {total} {'blocks' if len(blocking) == 1 else 'block'}: {_named(blocking)}{more}."
    if open_ones:
        return f"No check blocks; {len(open_ones)} of {total} did not pass: {_named(open_ones)}."
    return f"All {total} passed." if detail.checks else "The policy asks for no check."


def _compared(detail: RequestDetail) -> Iterator[str]:
    found = detail.evidence.compared.result
    if found is None:
        return
    current = detail.plan.current_version
    title = evidence.headline(found, against=f"v{current}" if current else "the baseline")[1]
    worst = evidence.worst_slice(found)
    gap = worst.difference.value if worst else None
    told = f"; the worst slice, {evidence.slice_name(worst)}, by {signed(gap)}" if worst and gap is not None else ""
    yield f"{title}{told}."


def _since(detail: RequestDetail) -> Iterator[str]:
    since = detail.since
    if since is None:
        return
    metrics = sum(change.what.startswith("metrics.") for change in since.changes)
    others = [change.what.replace("_", " ") for change in since.changes if not change.what.startswith("metrics.")]
    names = _named([*others[:NAMED], *([count(metrics, "metric")] if metrics else []), *others[NAMED:]])
    yield (
        f"Against the approval before ({since.request_id}, v{since.version}) these differ: {names}."
        if since.changes
        else f"Nothing but the version differs from the approval before ({since.request_id})."
    )


def _missing(detail: RequestDetail) -> str:
    if detail.request.state is not RequestState.OPEN:
        return ""
    return f"Missing: {detail.missing}." if detail.missing else ""


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} more"
