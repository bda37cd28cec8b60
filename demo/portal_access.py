"""The portal's own services on the demo's database, for jobs and checks; nothing bypasses them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import timedelta

from demo.layout import Layout
from demo.people import DemoPerson
from services.bootstrap.portal import OpenedPortal, build_portal, open_access
from services.cli.access import administrator
from services.domain.identity.people import Actor, Person, Role
from services.domain.identity.tokens import Scope
from services.settings import Settings, load_settings

TOKEN_LIFE = timedelta(days=366)


@contextlib.contextmanager
def opened_portal(layout: Layout) -> Iterator[OpenedPortal]:
    """The portal's services on the demo's database, without background jobs."""
    opened = build_portal(_settings(layout))
    try:
        yield opened
    finally:
        opened.close()


def _settings(layout: Layout) -> Settings:
    values = {k.removeprefix("COUNTERSIGN_").lower(): v for k, v in layout.portal_settings().items()}
    values["demo_people"] = json.loads(values["demo_people"])
    return load_settings(_env_file=None, **values)


def issue_token(layout: Layout) -> str:
    """The service token of the demo's pipelines, issued as `countersign token create` does."""
    with open_access(_settings(layout)) as access:
        scopes = [Scope.READ, Scope.OPEN_REQUESTS]
        _, secret = access.tokens.issue(administrator(), "pipelines", scopes=scopes, lifetime=TOKEN_LIFE)
    return secret


def actor_of(person: DemoPerson) -> Actor:
    """A demo person at work."""
    return Actor(Person(person.id, person.name), frozenset(Role(role) for role in person.roles))
