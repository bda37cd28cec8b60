"""Whether signatures fill a policy's slots and quorum, and whether the people there are ever could.

One person fills one place. Finding places for people is a matching in a bipartite graph; augmenting paths (Kuhn) find
the largest one, and with at most a few dozen places that is instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.domain.identity.people import Actor
from services.domain.policy import Meaning, PromotionPolicy, Slot


@dataclass(frozen=True)
class Signed:
    """One standing signature: who, for which slot, and what it says."""

    person_id: str
    slot: str
    """The discipline that the person signed for; empty for a plain signature."""
    meaning: Meaning


@dataclass(frozen=True)
class Standing:
    """How far a request is."""

    approvals: int
    quorum: int
    missing: tuple[tuple[str, int], ...] = ()
    """Discipline and how many of its signatures are missing, in the policy's order."""

    @property
    def is_reached(self) -> bool:
        """True when quorum and slots hold; never for a quorum that is not configured."""
        return self.quorum >= 1 and self.approvals >= self.quorum and not self.missing

    def in_words(self) -> str:
        """What is still missing; empty when nothing is."""
        parts = [f"{count} from {name}" for name, count in self.missing]
        lacking = self.quorum - self.approvals
        if lacking > 0:
            parts.append(f"{lacking} {'approval' if lacking == 1 else 'approvals'} in all")
        return ", ".join(parts)


def standing(policy_quorum: int | None, slots: Sequence[Slot], signed: Iterable[Signed]) -> Standing:
    """Count: every person once, approvals towards the quorum, each signature towards its own slot."""
    by_person = {signature.person_id: signature for signature in signed}
    approvals = sum(signature.meaning is Meaning.APPROVED for signature in by_person.values())
    missing: dict[str, int] = {}
    for slot in slots:
        given = sum(s.slot == slot.discipline and fills(s.meaning, slot) for s in by_person.values())
        needed = sum(other.count for other in slots if other.discipline == slot.discipline)
        if given < needed:
            missing[slot.discipline] = needed - given
    return Standing(approvals, policy_quorum or 0, tuple(missing.items()))


def fills(meaning: Meaning, slot: Slot) -> bool:
    """An approval fills any slot; a review fills a slot that asks for no more."""
    return meaning is Meaning.APPROVED or slot.meaning is Meaning.REVIEWED


def next_slots(policy: PromotionPolicy, now: Standing) -> tuple[Slot, ...]:
    """The slots that may be signed now: all that miss something, or the first of them where order counts."""
    missing = {name for name, _ in now.missing}
    open_slots = tuple(slot for slot in policy.slots if slot.discipline in missing)
    return open_slots[:1] if policy.in_order else open_slots


def can_be_reached(policy: PromotionPolicy, signers: Sequence[Actor]) -> str | None:
    """None when these people could reach quorum and slots; otherwise what is impossible, in one sentence."""
    places = [slot for slot in policy.slots for _ in range(slot.count)]
    candidates = [[n for n, actor in enumerate(signers) if slot.members.has(actor)] for slot in places]
    unfilled = _unfilled(candidates)
    if unfilled:
        names = sorted({places[n].discipline for n in unfilled})
        return f"no different people are left to sign for {', '.join(names)}"
    if len(signers) < policy.quorum:
        return f"{policy.quorum} different people must approve and there are {len(signers)}"
    return None


def _unfilled(candidates: Sequence[Sequence[int]]) -> list[int]:
    holder: dict[int, int] = {}
    return [place for place in range(len(candidates)) if not _place(place, candidates, holder, set())]


def _place(place: int, candidates: Sequence[Sequence[int]], holder: dict[int, int], tried: set[int]) -> bool:
    for person in candidates[place]:
        if person in tried:
            continue
        tried.add(person)
        if person not in holder or _place(holder[person], candidates, holder, tried):
            holder[person] = place
            return True
    return False
