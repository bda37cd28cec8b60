"""You: your account, what your roles allow, and your notifications."""

from __future__ import annotations

from datetime import time
from zoneinfo import available_timezones

import streamlit as st

from dashboard import identity, wiring
from dashboard.errors import boundary
from dashboard.text import as_text
from dashboard.widgets.base.markup import bullets, show
from services.domain.identity.people import Actor, Permission
from services.domain.notices import OPTIONAL_TOPICS, Preferences, Rhythm, Schedule
from services.notices.preferences import OwnNotices

RHYTHMS = {
    None: "Administrator's default",
    Rhythm.AT_ONCE: "At once",
    Rhythm.HOURLY: "Hourly digest",
    Rhythm.DAILY: "Daily digest at 8:00",
}
CAN = {
    Permission.BROWSE: "read models, requests, releases and evidence",
    Permission.COMMENT: "comment and raise findings",
    Permission.OPEN_REQUEST: "request promotions",
    Permission.DECIDE: "decide on requests of others",
    Permission.OPERATE_RELEASE: "stop releases and rerun stages",
    Permission.READ_LEDGER: "read and verify the ledger",
    Permission.LOOK_UP_PREDICTION: "look up predictions",
    Permission.SEE_INPUTS: "see the inputs of predictions",
    Permission.EXPORT: "export ledger and dossiers",
    Permission.MANAGE_ACCESS: "manage tokens and sign-ins",
}


def main() -> None:
    """The page."""
    st.title("You")
    actor = identity.actor()
    left, right = st.columns(2, gap="large")
    with left:
        _who(actor)
    with right, boundary():
        _mail(actor, wiring.portal().notices.own(actor))


def _who(actor: Actor) -> None:
    st.subheader("Signed in")
    st.markdown(f"**{as_text(actor.person.name)}**")
    st.caption(f"In the ledger: {as_text(actor.person.id)}")
    roles = ", ".join(sorted(role.value.replace("_", " ") for role in actor.roles))
    st.markdown(f"Your role: {as_text(roles)}. You can:")
    show(bullets(text for permission, text in CAN.items() if actor.may(permission)))
    st.caption("You can't decide on your own requests, runs or versions.")


def _mail(actor: Actor, own: OwnNotices) -> None:
    st.subheader("Mail")
    if not own.is_mailed:
        st.info("Email is not set up yet. Ask your administrator.", icon=":material/mail_off:")
        return
    if not own.email:
        st.info("Your identity provider gives no email address, so you get no email.", icon=":material/mail_off:")
        return
    st.markdown(f"Email about your requests and mentions goes to **{as_text(own.email)}**.")
    wanted = _form(own.preferences)
    if wanted is not None:
        wiring.portal().notices.choose(actor, wanted)
        st.success("Saved. Applies to new events.", icon=":material/check:")


def _form(now: Preferences) -> Preferences | None:
    """The choice, when it was just saved."""
    schedule = now.schedule
    with st.form("mail", border=False):
        rhythm = st.radio(
            "When", list(RHYTHMS), index=list(RHYTHMS).index(schedule.rhythm if schedule else None),
            format_func=lambda one: RHYTHMS[one], key="you_rhythm",
        )  # fmt: skip
        quiet = st.toggle("Quiet hours", value=bool(schedule and schedule.quiet), key="you_quiet")
        begin, end = (schedule.quiet if schedule and schedule.quiet else None) or (time(20), time(7))
        one, two = st.columns(2)
        begin = one.time_input("From", begin, key="you_begin")
        end = two.time_input("Until", end, key="you_end")
        zone = st.selectbox("Time zone", _zones(), index=_zones().index(_zone(schedule)), key="you_zone")
        topics = st.multiselect(
            "Mute", sorted(OPTIONAL_TOPICS), sorted(now.muted), format_func=str.capitalize, key="you_muted"
        )
        st.caption("Incidents and mentions are always sent. Quiet hours delay email; nothing is dropped.")
        if not st.form_submit_button("Keep", type="primary"):
            return None
    muted = frozenset(topics)
    if rhythm is None and not quiet:
        return Preferences(muted=muted)
    return Preferences(Schedule(rhythm or Rhythm.AT_ONCE, (begin, end) if quiet else None, zone), muted)


@st.cache_data(show_spinner=False)
def _zones() -> list[str]:
    return sorted(available_timezones())


def _zone(schedule: Schedule | None) -> str:
    """The saved value, else the browser's."""
    wanted = schedule.zone if schedule else str(st.context.timezone or "")
    return wanted if wanted in _zones() else "UTC"


main()
