"""The worker: claims a rollout, goes through its steps, and ends it in a named state.

Any number of workers may run; a claim's token lets one at a time write. Everything that a worker knows is in the
database, so `kill -9` at any point loses nothing.
"""

from __future__ import annotations

import logging
import random
import secrets
from datetime import timedelta

from services.database.stores.rollouts import LeaseLostError
from services.domain.promotions.rollout import DEFINITION_VERSION, RolloutState, RolloutStep, StepState
from services.errors import PortalError, UpstreamError, UpstreamRefusedError
from services.rollout import journal
from services.rollout.adopting import adopt
from services.rollout.context import Context, Tools, Work
from services.rollout.lease import Lease
from services.rollout.outcomes import NeedsPersonError, RolloutFailedError, SealDiffersError, Wait
from services.rollout.registry import demand_whole
from services.rollout.steps import STEPS, UNDO, steps_of

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 200
MAX_REFUSALS = 3
"""How often a refused write is checked again (the reading decides) before turning back or asking a person."""
LONGEST_PAUSE = 60.0


class RolloutWorker:
    """Carries out rollouts."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def run_once(self) -> bool:
        """Work on one rollout until it waits or ends; False when nothing is due."""
        self._tools.observe("", "", "claim")
        with self._tools.units.begin() as unit:
            claim = unit.rollouts.claim(self._tools.lease.length, secrets.token_urlsafe(32))
        if claim is None:
            return False
        lease = Lease(claim, self._tools.units, self._tools.lease)
        lease.keep()
        try:
            _Turn(Work(self._tools, lease)).take()
        except LeaseLostError:
            log.warning("rollout %s was taken over by another worker", claim.rollout_id)
        finally:
            lease.end()
        return True


class _Turn:
    """The work of one claim."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._claim = work.lease.claim

    def take(self) -> None:
        """Continue until the rollout waits or ends. Raises LeaseLostError."""
        try:
            self._go()
        except Wait as wait:
            journal.pause(self._work, delay=wait.delay, attempts=0, error=str(wait))
        except LeaseLostError:
            raise
        except NeedsPersonError as error:
            journal.hand_over(self._work, self._context(), error.sentence())
        except RolloutFailedError as error:
            self._fail(error)
        except UpstreamError as error:
            self._again_later(error)
        except PortalError as error:
            self._fail(RolloutFailedError(error.message, hint=error.hint, code=error.code))
        except Exception:
            log.exception("rollout %s met an unexpected error", self._claim.rollout_id)
            self._again_later(PortalError("An unexpected error; the log has the details."))

    def _go(self) -> None:
        if self._claim.definition_version != DEFINITION_VERSION:
            adopt(self._work, self._context())
        if self._claim.state is RolloutState.COMPENSATING:
            self._back()
        else:
            self._forward()

    def _forward(self) -> None:
        for step in steps_of(self._context()):
            context, self._work.step = self._context(), step
            line = context.journal.get(step)
            if line is None or line.state is not StepState.DONE:
                STEPS[step](self._work, context)
        self._work.step = RolloutStep.MARK_LIVE
        context = self._context()
        demand_whole(self._work, context)
        self._work.at("commit")
        journal.go_live(self._work, context)

    def _back(self) -> None:
        context = self._context()
        for step in reversed(steps_of(context)):
            line = context.journal.get(step)
            if step in UNDO and line is not None and line.state is not StepState.UNDONE:
                self._work.step = step
                UNDO[step](self._work, self._context())
        self._work.step = None
        self._work.at("end_failed")
        journal.end_undone(self._work, self._context())

    def _fail(self, error: RolloutFailedError) -> None:
        """Forward: void where nothing was done yet, else turn back. On the way back: a person."""
        context = self._context()
        if self._claim.state is RolloutState.COMPENSATING:
            journal.hand_over(self._work, context, error.sentence())
        elif isinstance(error, SealDiffersError) and self._work.step is RolloutStep.RECHECK:
            journal.void(self._work, context, error)
        else:
            journal.turn_back(self._work, context, error)

    def _again_later(self, error: PortalError) -> None:
        """Waits for outages to end. Refused writes are checked again a few times: the reading decides."""
        attempts = self._claim.attempts + 1
        if isinstance(error, UpstreamRefusedError) and attempts > MAX_REFUSALS:
            self._fail(RolloutFailedError(error.message, hint=error.hint, code=error.code))
        elif attempts > MAX_ATTEMPTS:
            journal.hand_over(self._work, self._context(), error.sentence())
        else:
            delay = _pause_of(error, attempts)
            journal.pause(self._work, delay=delay, attempts=attempts, error=error.sentence())

    def _context(self) -> Context:
        return journal.read_context(self._work)


def _pause_of(error: PortalError, attempts: int) -> timedelta:
    pause = min(LONGEST_PAUSE, 2.0 ** min(attempts - 1, 6)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
    asked = getattr(error, "retry_after", None) or 0.0  # the system says when to ask again
    return timedelta(seconds=max(pause, asked))
