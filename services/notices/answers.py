"""The part of the portal's interface for notifications."""

from __future__ import annotations

from typing import Protocol

from services.domain.identity.people import Actor
from services.domain.notices import Preferences
from services.notices.preferences import OwnNotices


class Notices(Protocol):
    """A person's e-mail preferences."""

    def own(self, actor: Actor) -> OwnNotices:
        """Address and preferences of this person. Raises NotAllowedError."""

    def choose(self, actor: Actor, wanted: Preferences) -> None:
        """Save new preferences of this person. Raises NotAllowedError, InvalidInputError."""
