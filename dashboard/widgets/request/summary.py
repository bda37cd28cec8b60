"""A request in a few sentences: changes, objections, missing parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dashboard.widgets.base.formats import count, signed
from dashboard.widgets.evidence import verdict as evidence
from dashboard.widgets.request import tense
from services.domain.checks import Verdict
from services.domain.promotions.requests import RequestState
from services.promotions.answers import RequestDetail

NAMED = 4
"""Names in a sentence; more are counted."""


def sentences(detail: RequestDetail) -> tuple[str, ...]:
    """Worst news first, after the one sentence that says what it is about."""
    parts = (
        tense.change(detail),
        *_against(detail),
        _checks(detail),
        *_compared(detail),
        *_since(detail),
        _missing(detail),
    )
    return tuple(part for part in parts if part)


def _against(detail: RequestDetail) -> Iterator[str]:
    if tense.is_out_of_date(detail):
        yield "It is out of date: nobody can sign it until it is resealed."
    if detail.findings and not detail.request.is_final:
        names = _named([finding.title for finding in detail.findings])
        yield f"{count(len(detail.findings), 'open finding blocks', 'open findings block')} approval: {names}."


def _checks(detail: RequestDetail) -> str:
    total = count(len(detail.checks), "check", "checks")
    blocking = [check.name for check in detail.checks if check.is_blocking]
    open_ones = [check.name for check in detail.checks if check.verdict is not Verdict.PASS and not check.is_blocking]
    if blocking:
        more = f"; {len(open_ones)} more did not pass" if open_ones else ""
        return f"{len(blocking)} of {total} {_block(detail, len(blocking))} approval ({_named(blocking)}){more}."
    if open_ones:
        verb = "blocked" if detail.request.is_final else "blocks"
        return f"No check {verb} approval; {len(open_ones)} of {total} did not pass: {_named(open_ones)}."
    return f"All {total} passed." if detail.checks else "The policy requires no checks."


def _block(detail: RequestDetail, blocking: int) -> str:
    if detail.request.is_final:
        return "blocked"
    return "blocks" if blocking == 1 else "block"


def _compared(detail: RequestDetail) -> Iterator[str]:
    found = detail.evidence.compared.result
    if found is None:
        return
    current = detail.plan.current_version
    title = evidence.headline(found, against=f"v{current}" if current else "the baseline")[1]
    worst = evidence.worst_slice(found)
    gap = worst.difference.value if worst else None
    loss = ""
    if worst and gap is not None:
        loss = f"; largest loss: {evidence.slice_name(worst)}, {found.metric} {signed(gap)}"
    yield f"{title}{loss}."


def _since(detail: RequestDetail) -> Iterator[str]:
    since = detail.since
    if since is None:
        return
    metrics = sum(change.what.startswith("metrics.") for change in since.changes)
    others = [change.subject for change in since.changes if not change.what.startswith("metrics.")]
    names = _named([*others[:NAMED], *([count(metrics, "metric")] if metrics else []), *others[NAMED:]])
    yield (
        f"Changed since v{since.version} was approved ({since.request_id}): {names}."
        if since.changes
        else f"Only the version changed since v{since.version} was approved ({since.request_id})."
    )


def _missing(detail: RequestDetail) -> str:
    if detail.request.state is not RequestState.OPEN:
        return ""
    return f"Needs {detail.missing}." if detail.missing else ""


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} more"
