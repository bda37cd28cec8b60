"""What a request changes, in the tense of its state: an open one would, a promoted one did, a rejected one did not."""

from __future__ import annotations

from dashboard.text import as_text
from services.domain.promotions.requests import RequestState
from services.promotions.answers import RequestDetail

_ENDED = {
    RequestState.REJECTED: "the request was rejected",
    RequestState.WITHDRAWN: "the request was withdrawn",
    RequestState.EXPIRED: "the request expired",
    RequestState.VOID: "the request was voided",
    RequestState.FAILED: "the rollout failed",
}
_VERBS = {
    RequestState.APPROVED: ("is approved to replace", "is approved to go live"),
    RequestState.ROLLING_OUT: ("is replacing", "is going live"),
    RequestState.PROMOTED: ("replaced", "went live"),
    RequestState.ROLLED_BACK: ("replaced", "went live"),
}
_WOULD, _PROPOSED = ("would replace", "would go live"), ("was proposed to replace", "was proposed to go live")


def change(detail: RequestDetail) -> str:
    """One sentence, such as ``v7 would replace v4 in production.`` or ``v5 replaced v4 in production.``."""
    state, version = detail.request.state, detail.request.key.version
    verbs = _PROPOSED if state in _ENDED or is_out_of_date(detail) else _VERBS.get(state, _WOULD)
    before = detail.plan.current_version
    if before == version:
        return f"v{version} {_already(detail)} live in {detail.request.environment}.{_now(detail)}"
    what = verbs[1] if before is None else f"{verbs[0]} v{before}"
    return f"v{version} {what} in {detail.request.environment}{_end(state)}.{_now(detail)}"


def _already(detail: RequestDetail) -> str:
    return "was already" if detail.request.is_final or is_out_of_date(detail) else "is already"


def _end(state: RequestState) -> str:
    if state is RequestState.ROLLED_BACK:
        return ", and was rolled back"
    return f"; {_ENDED[state]}" if state in _ENDED else ""


def _now(detail: RequestDetail) -> str:
    """The live version today, if it is neither the sealed one nor the one requested."""
    live = detail.live_version
    expected = {detail.plan.current_version}
    if detail.request.state is RequestState.PROMOTED:
        expected = {detail.request.key.version}
    elif detail.request.state in {RequestState.APPROVED, RequestState.ROLLING_OUT}:
        expected.add(detail.request.key.version)
    return "" if live is None or live in expected else f" {detail.request.environment.capitalize()} now runs v{live}."


def is_out_of_date(detail: RequestDetail) -> bool:
    """True for an undecided request whose seal is out of date."""
    return bool(detail.request.stale) and not detail.request.is_final


def baseline(detail: RequestDetail) -> str:
    """The version compared with, by name: live now, or live when the request was sealed."""
    before = detail.plan.current_version
    if before is None:
        return "a baseline, as nothing was live" if detail.request.is_final else "a baseline, as nothing is live yet"
    return f"v{before}, {'the live version' if _is_still_live(detail) else 'live when sealed'}"


def _is_still_live(detail: RequestDetail) -> bool:
    if detail.request.is_final or is_out_of_date(detail):
        return False
    return detail.live_version in {None, detail.plan.current_version}


def heading(detail: RequestDetail) -> str:
    """The title of the comparison."""
    before = detail.plan.current_version
    if before is None:
        return "Comparison with a baseline"
    if _is_still_live(detail):
        return "Comparison with the live version"
    return f"Comparison with v{before}, live when sealed"


def out_of_date(detail: RequestDetail) -> str:
    """Why nobody can sign, and who must do what; Markdown."""
    live, before = detail.live_version, detail.plan.current_version
    what = "it has changed since it was sealed"
    if live is not None and live != before:
        instead = f"v{before}" if before is not None else "nothing"
        what = f"{as_text(detail.request.environment)} now runs v{live}, not {instead}"
    who = detail.request.participants.requester.name
    return f"**Out of date: {what}.** {as_text(who)} must reseal before anyone can sign."
