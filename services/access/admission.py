"""Who may read at all. Pages and API check this before any read, so that no page decides by itself."""

from __future__ import annotations

from services.domain.identity.people import Actor, Permission
from services.errors import NotAllowedError


def admit(actor: Actor) -> None:
    """Raises NotAllowedError if no role of the actor allows reading."""
    if actor.may(Permission.BROWSE):
        return
    if actor.is_service:
        raise NotAllowedError("This token may not read.", hint="Issue one with the scope 'read'.")
    raise NotAllowedError(
        "None of your groups has a role with read access.",
        hint="Ask your administrator to add you to a group with a role, then sign in again.",
    )
