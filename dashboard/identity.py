"""Who is at work in this session. Asked anew at every run, so that a sign-out takes effect at once."""

from __future__ import annotations

import streamlit as st

from dashboard import wiring
from dashboard.sessions import COOKIE
from services.domain.people import Actor, Person
from services.settings import DemoPerson


def demo_people() -> tuple[DemoPerson, ...]:
    """The people of the demo's picker; empty outside the demo."""
    return wiring.settings().demo_people


def signed_in() -> DemoPerson | None:
    """The demo person of this session, if anybody is signed in."""
    person_id = wiring.fixed_person() or wiring.sessions().person(st.context.cookies.get(COOKIE))
    return next((person for person in demo_people() if person.id == person_id), None)


def current_actor() -> Actor | None:
    """The person at work with the roles that hold now; None when nobody is signed in."""
    person = signed_in()
    return Actor(Person(person.id, person.name), frozenset(person.roles)) if person else None


def actor() -> Actor:
    """As `current_actor`, for pages: they only run for somebody who is signed in."""
    found = current_actor()
    if found is None:
        from services.errors import NotAllowedError

        raise NotAllowedError("You are not signed in any more.", hint="Sign in again; nothing was changed.")
    return found
