"""The signed-in user of this session, looked up on every run: a sign-out or a lost role takes effect at once."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboard import wiring
from dashboard.server import cookies
from services.access.admission import admit
from services.domain.identity.people import Actor, Person
from services.domain.identity.sessions import Identity
from services.errors import PortalError
from services.settings import DemoPerson

_OWNER = "_signed_in_as"


def demo_people() -> tuple[DemoPerson, ...]:
    """The people of the demo's picker; empty outside the demo."""
    return wiring.settings().demo_people


def signed_in(*, is_at_work: bool = True) -> Identity | None:
    """The user signed in in this browser, if any. `is_at_work` is False for background requests."""
    fixed = wiring.fixed_person()
    if fixed:
        return _demo(fixed)
    if not demo_people() and wiring.provider() is None:
        return None  # nobody vouches for a session that an earlier configuration left behind
    cookie = cookies.session_of(st.context.cookies, wiring.settings())
    session = wiring.sessions().find(cookie, is_at_work=is_at_work)
    if session is None:
        return None
    if demo_people():
        found = _demo(session.identity.person.id)
        return replace(found, signed_in=session.started) if found else None
    return replace(session.identity, signed_in=session.authenticated)


def own_state(person: Identity) -> None:
    """A tab that returns under another sign-in starts empty: drafts and choices belong to one person."""
    owner = st.session_state.get(_OWNER)
    if owner is not None and owner != person.person.id:
        st.session_state.clear()
    st.session_state[_OWNER] = person.person.id


def current_actor() -> Actor | None:
    """The signed-in person with current roles; None when nobody is signed in."""
    found = signed_in()
    return None if found is None else _actor_of(found)


def refusal(person: Identity) -> PortalError | None:
    """Why this person may not read anything; None for everyone with a role that can read."""
    try:
        admit(_actor_of(person))
    except PortalError as error:
        return error
    return None


def _actor_of(found: Identity) -> Actor:
    return Actor(found.person, found.roles, found.known_as, groups=found.groups, signed_in=found.signed_in)


def actor() -> Actor:
    """As `current_actor`, for pages: they only run for somebody who is signed in."""
    found = current_actor()
    if found is None:
        from services.errors import NotAllowedError

        raise NotAllowedError("You are not signed in any more.", hint="Sign in again; nothing was changed.")
    return found


def _demo(person_id: str) -> Identity | None:
    """Demo people as currently in the settings."""
    found = next((person for person in demo_people() if person.id == person_id), None)
    return Identity(Person(found.id, found.name), frozenset(found.roles), title=found.title) if found else None
