"""Who may read at all. Pages and API ask here before anything is read, so that no page decides it by itself."""

from __future__ import annotations

from services.domain.identity.people import Actor, Permission
from services.errors import NotAllowedError


def admit(actor: Actor) -> None:
    """Raises NotAllowedError for somebody whom no role lets read: no role at all, or one for other work only."""
    if actor.may(Permission.BROWSE):
        return
    if actor.is_service:
        raise NotAllowedError("This token may not read.", hint="Issue one with the scope 'read'.")
    raise NotAllowedError(
        "None of your groups has a role that reads here.",
        hint="Ask your administrator for a group that the portal knows, then sign in again.",
    )
