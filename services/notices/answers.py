"""The part of the portal's face for what somebody is told."""

from __future__ import annotations

from typing import Protocol

from services.domain.identity.people import Actor
from services.domain.notices import Preferences
from services.notices.preferences import OwnNotices


class Notices(Protocol):
    """What somebody wants to be told by mail."""

    def own(self, actor: Actor) -> OwnNotices:
        """Address and wishes of this person. Raises NotAllowedError."""

    def choose(self, actor: Actor, wanted: Preferences) -> None:
        """Keep other wishes of this person. Raises NotAllowedError, InvalidInputError."""
