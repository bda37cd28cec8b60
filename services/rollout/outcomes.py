"""How a step of a rollout ends when it is not simply done."""

from __future__ import annotations

from datetime import timedelta

from services.domain.promotions.rollout import Cause
from services.errors import PortalError


class RolloutFailedError(PortalError):
    """The rollout cannot go on; what was done is undone."""

    code = "rollout_failed"
    cause = Cause.FAILED


class TooSlowError(RolloutFailedError):
    """The release did not end in time."""

    code = "release_too_slow"
    cause = Cause.SLOW


class SealDiffersError(RolloutFailedError):
    """Something is not as it was signed; the message gives both states."""

    code = "seal_broken"
    cause = Cause.DIFFERS


class NeedsPersonError(PortalError):
    """The portal can neither continue nor undo without harm."""

    code = "needs_person"


class Wait(Exception):  # noqa: N818 - not an error: the step asks to be called again
    """The step is under way; look again after `delay`."""

    def __init__(self, why: str, delay: timedelta = timedelta(seconds=2)) -> None:
        super().__init__(why)
        self.delay = delay
