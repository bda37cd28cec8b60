"""Whether signatures fill a policy's slots and quorum, and whether the known people could.

One person fills one slot. Assigning people to slots is a bipartite matching; augmenting paths (Kuhn) find
a maximum one, which is instant for a few dozen slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.domain.identity.people import Actor
from services.domain.policy import Meaning, PromotionPolicy, Slot


@dataclass(frozen=True)
class Signed:
    """One valid signature: its person, slot and meaning."""

    person_id: str
    slot: str
    """The discipline that the person signed for; empty for a plain signature."""
    meaning: Meaning


@dataclass(frozen=True)
class Standing:
    """Progress of a request."""

    approvals: int
    quorum: int
    missing: tuple[tuple[str, int], ...] = ()
    """Disciplines with their number of missing signatures, in the policy's order."""

    @property
    def is_reached(self) -> bool:
        """True if quorum and slots are filled; never without a configured quorum."""
        return self.quorum >= 1 and self.approvals >= self.quorum and not self.missing

    def in_words(self) -> str:
        """What is still missing; empty if nothing is."""
        parts = [f"{count} from {name}" for name, count in self.missing]
        lacking = self.quorum - self.approvals
        if lacking > 0:
            parts.append(f"{lacking} {'approval' if lacking == 1 else 'approvals'}{' in all' if parts else ''}")
        return ", ".join(parts)


def standing(policy_quorum: int | None, slots: Sequence[Slot], signed: Iterable[Signed]) -> Standing:
    """Count each person once: approvals towards the quorum, each signature towards its slot."""
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
    """An approval fills any slot; a review fills a slot that requires only a review."""
    return meaning is Meaning.APPROVED or slot.meaning is Meaning.REVIEWED


def next_slots(policy: PromotionPolicy, now: Standing) -> tuple[Slot, ...]:
    """The slots that can be signed now: all with missing signatures, or only the first if the order counts."""
    missing = {name for name, _ in now.missing}
    open_slots = tuple(slot for slot in policy.slots if slot.discipline in missing)
    return open_slots[:1] if policy.in_order else open_slots


def can_be_reached(policy: PromotionPolicy, signers: Sequence[Actor]) -> str | None:
    """None if these people could fill quorum and slots; otherwise what is impossible, in one sentence."""
    places = [slot for slot in policy.slots for _ in range(slot.count)]
    candidates = [[n for n, actor in enumerate(signers) if slot.members.has(actor)] for slot in places]
    unfilled = _unfilled(candidates)
    if unfilled:
        names = sorted({places[n].discipline for n in unfilled})
        return f"not enough different people can sign for {', '.join(names)}"
    if len(signers) < policy.quorum:
        return f"{policy.quorum} different people must approve, but only {len(signers)} can"
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
